import { describe, expect, it } from 'vitest';
import { ended, makeInput, makeInstance, TERM } from '../../../test/pod-fixture.ts';
import { HOUR } from '../time.ts';
import type { Input } from './observed.ts';
import { planWorkload } from './plan.ts';
import { viewWorkload } from './status.ts';

const pause = { reason: 'upgrade of the database', by: 'eva', endsAt: Infinity };

function decide(options: Partial<Input>): { reason: string; actions: string[]; wakeAt: number | undefined } {
  const { reason, actions, wakeAt } = planWorkload(makeInput({ pause, ...options }));
  return { reason, actions: actions.map(({ kind }) => kind), wakeAt };
}

describe('a paused workload', () => {
  it.each([
    ['no pod is made', []],
    ['no gate is lifted', [makeInstance({ gated: true })]],
    ['no instance is replaced', [makeInstance({ hash: 'older' })]],
    ['no failed instance is cleared away', [makeInstance({ status: ended('Failed') })]],
  ])('%s', (_, instances) => {
    expect(decide({ instances })).toMatchObject({ reason: 'Paused', actions: [] });
  });

  it('is not stopped either when it leaves its source', () => {
    const { desired: _, ...input } = makeInput({ pause, instances: [makeInstance()] });
    expect(planWorkload(input)).toMatchObject({ reason: 'Paused', actions: [] });
  });

  it('is claimed all the same: it keeps an earlier leader from acting on it', () => {
    expect(decide({ instances: [makeInstance({ term: TERM - 1 })] }).actions).toEqual(['claim']);
  });

  it('lets go of a pod that somebody deleted once its end is proven, and not before', () => {
    const gone = makeInstance({ terminating: true, status: ended('Succeeded') });
    expect(decide({ instances: [gone] })).toMatchObject({ reason: 'Paused', actions: ['dropFinalizer'] });
    expect(decide({ instances: [makeInstance({ terminating: true })] }).actions).toEqual([]);
  });

  it('is looked at again when the pause ends, and within an hour in any case', () => {
    expect(decide({ pause: { ...pause, endsAt: 5000 } }).wakeAt).toBe(5000);
    expect(decide({}).wakeAt).toBe(1000 + HOUR);
  });

  it('goes on as ever when the time of the pause has come', () => {
    expect(decide({ pause: { ...pause, endsAt: 1000 } }).actions).toEqual(['create']);
  });

  it('shows who paused it, until when and why, and whether it runs', () => {
    const input = makeInput({ instances: [makeInstance()], pause: { ...pause, until: 'then' } });
    expect(viewWorkload(input, planWorkload(input))).toMatchObject({
      active: true,
      healthy: true,
      reason: 'Paused',
      message: 'paused by eva until then: upgrade of the database. Nothing is started, stopped or changed',
    });
  });

  it('a record that cannot be read is told of, and not obeyed', () => {
    const { pause: _, ...input } = makeInput({
      instances: [makeInstance()],
      ignored: 'annotation x: not JSON',
    });
    expect(viewWorkload(input, planWorkload(input))).toMatchObject({
      reason: 'Active',
      message: 'running on node-a (without effect: annotation x: not JSON)',
    });
  });
});

describe('a pause of the other kinds', () => {
  it.each(['service', 'persistent', 'cronjob'] as const)('a paused %s makes and changes nothing', (kind) => {
    const { desired: _, record: _record, ...rest } = makeInput({ pause });
    const input = { ...rest, key: { ...rest.key, kind }, objects: [] };
    expect(planWorkload(input)).toMatchObject({ reason: 'Paused', actions: [] });
  });
});

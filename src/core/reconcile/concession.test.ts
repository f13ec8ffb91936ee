import { describe, expect, it } from 'vitest';
import { ended, makeInput, makeInstance, makeWorkload } from '../../../test/pod-fixture.ts';
import { cronInput, podOf as runOf } from '../../../test/cron-fixture.ts';
import { ownedInput, podOf, SERVICE, SET } from '../../../test/owned-fixture.ts';
import { MINUTE } from '../time.ts';
import { concede } from './concession.ts';
import type { NodeFacts } from './node-facts.ts';
import type { Input } from './observed.ts';
import { planWorkload } from './plan.ts';
import type { PodOptions } from '../../../test/pod-fixture.ts';

const silent: NodeFacts = {
  kind: 'present',
  ready: false,
  suspect: true,
  outOfService: false,
  notReadySince: 0,
};
const fence = { node: 'node-a', pods: ['uid-1'], by: 'eva', reason: '', at: '', state: 'accepted' } as const;
const desired = makeWorkload({ nodeLoss: { policy: 'Force', after: MINUTE } });
const givenUp = { node: 'node-a', uid: 'uid-1' };
const record = { managedFrom: 'file', hash: 'hash-1', restarts: 0 } as const;

function plan(options: Partial<Input>, pod: PodOptions = {}, grace?: number) {
  const { pod: made, ...facts } = makeInstance(pod, { node: silent });
  const metadata =
    grace === undefined ? made.metadata : { ...made.metadata, deletionGracePeriodSeconds: grace };
  return planWorkload(
    concede(makeInput({ instances: [{ ...facts, pod: { ...made, metadata } }], ...options })),
  );
}

describe('an instance on a node that is said to be off', () => {
  it('is deleted, removed without its kubelet, and let go, in this order', () => {
    expect(plan({ fences: [fence] }).actions).toMatchObject([{ kind: 'delete', cause: 'NodeFenced' }]);
    expect(plan({ fences: [fence] }, { terminating: true }).actions).toMatchObject([
      { kind: 'remove', proof: 'FencedByOperator' },
    ]);
    expect(plan({ fences: [fence] }, { terminating: true }, 0).actions).toMatchObject([
      { kind: 'dropFinalizer', proof: 'FencedByOperator' },
    ]);
  });

  it('is waited for when the word names another pod, or another node', () => {
    expect(plan({ fences: [{ ...fence, pods: ['other'] }] }, { terminating: true }).actions).toEqual([]);
    expect(plan({ fences: [{ ...fence, node: 'node-b' }] }, { terminating: true }).actions).toEqual([]);
  });

  it('needs no word when its end was reported', () => {
    const status = ended('Failed');
    expect(plan({ fences: [fence] }, { terminating: true, status }).actions).toMatchObject([
      { kind: 'dropFinalizer', proof: 'KubeletReported' },
    ]);
  });
});

describe('nodeLoss: Force', () => {
  it('waits for its time, and is looked at again then', () => {
    expect(plan({ desired })).toMatchObject({ actions: [], wakeAt: MINUTE });
  });

  it('never gives anything up under Fenced', () => {
    expect(plan({ now: 100 * MINUTE }).actions).toEqual([]);
    expect(plan({ now: 100 * MINUTE }, { terminating: true }).actions).toEqual([]);
  });

  it('puts it on record before it acts', () => {
    expect(plan({ desired, now: MINUTE }).actions).toMatchObject([{ kind: 'remember', record: { givenUp } }]);
    const known = { desired, now: MINUTE, record: { ...record, givenUp } };
    expect(plan(known).actions).toMatchObject([{ kind: 'delete', cause: 'NodeGivenUp' }]);
    expect(plan(known, { terminating: true }).actions).toMatchObject([{ kind: 'remove', proof: 'GivenUp' }]);
  });

  it('takes it off the record when the node reports again, and not before', () => {
    const known = { desired, record: { ...record, givenUp }, instances: [makeInstance({ uid: 'new' })] };
    expect(plan({ ...known, lostNode: silent }).actions).toEqual([]);
    const { actions } = plan({ ...known, lostNode: { ...silent, ready: true } });
    expect(actions).toEqual([{ kind: 'remember', record }]);
  });
});

describe('a word about a node, for the other kinds', () => {
  it.each([SERVICE, SET])('deletes the pod of a $key.kind', (workload) => {
    const instances = [podOf(workload, {}, { node: silent })];
    const { actions } = planWorkload(concede(ownedInput(workload, { instances, fences: [fence] })));
    expect(actions).toMatchObject([{ kind: 'delete', cause: 'NodeFenced' }]);
  });

  it('deletes the pod of a run', () => {
    const run = { ...runOf('noon'), node: silent };
    const input = cronInput({ instances: [run], fences: [{ ...fence, pods: ['pod-of-noon'] }] });
    expect(planWorkload(concede(input)).actions).toMatchObject([{ kind: 'delete', cause: 'NodeFenced' }]);
  });
});

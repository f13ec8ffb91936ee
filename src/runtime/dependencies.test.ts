import { describe, expect, it } from 'vitest';
import { makeWorkload } from '../../test/pod-fixture.ts';
import type { WorkloadView } from '../core/projection.ts';
import type { Workload } from '../core/workload/model.ts';
import { Dependencies } from './dependencies.ts';

const OWN = 'process/default/report';
const DB = 'persistent/default/db';

interface Situation {
  readonly defined?: readonly string[];
  readonly views?: Readonly<Record<string, Partial<WorkloadView>>>;
  readonly existing?: readonly string[];
}

function open({ defined = [OWN, DB], views = {}, existing = [] }: Situation = {}): Dependencies {
  const workload = makeWorkload();
  return new Dependencies({
    desired: (key): Workload | undefined => (defined.includes(key) ? workload : undefined),
    view: (key) => {
      const view = views[key];
      if (view === undefined) return undefined;
      return { key: workload.key, active: true, healthy: true, reason: 'Active', message: '', ...view };
    },
    exists: (key) => existing.includes(key),
  });
}

function causes(dependencies: Dependencies): readonly string[] {
  return dependencies.waitsFor(makeWorkload()).map(({ key, cause }) => `${key} ${cause}`);
}

describe('a workload may start', () => {
  it('when it depends on nothing', () => {
    expect(causes(open())).toEqual([]);
  });

  it('when what it depends on is ready, or has finished its work', () => {
    for (const view of [{}, { active: false, reason: 'Completed' as const }]) {
      const dependencies = open({ views: { [DB]: view } });
      dependencies.learn(OWN, [DB]);
      expect(causes(dependencies)).toEqual([]);
    }
  });
});

describe('a workload waits', () => {
  it.each([
    [
      'starts',
      { views: { [DB]: { healthy: false, reason: 'Starting' as const } } },
      'is not ready: Starting',
    ],
    ['was not looked at yet', {}, 'is not ready: not known yet'],
    ['is not defined', { defined: [OWN] }, 'is not defined anywhere'],
  ])('while what it depends on %s', (_what, situation, cause) => {
    const dependencies = open(situation);
    dependencies.learn(OWN, [DB]);
    expect(causes(dependencies)).toEqual([`${DB} ${cause}`]);
  });

  it('and says so, when it depends on itself through others', () => {
    const dependencies = open({ views: { [DB]: {} } });
    dependencies.learn(OWN, [DB]);
    dependencies.learn(DB, ['service/default/web']);
    dependencies.learn('service/default/web', [OWN]);
    expect(causes(dependencies)).toEqual([`${DB} depends on ${OWN} itself, in a circle`]);
  });

  it('no more once its spec names nothing', () => {
    const dependencies = open();
    dependencies.learn(OWN, [DB]);
    dependencies.learn(OWN, []);
    expect(causes(dependencies)).toEqual([]);
    expect(dependencies.around(DB)).toEqual([]);
  });
});

describe('a workload that is to be stopped', () => {
  const removed = open({ defined: [], existing: [OWN] });
  removed.learn(OWN, [DB]);

  it('waits for those that depend on it and are to be stopped as well', () => {
    expect(removed.stopsAfter(DB)).toEqual([OWN]);
  });

  it('waits neither for one that goes on, nor for one that is gone', () => {
    for (const situation of [{ defined: [OWN], existing: [OWN] }, { defined: [] }]) {
      const dependencies = open(situation);
      dependencies.learn(OWN, [DB]);
      expect(dependencies.stopsAfter(DB)).toEqual([]);
    }
  });

  it('wakes those on both sides', () => {
    expect(removed.around(DB)).toEqual([OWN]);
    expect(removed.around(OWN)).toEqual([DB]);
  });
});

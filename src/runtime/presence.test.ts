import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createManualSystem, settle, type ManualSystem } from '../../test/manual-system.ts';
import { createMemoryCache, type MemoryCache } from '../../test/memory-cache.ts';
import { memoryCluster, type MemoryCluster } from '../../test/memory-cluster.ts';
import type { ElectionView } from '../core/election/view.ts';
import { MINUTE, SECOND } from '../core/time.ts';
import { CONFIG_MAPS, type Cache, type KubeObject } from '../ports/cluster.ts';
import { Controls, type ControlMap } from './controls.ts';
import { PresenceKeeper } from './presence.ts';

const SCOPE = { tenant: 'default', controllerNamespace: 'here' };
const LED_BY_ONE: ElectionView = {
  role: 'follower',
  since: 0,
  epoch: 7,
  holder: 'one/h/u',
  store: { up: true },
};

let system: ManualSystem;
let cluster: MemoryCluster;
let candidates: Candidate[];

interface Candidate {
  readonly cache: MemoryCache<ControlMap>;
  readonly controls: Controls;
  readonly keeper: PresenceKeeper;
  readonly stop: () => Promise<void>;
  view: ElectionView | undefined;
}

function start(id: string, view: ElectionView = LED_BY_ONE): Candidate {
  const cache = createMemoryCache<ControlMap>();
  // The only cache that is asked for.
  const asAny = <T extends KubeObject>(): Cache<T> => cache as unknown as Cache<T>;
  const controls = new Controls({ cache: asAny }, system.clock, SCOPE);
  const options = { tenant: 'default', id, holder: `${id}/h/u`, clusterName: 'blue', version: '1.2.3' };
  const keeper = new PresenceKeeper(cluster, controls, system, () => candidate.view, options);
  const life = new AbortController();
  const running = keeper.run(life.signal);
  const stop = async (): Promise<void> => {
    life.abort();
    await running;
  };
  const candidate: Candidate = { cache, controls, keeper, stop, view };
  candidates.push(candidate);
  return candidate;
}

const stored = (): Readonly<Record<string, string>> | undefined =>
  cluster.find(CONFIG_MAPS, 'here', 'highlander-control-default')?.data;

/** Time passes in steps, and everybody's watch sees what was written. */
async function pass(duration: number, step = SECOND): Promise<void> {
  for (let passed = 0; passed < duration; passed += step) {
    system.advance(step);
    await settle();
    const map = cluster.find(CONFIG_MAPS, 'here', 'highlander-control-default');
    if (map !== undefined) for (const { cache } of candidates) cache.observe(map);
  }
}

const heardBy = ({ keeper }: Candidate): readonly string[] =>
  keeper.candidates().map(({ presence: { id, leader, term } }) => `${id}: ${leader} in ${term}`);

beforeEach(() => {
  system = createManualSystem();
  cluster = memoryCluster();
  candidates = [];
});

afterEach(async () => {
  const all = Promise.all(candidates.map(({ stop }) => stop()));
  await settle();
  await all;
});

describe('a candidate', () => {
  it('says soon that it is there, and whom it sees leading; all hear it', async () => {
    const one = start('one');
    const two = start('two');
    await pass(10 * SECOND);
    for (const candidate of [one, two])
      expect(heardBy(candidate).toSorted()).toEqual(['one: one/h/u in 7', 'two: one/h/u in 7']);
  });

  it('costs one write a minute', async () => {
    start('one');
    await pass(10 * SECOND);
    const before = cluster.writes;
    await pass(30 * MINUTE);
    expect(cluster.writes - before).toBeLessThanOrEqual(31);
    expect(cluster.writes - before).toBeGreaterThan(25);
  });

  it('says at once what it sees after a change of leader, and nothing where it sees the same', async () => {
    const one = start('one');
    const two = start('two');
    await pass(10 * SECOND);
    const before = cluster.writes;
    one.view = { ...LED_BY_ONE, holder: 'two/h/u', epoch: 8 };
    for (const { keeper } of [one, two]) keeper.look();
    await pass(4 * SECOND);
    expect(heardBy(two)).toContain('one: two/h/u in 8');
    expect(cluster.writes - before).toBe(1);
  });

  it('cannot tell who leads while the store does not answer, and says just that', async () => {
    const one = start('one', { ...LED_BY_ONE, store: { up: false, cause: 'refused', since: 0 } });
    await pass(10 * SECOND);
    expect(heardBy(one)).toEqual(['one: undefined in 7']);
  });

  it('takes its word back when it ends', async () => {
    const one = start('one');
    const two = start('two');
    await pass(10 * SECOND);
    await two.stop();
    await pass(SECOND);
    expect(heardBy(one)).toEqual(['one: one/h/u in 7']);
  });

  it('with an id that cannot be an entry is seen by nobody, and its log says so', async () => {
    start('a/b');
    await pass(10 * SECOND);
    expect(cluster.writes).toBe(0);
    expect(system.lines.filter((line) => line.startsWith('warn'))).toHaveLength(1);
  });
});

it('one that died keeps the time of its last word, is forgotten after ten minutes and cleared away by the leader', async () => {
  const one = start('one');
  await pass(10 * SECOND);
  const text = (stored()?.['present.one'] ?? '').replaceAll('one/h/u', 'gone/h/u').replace('"one"', '"gone"');
  const at = system.clock.wall();
  await cluster.patch(
    one.controls.ref,
    [{ op: 'add', path: '/data/present.gone', value: text }],
    AbortSignal.abort(),
  );
  await pass(5 * MINUTE);
  const gone = one.keeper.candidates().find(({ presence }) => presence.id === 'gone');
  expect(gone?.lastSeen).toBeLessThanOrEqual(at + SECOND);
  await pass(7 * MINUTE);
  expect(heardBy(one)).toEqual(['one: one/h/u in 7']);
  expect(Object.keys(stored() ?? {})).toEqual(['present.one']);
});

it('that somebody is there asks nobody to look at a workload', async () => {
  const one = start('one');
  const asked: (string | undefined)[] = [];
  one.controls.listen((key) => asked.push(key));
  start('two');
  await pass(3 * MINUTE);
  expect(asked).toEqual([]);
});

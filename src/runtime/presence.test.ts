import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createManualSystem, settle, type ManualSystem } from '../../test/manual-system.ts';
import { createMemoryCache, type MemoryCache } from '../../test/memory-cache.ts';
import { memoryCluster, type MemoryCluster } from '../../test/memory-cluster.ts';
import type { ElectionView } from '../core/election/view.ts';
import { MINUTE, SECOND } from '../core/time.ts';
import { LEASES, type Cache, type KubeObject } from '../ports/cluster.ts';
import { PresenceKeeper } from './presence.ts';

const NAME = 'k8-highlander-candidates-default';
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
  readonly cache: MemoryCache<KubeObject>;
  readonly keeper: PresenceKeeper;
  readonly stop: () => Promise<void>;
  view: ElectionView | undefined;
}

function start(id: string, view: ElectionView = LED_BY_ONE): Candidate {
  const cache = createMemoryCache<KubeObject>();
  // The only cache that is asked for.
  const asAny = <T extends KubeObject>(): Cache<T> => cache as unknown as Cache<T>;
  const options = {
    tenant: 'default',
    controllerNamespace: 'here',
    id,
    holder: `${id}/h/u`,
    clusterName: 'blue',
    version: '1.2.3',
  };
  const keeper = new PresenceKeeper({ ...cluster, cache: asAny }, system, () => candidate.view, options);
  const life = new AbortController();
  const running = keeper.run(life.signal);
  const stop = async (): Promise<void> => {
    life.abort();
    await running;
  };
  const candidate: Candidate = { cache, keeper, stop, view };
  candidates.push(candidate);
  return candidate;
}

const stored = (): Readonly<Record<string, string>> =>
  cluster.find(LEASES, 'here', NAME)?.metadata.annotations ?? {};

/** Time passes in steps, and everybody's watch sees what was written. */
async function pass(duration: number, step = SECOND): Promise<void> {
  for (let passed = 0; passed < duration; passed += step) {
    system.advance(step);
    await settle();
    const lease = cluster.find(LEASES, 'here', NAME);
    if (lease !== undefined) for (const { cache } of candidates) cache.observe(lease);
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

  it('may have any id', async () => {
    const one = start('a/b c'.repeat(50));
    await pass(10 * SECOND);
    expect(one.keeper.candidates()).toHaveLength(1);
    for (const annotation of Object.keys(stored()))
      expect(annotation).toMatch(/^highlander\.plexobject\.io\/[-a-z0-9]{1,63}$/);
  });
});

it('one that died keeps the time of its last word, is forgotten after ten minutes and cleared away by the leader', async () => {
  const one = start('one');
  await pass(10 * SECOND);
  const lease = cluster.find(LEASES, 'here', NAME);
  const [[annotation, text] = ['', '']] = Object.entries(stored());
  const other = text.replaceAll('one/h/u', 'gone/h/u').replace('"one"', '"gone"');
  const annotations = { [annotation]: text, [`${annotation}0`]: other };
  const metadata = { ...lease?.metadata, name: NAME, namespace: 'here', annotations };
  const at = system.clock.wall();
  await cluster.replace(LEASES, { metadata }, AbortSignal.abort());
  await pass(5 * MINUTE);
  const gone = one.keeper.candidates().find(({ presence }) => presence.id === 'gone');
  expect(gone?.lastSeen).toBeLessThanOrEqual(at + SECOND);
  await pass(7 * MINUTE);
  expect(heardBy(one)).toEqual(['one: one/h/u in 7']);
  expect(Object.keys(stored())).toEqual([annotation]);
});

it('none takes back what another said, however many write at once', async () => {
  const names = Array.from({ length: 20 }, (_, number) => `c-${number}`);
  const all = names.map((name) => start(name));
  await pass(2 * MINUTE);
  for (const one of all) expect(one.keeper.candidates()).toHaveLength(names.length);
});

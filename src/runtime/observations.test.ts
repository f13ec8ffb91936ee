import { describe, expect, it } from 'vitest';
import { createManualSystem, type ManualSystem } from '../../test/manual-system.ts';
import { ended, makePod, type PodOptions } from '../../test/pod-fixture.ts';
import type { Pod } from '../core/manifests/pod.ts';
import type { Cache, CacheChange, KubeObject } from '../ports/cluster.ts';
import type { Node } from './node.ts';
import { Observations } from './observations.ts';

const KEY = 'process/default/report';

/** A cache that tells what a test tells it. */
class ScriptedCache<T extends KubeObject> implements Cache<T> {
  readonly #objects = new Map<string, T>();
  #handler: (change: CacheChange<T>) => void = () => undefined;

  get(namespace: string, name: string): T | undefined {
    return this.#objects.get(`${namespace}/${name}`);
  }

  values(): Iterable<T> {
    return this.#objects.values();
  }

  state(): { synced: boolean } {
    return { synced: true };
  }

  synced(): Promise<void> {
    return Promise.resolve();
  }

  put(object: T): void {
    const key = `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
    const previous = this.#objects.get(key);
    this.#objects.set(key, object);
    this.#handler({ kind: 'changed', object, ...(previous === undefined ? {} : { previous }) });
  }

  remove(object: T): void {
    this.#objects.delete(`${object.metadata.namespace ?? ''}/${object.metadata.name}`);
    this.#handler({ kind: 'removed', object });
  }

  onChange(handler: (change: CacheChange<T>) => void): void {
    this.#handler = handler;
  }

  run(): Promise<void> {
    return Promise.resolve();
  }
}

interface Bench {
  readonly system: ManualSystem;
  readonly pods: ScriptedCache<Pod>;
  readonly nodes: ScriptedCache<Node>;
  readonly seen: Observations;
  readonly woken: string[];
  readonly terms: number[];
  readonly missed: string[];
}

function open(): Bench {
  const system = createManualSystem();
  const pods = new ScriptedCache<Pod>();
  const nodes = new ScriptedCache<Node>();
  const seen = new Observations(system.clock, pods, nodes);
  const bench: Bench = { system, pods, nodes, seen, woken: [], terms: [], missed: [] };
  seen.listen({
    onWorkload: (key) => bench.woken.push(key),
    onNode: () => {},
    onTermSeen: (term) => bench.terms.push(term),
    onEvidenceRemoved: (_key, pod) => bench.missed.push(pod.metadata.uid ?? ''),
  });
  nodes.put(makeNode());
  return bench;
}

function makeNode(ready = true, taints: readonly string[] = []): Node {
  return {
    metadata: { name: 'node-a' },
    spec: { taints: taints.map((key) => ({ key })) },
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'Unknown' }] },
  };
}

describe('instances', () => {
  it('are found by the workload they name, with the facts of their node', () => {
    const { pods, nodes, seen } = open();
    pods.put(makePod());
    nodes.put(makeNode(false, ['node.kubernetes.io/out-of-service']));
    expect(seen.instances(KEY)).toMatchObject([
      { node: { kind: 'present', ready: false, suspect: true, outOfService: true, notReadySince: 0 } },
    ]);
  });

  it("carry the local time since when they terminate and are ready, not the cluster's", () => {
    const { pods, seen, system } = open();
    pods.put(makePod());
    system.advance(500);
    pods.put(makePod({ terminating: true }));
    system.advance(500);
    pods.put(makePod({ terminating: true }));
    expect(seen.instances(KEY)).toMatchObject([{ readySince: 0, terminatingSince: 500 }]);
  });

  it('lose their readiness time when they are not ready in between', () => {
    const { pods, seen, system } = open();
    pods.put(makePod());
    pods.put(makePod({ status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] } }));
    system.advance(100);
    pods.put(makePod());
    expect(seen.instances(KEY)).toMatchObject([{ readySince: 100 }]);
  });

  it('wake their workload when they or the health of their node change, and not on a heartbeat', () => {
    const { pods, nodes, woken } = open();
    pods.put(makePod());
    expect(woken).toEqual([KEY]);
    nodes.put(makeNode());
    expect(woken).toHaveLength(1);
    nodes.put(makeNode(false));
    expect(woken).toHaveLength(2);
  });

  it('tell the term they carry', () => {
    const { pods, terms, seen } = open();
    pods.put(makePod({ term: 12 }));
    expect(terms).toEqual([12]);
    expect(seen.highestTerm()).toBe(12);
  });
});

describe('an instance that is gone', () => {
  const removal = (options: PodOptions): Bench => {
    const bench = open();
    bench.pods.put(makePod(options));
    bench.pods.remove(makePod(options));
    return bench;
  };

  it.each([
    ['gated', { gated: true }],
    ['terminating and never bound', { node: null, terminating: true }],
    ['ended by its kubelet', { terminating: true, status: ended('Failed') }],
  ])('counts as gone at once when it was %s', (_, options) => {
    const { seen, missed } = removal(options);
    expect(seen.vanished(KEY)).toEqual([]);
    expect(missed).toEqual([]);
  });

  it('counts as gone only its grace period and 30 s later when nothing proved its end', () => {
    const { seen, missed, system } = removal({});
    expect(seen.vanished(KEY)).toMatchObject([{ uid: 'uid-1', node: 'node-a', goneAt: 60_000 }]);
    expect(missed).toEqual(['uid-1']);
    expect([...seen.keys()]).toEqual([KEY]);
    system.advance(59_999);
    expect(seen.vanished(KEY)).toHaveLength(1);
    system.advance(1);
    expect(seen.vanished(KEY)).toEqual([]);
  });

  it('is judged by the state it was removed in, which may be the first to show the end', () => {
    const { pods, seen } = open();
    pods.put(makePod());
    pods.remove(makePod({ terminating: true, status: ended('Failed') }));
    expect(seen.vanished(KEY)).toEqual([]);
  });

  it('is noticed when another pod stands under its name', () => {
    const { pods, seen } = open();
    pods.put(makePod({ uid: 'old' }));
    pods.put(makePod({ uid: 'new', gated: true }));
    expect(seen.instances(KEY).map(({ pod }) => pod.metadata.uid)).toEqual(['new']);
    expect(seen.vanished(KEY)).toMatchObject([{ uid: 'old' }]);
  });

  it('does not take its successor with it when its removal is told late', () => {
    const { pods, seen } = open();
    pods.put(makePod({ uid: 'old', gated: true }));
    pods.put(makePod({ uid: 'new' }));
    pods.remove(makePod({ uid: 'old', gated: true }));
    expect(seen.instances(KEY).map(({ pod }) => pod.metadata.uid)).toEqual(['new']);
    expect(seen.vanished(KEY)).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { createManualSystem, settle } from '../../test/manual-system.ts';
import { memoryCluster } from '../../test/memory-cluster.ts';
import { createMemoryCache } from '../../test/memory-cache.ts';
import { FINGERPRINT, makePod, makeWorkload, TERM } from '../../test/pod-fixture.ts';
import type { Pod } from '../core/manifests/pod.ts';
import type { WorkloadResource } from '../core/workload/custom-resource.ts';
import type { Workload, WorkloadKind } from '../core/workload/model.ts';
import { SECOND } from '../core/time.ts';
import { LABEL } from '../core/workload/names.ts';
import {
  PODS,
  type Cache,
  type Cluster,
  type KubeObject,
  type ListResult,
  type Resource,
  type Scope,
} from '../ports/cluster.ts';
import { Controls } from './controls.ts';
import { Hub } from './hub.ts';
import { ManagedObjects } from './managed-objects.ts';
import type { Node } from './node.ts';
import { Observations } from './observations.ts';
import { Sources } from './sources.ts';
import type { Term } from './term.ts';
import { TermSession } from './term-session.ts';
import { GO_SELECTOR } from './world.ts';

const KINDS: readonly WorkloadKind[] = ['process', 'cronjob', 'service', 'persistent'];
const NEVER = new AbortController().signal;

/** A term whose right to act can be put in question, and confirmed again. */
class TestTerm implements Term {
  readonly epoch = TERM;
  readonly signal = NEVER;
  isInQuestion = false;

  validUntil(): number {
    return this.isInQuestion ? -Infinity : Infinity;
  }

  isValid(): boolean {
    return !this.isInQuestion;
  }

  deadline(): number {
    return Infinity;
  }

  demote(): void {}
}

/** A term over one running pod of an earlier term, in a cluster whose custom resources cannot be listed until `define` is called. */
function open(workloads: readonly Workload[], pod: Pod = makePod({ term: TERM - 1 })) {
  const system = createManualSystem();
  const memory = memoryCluster();
  const term = new TestTerm();
  /** The list of the pods is answered once this is. */
  const read = Promise.withResolvers<void>();
  let isHeld = false;
  const pods = createMemoryCache<Pod>();
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const list = async <T extends KubeObject>(resource: Resource, scope: Scope): Promise<ListResult<T>> => {
    // The cluster in memory knows no selectors; nothing here is of the Go program.
    if (scope.labelSelector === GO_SELECTOR) return { kind: 'done', items: [], resourceVersion: '1' };
    if (resource.plural.startsWith('workload')) {
      asked.resolve();
      await answered.promise;
    }
    if (resource === PODS && isHeld) await read.promise;
    return memory.list<T>(resource, scope, NEVER);
  };
  const cluster: Cluster = {
    ...memory,
    list,
    address: 'memory',
    warmUp: () => Promise.resolve(),
    cache: <T extends KubeObject>(): Cache<T> => createMemoryCache<T>(),
    replace: () => Promise.resolve({ kind: 'unknown', cause: 'not here' }),
    delete: () => Promise.resolve({ kind: 'unknown', cause: 'not here' }),
    rehearse: () => Promise.resolve({ kind: 'unknown', cause: 'not here' }),
    close: () => Promise.resolve(),
  };
  const resources = new Map(KINDS.map((kind) => [kind, createMemoryCache<WorkloadResource>()]));
  const identity = { tenant: 'default', controllerNamespace: 'k8-highlander' };
  const goPods = createMemoryCache<Pod>();
  const nodes = createMemoryCache<Node>();
  const session = new TermSession(
    {
      system,
      cluster,
      pods,
      goPods,
      observations: new Observations(system.clock, pods, nodes, goPods),
      objects: new ManagedObjects(cluster, LABEL.tenant),
      sources: new Sources({ workloads, references: [] }, 'default', resources, system.log),
      controls: new Controls(cluster, system.clock, identity),
      hub: new Hub(system.clock, 'test'),
    },
    { ...identity, id: 'a', clusterName: 'default', fingerprint: FINGERPRINT },
    term,
    (error) => {
      throw error;
    },
  );
  /** The pod changes in the cluster, and the watch tells of it. */
  const show = (): void => {
    memory.put(PODS, pod);
    const shown = memory.find(PODS, 'default', pod.metadata.name);
    if (shown !== undefined) pods.observe(shown as Pod);
  };
  show();
  const termOfPod = (): string | undefined => {
    const found = memory.find(PODS, 'default', pod.metadata.name);
    return found?.metadata.annotations?.['highlander.plexobject.io/term'];
  };
  /** From now on the pods cannot be listed until the function that is answered is called. */
  const holdPods = (): (() => void) => {
    isHeld = true;
    return read.resolve;
  };
  return {
    session,
    term,
    system,
    asked: asked.promise,
    define: answered.resolve,
    show,
    holdPods,
    termOfPod,
    memory,
  };
}

describe('the start of a term', () => {
  it('looks at a workload of the file before the custom resources are known', async () => {
    const { session, asked, termOfPod, define } = open([makeWorkload()]);
    const started = session.start();
    await asked;
    await expect.poll(termOfPod).toBe(String(TERM));
    define();
    await started;
    await session.stop();
  });

  it('touches nothing that a custom resource may define before those are known', async () => {
    const { session, asked, show, termOfPod, memory, define } = open([]);
    const started = session.start();
    await asked;
    show();
    // All that this could lead to is done.
    await new Promise((resolve) => setImmediate(resolve));
    expect(memory.writes).toBe(0);
    expect(termOfPod()).toBe(String(TERM - 1));
    define();
    await started;
    await expect.poll(termOfPod).toBe(String(TERM));
    await session.stop();
  });

  it('claims what it has watched while it still reads the pods', async () => {
    const { session, holdPods, termOfPod, define } = open([makeWorkload()]);
    const answer = holdPods();
    define();
    const started = session.start();
    await expect.poll(termOfPod).toBe(String(TERM));
    answer();
    await started;
    await session.stop();
  });

  it('decides about what it claimed only after it has read the pods', async () => {
    // Its spec is another one by now: it is to be stopped, and stopping is a decision.
    const old = makePod({ term: TERM - 1, hash: 'old' });
    const { session, holdPods, termOfPod, define, memory } = open([makeWorkload()], old);
    const answer = holdPods();
    define();
    const started = session.start();
    await expect.poll(termOfPod).toBe(String(TERM));
    await new Promise((resolve) => setImmediate(resolve));
    expect(memory.writes).toBe(1);
    answer();
    await started;
    await expect.poll(() => memory.writes).toBeGreaterThan(1);
    await session.stop();
  });

  it('loses nothing when what it has watched is older than the pod: the claim is refused, and made again', async () => {
    const { session, holdPods, termOfPod, define, memory } = open([makeWorkload()]);
    const current = memory.find(PODS, 'default', 'report-pod');
    if (current !== undefined) memory.put(PODS, current);
    const answer = holdPods();
    define();
    const started = session.start();
    await new Promise((resolve) => setImmediate(resolve));
    expect(termOfPod()).toBe(String(TERM - 1));
    answer();
    await started;
    await expect.poll(termOfPod).toBe(String(TERM));
    expect(memory.find(PODS, 'default', 'report-pod')?.metadata.uid).toBe(current?.metadata.uid);
    await session.stop();
  });

  it('claims nothing that another installation made', async () => {
    const foreign = makePod({ term: TERM - 1, fingerprint: 'lease|other|highlander-default|k8-highlander' });
    const { session, holdPods, termOfPod, define } = open([makeWorkload()], foreign);
    const answer = holdPods();
    define();
    const started = session.start();
    await new Promise((resolve) => setImmediate(resolve));
    answer();
    await started;
    await session.stop();
    expect(termOfPod()).toBe(String(TERM - 1));
  });

  it('begins once its right to act is confirmed, when it was in question while the pods were read', async () => {
    const { session, term, system, termOfPod, define } = open([makeWorkload()]);
    define();
    term.isInQuestion = true;
    const started = session.start();
    await settle();
    expect(termOfPod()).toBe(String(TERM - 1));
    term.isInQuestion = false;
    system.advance(SECOND);
    await started;
    await expect.poll(termOfPod).toBe(String(TERM));
    await session.stop();
  });

  it('looks again at a workload whose turn came while its right to act was in question', async () => {
    const { session, term, system, show, termOfPod, define } = open([makeWorkload()]);
    define();
    await session.start();
    await expect.poll(termOfPod).toBe(String(TERM));
    term.isInQuestion = true;
    // An earlier leader's pod again: something to do, which nothing but the queue brings back.
    show();
    await settle();
    expect(termOfPod()).toBe(String(TERM - 1));
    term.isInQuestion = false;
    system.advance(SECOND);
    await expect.poll(termOfPod).toBe(String(TERM));
    await session.stop();
  });
});

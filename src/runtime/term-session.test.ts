import { describe, expect, it } from 'vitest';
import { createManualSystem } from '../../test/manual-system.ts';
import { memoryCluster } from '../../test/memory-cluster.ts';
import { createMemoryCache } from '../../test/memory-cache.ts';
import { FINGERPRINT, makePod, makeWorkload, TERM } from '../../test/pod-fixture.ts';
import type { Pod } from '../core/manifests/pod.ts';
import type { WorkloadResource } from '../core/workload/custom-resource.ts';
import type { Workload, WorkloadKind } from '../core/workload/model.ts';
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
const TERM_NOW: Term = {
  epoch: TERM,
  signal: NEVER,
  validUntil: () => Infinity,
  isValid: () => true,
  deadline: () => Infinity,
  demote: () => {},
};

/** A term over one running pod of an earlier term, in a cluster whose custom resources cannot be listed until `define` is called. */
function open(workloads: readonly Workload[]) {
  const system = createManualSystem();
  const memory = memoryCluster();
  const pod = makePod({ term: TERM - 1 });
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
    TERM_NOW,
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
  return { session, asked: asked.promise, define: answered.resolve, show, termOfPod, memory };
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
});

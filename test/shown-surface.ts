/** Every path of the HTTP surface over one shown world, so that all of them speak of the same thing. */
import { mapDisagreement } from '../src/api/v1/candidates.ts';
import type { LegacyFacts } from '../src/api/legacy.ts';
import type { Pod } from '../src/core/manifests/pod.ts';
import type { Snapshot, WorkloadView } from '../src/core/projection.ts';
import { Metrics } from '../src/metrics/metrics.ts';
import { ProcessMetrics } from '../src/metrics/process-metrics.ts';
import { ProcessUsage } from '../src/metrics/process-usage.ts';
import type { Cluster } from '../src/ports/cluster.ts';
import type { System } from '../src/ports/system.ts';
import type { Route } from '../src/server/route.ts';
import { controllerRoutes } from '../src/server/routes.ts';
import { actionRoutes } from '../src/server/v1/actions.ts';
import { openV1 } from '../src/server/v1/routes.ts';
import { memoryCluster } from './memory-cluster.ts';
import type { ShownWorld } from './shown-world.ts';

export interface ShownSurface {
  readonly routes: readonly Route[];
  close(): void;
}

export interface ShownParts {
  readonly pods?: readonly Pod[];
  readonly cluster?: Pick<Cluster, 'get' | 'list' | 'create' | 'patch'>;
  /** With credentials in it, for those who look whether they come out. */
  readonly storeAddress?: string;
}

export function openShownSurface(world: ShownWorld, system: System, parts: ShownParts = {}): ShownSurface {
  const { pods = [], cluster = memoryCluster(), storeAddress = world.identity.storeAddress } = parts;
  const { id, holder, tenant, cluster: clusterName, version, ttl, controllerNamespace } = world.identity;
  const usage = new ProcessUsage();
  const sources = {
    controller: id,
    tenant,
    clusterName,
    store: world.identity.storeKind,
    version,
    ttl,
    now: () => system.clock.now(),
    election: () => world.state().election,
    isLeader: () => world.state().isLeader,
    snapshot: () => snapshotOf(world),
    queue: () => ({ depth: 0, oldest: undefined }),
    clusterProblem: () => world.state().clusterProblem,
    wall: () => system.clock.wall(),
    asked: () => world.asked(),
    isReady: () => world.state().notReady === undefined,
    isStoreUp: () => world.state().isStoreUp,
    streams: () => 0,
  };
  const metrics = new ProcessMetrics(usage, sources);
  const counted = new Metrics(sources, holder, metrics.exposition);
  counted.observeReconcile(1);
  const facts = (): LegacyFacts => {
    const state = world.state();
    return {
      ...state,
      id,
      tenant,
      clusterName,
      version,
      storageType: world.identity.storeKind,
      storageAddress: storeAddress,
      buildInfo: 'node',
      port: 8080,
      startedAt: 0,
      uptime: 0,
      snapshot: snapshotOf(world),
      observed: [...world.keys()].flatMap((key) => world.workload(key)?.seen ?? []),
      disagreement: mapDisagreement(world.identity, state),
    };
  };
  const legacy = controllerRoutes({
    facts,
    usage: () => ({ activeResources: 1, heapUsed: 1, heapTotal: 1, resident: 1, garbageCollections: 1 }),
    metrics,
    pods: {
      managed: () => pods,
      all: () => {
        const { clusterProblem } = world.state();
        return Promise.resolve(clusterProblem === undefined ? pods : { cause: clusterProblem });
      },
      problem: () => world.state().clusterProblem,
      now: () => system.clock.wall(),
    },
    metricsPath: '/metrics',
  });
  const v1 = openV1(world, system);
  const actions = actionRoutes({
    facts: world,
    cluster,
    tenant,
    controllerNamespace,
    base: '',
    wall: () => system.clock.wall(),
  });
  return {
    routes: [...legacy, ...v1.routes, ...actions],
    close: () => {
      v1.close();
      usage.close();
    },
  };
}

/** The word of the leader, which a follower does not have. */
function snapshotOf(world: ShownWorld): Snapshot {
  const { leadership, serverFencing } = world.state();
  const workloads = new Map<string, WorkloadView>();
  for (const key of world.keys()) {
    const view = world.workload(key)?.view;
    if (view !== undefined) workloads.set(key, view);
  }
  return { revision: 0, workloads, leadership, serverFencing };
}

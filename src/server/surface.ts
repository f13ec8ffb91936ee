/** What is seen of one tenant of a running controller from outside: metrics and routes over its supervisor. */
import type { LegacyFacts, ProcessFacts } from '../api/legacy.ts';
import { mapDisagreement } from '../api/v1/candidates.ts';
import type { Duration } from '../core/time.ts';
import { Metrics } from '../metrics/metrics.ts';
import type { ProcessMetrics } from '../metrics/process-metrics.ts';
import type { ProcessUsage } from '../metrics/process-usage.ts';
import type { Cluster } from '../ports/cluster.ts';
import type { System } from '../ports/system.ts';
import type { MeasuredStore } from '../runtime/measured-store.ts';
import type { Supervisor } from '../runtime/supervisor.ts';
import { controllerRoutes, measured } from './routes.ts';
import { actionRoutes } from './v1/actions.ts';
import { liveFacts } from './v1/live-facts.ts';
import { openV1, type Neighbours } from './v1/routes.ts';
import type { Route } from './route.ts';

export interface SurfaceOptions {
  readonly id: string;
  /** The name under which this process holds the lock. */
  readonly holder: string;
  readonly tenant: string;
  readonly clusterName: string;
  readonly version: string;
  readonly ttl: Duration;
  /** The port that people use. */
  readonly port: number;
  /** Absent: the metrics are not served beside the routes of this tenant. */
  readonly metricsPath?: string;
  /** Where workloads run that name no namespace. */
  readonly namespace: string;
  /** Where actions are written. */
  readonly cluster: Cluster;
  readonly controllerNamespace: string;
  /** What stands before every path; empty for the tenant that has the paths of the Go program. */
  readonly base: string;
  /** Why this process is not ready, or undefined; absent: it is ready when this tenant is. */
  readonly notReady?: () => string | undefined;
}

/** What the tenants of one process have in common. */
export interface SharedSurface {
  readonly metrics: ProcessMetrics;
  readonly usage: ProcessUsage;
  readonly neighbours: Neighbours;
}

/** How long the API server may take to list pods for a person. */
const LIST_TIMEOUT: Duration = 5000;

export interface Surface {
  readonly metrics: Metrics;
  readonly routes: readonly Route[];
  /** Why this tenant is not ready, or undefined. */
  notReady(): string | undefined;
  close(): void;
}

/** Subscribes the metrics to everything they count, until `close`. */
export function openSurface(
  supervisor: Supervisor,
  store: MeasuredStore,
  system: System,
  shared: SharedSurface,
  options: SurfaceOptions,
): Surface {
  const { clock } = system;
  const { id, holder, tenant, clusterName, version, ttl, port, namespace, metricsPath, base } = options;
  const monotonicStart = clock.now();
  const startedAt = clock.wall();
  const { usage, neighbours } = shared;
  const notReady = (): string | undefined =>
    supervisor.notReady() ?? (store.hasAnswered ? undefined : 'the lock store has not answered yet');
  const sources = {
    controller: id,
    tenant,
    clusterName,
    version,
    ttl,
    store: store.kind,
    now: () => clock.now(),
    wall: () => clock.wall(),
    asked: () => supervisor.asked(),
    election: () => supervisor.election(),
    isLeader: () => supervisor.isLeader(),
    snapshot: () => supervisor.hub.snapshot,
    queue: () => supervisor.queue(),
    clusterProblem: () => supervisor.clusterProblem(),
    isReady: () => notReady() === undefined,
    streams: (): number => v1.streams(),
    isStoreUp: () => store.hasAnswered && supervisor.election()?.store.up === true,
  };
  const metrics = new Metrics(sources, holder, shared.metrics.exposition);
  supervisor.hub.subscribe((event) => metrics.observe(event));
  store.observe(metrics);
  const facts = (): LegacyFacts => ({
    id,
    tenant,
    clusterName,
    version,
    buildInfo: `node ${process.versions.node}`,
    storageType: store.kind,
    storageAddress: store.address,
    port,
    startedAt,
    uptime: clock.now() - monotonicStart,
    isLeader: supervisor.isLeader(),
    election: supervisor.election(),
    snapshot: supervisor.hub.snapshot,
    observed: supervisor.inspection.all(),
    clusterProblem: supervisor.clusterProblem(),
    notReady: notReady(),
    isStoreUp: sources.isStoreUp(),
    storeFailures: store.failures,
    disagreement: mapDisagreement(identity, v1Facts.state()),
  });
  const processFacts = (): ProcessFacts => ({
    ...usage.memory(),
    activeResources: usage.activeResources(),
    garbageCollections: usage.garbageCollections,
  });
  const { inspection } = supervisor;
  const pods = {
    managed: () => inspection.managedPods(),
    all: () => inspection.podsOf(namespace, AbortSignal.timeout(LIST_TIMEOUT)),
    problem: () => supervisor.clusterProblem(),
    now: () => clock.wall(),
  };
  const identity = {
    id,
    holder,
    tenant,
    cluster: clusterName,
    version,
    startedAt,
    ttl,
    storeKind: store.kind,
    storeAddress: store.address,
    controllerNamespace: options.controllerNamespace,
  };
  const { isStoreUp } = sources;
  const v1Facts = liveFacts({ supervisor, store, clock, identity, notReady, isStoreUp });
  const v1 = openV1(v1Facts, system, neighbours, base, (cause) => metrics.observeSnapshot(cause));
  const { cluster, controllerNamespace } = options;
  const actions = actionRoutes({
    facts: v1Facts,
    cluster,
    tenant,
    controllerNamespace,
    base,
    wall: () => clock.wall(),
  });
  const own = [...v1.routes, ...actions].map((route) => measured(route, shared.metrics));
  const paths = {
    metrics: shared.metrics,
    facts,
    usage: processFacts,
    pods,
    ...(metricsPath === undefined ? {} : { metricsPath }),
    ...(options.notReady === undefined ? {} : { notReady: options.notReady }),
  };
  return {
    metrics,
    notReady,
    routes: [...controllerRoutes(paths, base), ...own],
    close: () => v1.close(),
  };
}

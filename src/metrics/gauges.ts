/** The metrics that are read at the moment they are rendered, so that none can go stale. */
import type { AskedRecord } from '../core/control/entries.ts';
import { readTime } from '../core/control/json-record.ts';
import { endOfPause, readPause } from '../core/control/pause.ts';
import type { ElectionView } from '../core/election/view.ts';
import type { Snapshot, WorkloadView } from '../core/projection.ts';
import { TONE } from '../core/reconcile/tone.ts';
import { SECOND, type Duration, type Instant, type WallTime } from '../core/time.ts';
import { formatKey } from '../core/workload/model.ts';
import type { GaugeName } from './catalogue.ts';
import type { Instruments, Labels, SetGauge } from './instruments.ts';

export interface MetricSources {
  readonly controller: string;
  readonly tenant: string;
  readonly clusterName: string;
  /** The kind of the lock store. */
  readonly store: string;
  readonly version: string;
  readonly ttl: Duration;
  /** Monotonic. */
  readonly now: () => Instant;
  readonly wall: () => WallTime;
  readonly election: () => ElectionView | undefined;
  /** Whether this process may act right now. */
  readonly isLeader: () => boolean;
  readonly snapshot: () => Snapshot;
  readonly queue: () => { readonly depth: number; readonly oldest: Instant | undefined };
  /** Why what is seen of the cluster may be missing or old, or undefined. */
  readonly clusterProblem: () => string | undefined;
  readonly isReady: () => boolean;
  /** Every record in which somebody asks for something. */
  readonly asked: () => readonly AskedRecord[];
  /** Live streams that are open. */
  readonly streams: () => number;
  /** The store answered, and has not stopped to. */
  readonly isStoreUp: () => boolean;
}

/** What only the metrics themselves know. */
export interface OwnFacts {
  /** How long the lock is still held; undefined before the store answered once. */
  readonly lockRemaining: () => Duration | undefined;
  readonly notReadySince: (key: string) => Instant | undefined;
}

/** Registers every gauge of the catalogue that is about one tenant. `limit`: how many workloads may have series of their own. */
export function addGauges(
  instruments: Instruments,
  sources: MetricSources,
  own: OwnFacts,
  limit: number,
): void {
  addLeaderGauges(instruments, sources, own);
  addWorkloadGauges(instruments, sources, own, limit);
  addPauseGauges(instruments, sources);
}

function addLeaderGauges(instruments: Instruments, sources: MetricSources, own: OwnFacts): void {
  const { controller, tenant, clusterName, version, now } = sources;
  const single = singleOf(instruments);
  single('is_leader', () => (sources.isLeader() ? 1 : 0));
  single('term', () => {
    const view = sources.election();
    // None was seen, and the store does not answer: not known, rather than zero.
    return view?.epoch === 0 && !view.store.up ? undefined : view?.epoch;
  });
  single('server_fencing', () => {
    const { state } = sources.snapshot().serverFencing;
    return state === 'unknown' ? undefined : state === 'true' ? 1 : 0;
  });
  single('store_up', () => (sources.isStoreUp() ? 1 : 0));
  single('lease_ttl_seconds', () => sources.ttl / SECOND);
  single('lease_remaining_seconds', () => {
    const until = sources.election()?.validUntil;
    return until === undefined ? undefined : Math.max(0, until - now()) / SECOND;
  });
  single('db_lock_ttl_seconds', () => toSeconds(own.lockRemaining()));
  single('last_leader_transition_timestamp_seconds', () =>
    Math.round((sources.snapshot().leadership.lastTransition ?? 0) / SECOND),
  );
  single('queue_depth', () => sources.queue().depth);
  single('queue_oldest_seconds', () => Math.max(0, now() - (sources.queue().oldest ?? now())) / SECOND);
  instruments.gauge('cluster_health', (set) =>
    set(sources.clusterProblem() === undefined ? 1 : 0, { cluster: clusterName }),
  );
  instruments.gauge('cluster_priority', (set) => set(0, { cluster: clusterName }));
  single('stream_clients', () => sources.streams());
  instruments.gauge('controller_state', (set) => {
    const ready = sources.isReady();
    set(ready ? 1 : 0, { state: 'normal' });
    set(ready ? 0 : 1, { state: 'degraded' });
  });
  instruments.gauge('controller_info', (set) =>
    set(1, { controller, tenant, cluster: clusterName, version }),
  );
}

function addWorkloadGauges(
  instruments: Instruments,
  sources: MetricSources,
  own: OwnFacts,
  limit: number,
): void {
  const views = (): ReadonlyMap<string, WorkloadView> => sources.snapshot().workloads;
  /** Series of the workloads that may have one: all, or when there are too many the ones that are not ready. */
  const perWorkload = (
    name: GaugeName,
    read: (view: WorkloadView, set: SetGauge, labels: Labels) => void,
    applies: (view: WorkloadView) => boolean = () => true,
  ): void =>
    instruments.gauge(name, (set) => {
      // What was known before the API server stopped to answer is not known now.
      if (sources.clusterProblem() !== undefined) return;
      const isCrowded = views().size > limit;
      for (const view of views().values())
        if (applies(view) && !(isCrowded && view.healthy)) read(view, set, labelsOf(view));
    });
  perWorkload('workload_status', ({ active }, set, labels) => set(active ? 1 : 0, labels));
  perWorkload('workload_ready', ({ healthy }, set, labels) => set(healthy ? 1 : 0, labels));
  for (const kind of ['process', 'service', 'persistent', 'cronjob'] as const)
    perWorkload(
      `${kind}_status`,
      ({ active, key: { name, namespace } }, set) => set(active ? 1 : 0, { name, namespace }),
      ({ key }) => key.kind === kind,
    );
  perWorkload(
    'workload_not_ready_seconds',
    ({ key, reason }, set, labels) => {
      const since = own.notReadySince(formatKey(key));
      if (since !== undefined) set((sources.now() - since) / SECOND, { ...labels, reason });
    },
    ({ healthy }) => !healthy,
  );
  instruments.gauge('workloads', (set) => {
    const isBlind = sources.clusterProblem() !== undefined;
    const counts = new Map<string, { labels: Labels; count: number }>();
    for (const { key, reason } of views().values()) {
      const labels = { type: key.kind, namespace: key.namespace, tone: isBlind ? 'unknown' : TONE[reason] };
      const id = Object.values(labels).join('/');
      const entry = counts.get(id) ?? { labels, count: 0 };
      counts.set(id, { labels, count: entry.count + 1 });
    }
    for (const { labels, count } of counts.values()) set(count, labels);
  });
  instruments.gauge('suppressed_series', (set) => {
    const isCrowded = views().size > limit;
    const hidden = isCrowded ? [...views().values()].filter(({ healthy }) => healthy).length : 0;
    // workload_status, workload_ready, and that of its kind.
    set(3 * hidden);
  });
}

/** Every replica sees the same records. */
function addPauseGauges(instruments: Instruments, { asked, wall, clusterProblem }: MetricSources): void {
  const gather = (): ReadonlyMap<string, { count: number; oldest: WallTime }> => {
    const scopes = new Map(['workload', 'tenant'].map((scope) => [scope, { count: 0, oldest: Infinity }]));
    for (const { is, of, text } of asked()) {
      const pause = is === 'pause' ? readPause(text) : undefined;
      const scope = scopes.get(of.is);
      if (pause === undefined || 'fault' in pause || scope === undefined || endOfPause(pause) <= wall())
        continue;
      scope.count += 1;
      const since = pause.until === undefined ? readTime(pause.since ?? '') : undefined;
      scope.oldest = Math.min(scope.oldest, since ?? Infinity);
    }
    return scopes;
  };
  instruments.gauge('paused', (set) => {
    if (clusterProblem() !== undefined) return;
    for (const [scope, { count }] of gather()) set(count, { scope });
  });
  instruments.gauge('paused_seconds', (set) => {
    if (clusterProblem() !== undefined) return;
    for (const [scope, { oldest }] of gather())
      if (oldest < Infinity) set(Math.max(0, wall() - oldest) / SECOND, { scope });
  });
}

/** Registers a metric with one value; what is not known has no series. */
function singleOf(
  instruments: Instruments,
): (name: Parameters<Instruments['gauge']>[0], read: () => number | undefined) => void {
  return (name, read) =>
    instruments.gauge(name, (set) => {
      const value = read();
      if (value !== undefined) set(value);
    });
}

function labelsOf({ key }: WorkloadView): Labels {
  return { type: key.kind, name: key.name, namespace: key.namespace };
}

function toSeconds(duration: Duration | undefined): number | undefined {
  return duration === undefined ? undefined : duration / SECOND;
}

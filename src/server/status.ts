/** `/status`: who leads, what this process knows, and the workloads. Field names are those of the Go program where it had them. */
import type { ElectionView } from '../core/election/view.ts';
import type { Snapshot, WorkloadView } from '../core/projection.ts';
import type { Duration, WallTime } from '../core/time.ts';
import { formatUptime } from './http.ts';

export interface StatusSources {
  readonly id: string;
  readonly tenant: string;
  readonly clusterName: string;
  readonly storageType: string;
  readonly version: string;
  readonly uptime: () => Duration;
  readonly election: () => ElectionView | undefined;
  readonly isLeader: () => boolean;
  readonly snapshot: () => Snapshot;
  /** Why this process is not ready, or undefined when it is. */
  readonly notReady: () => string | undefined;
  /** Names of all configured workloads with what this process sees of them; on a follower only what the caches show. */
  readonly observed: () => readonly ObservedWorkload[];
}

/** What the caches alone show: on a follower the reason is not known, because only the leader decides. */
export interface ObservedWorkload {
  readonly key: string;
  readonly active: boolean;
  readonly healthy: boolean;
}

/** The body of `/status`. Times are RFC 3339, null for "never". Facts that are not known are null or `unknown`, never a healthy default. */
export function renderStatus(sources: StatusSources): Record<string, unknown> {
  const election = sources.election();
  const snapshot = sources.snapshot();
  const uptime = sources.uptime();
  const notReady = sources.notReady();
  const store = election?.store;
  const data = {
    isLeader: sources.isLeader(),
    role: election?.role ?? 'starting',
    term: election?.epoch ?? 0,
    leaderID: sources.id,
    currentLeader: plainId(election?.holder),
    leaderSince: instant(snapshot.leaderSince),
    lastLeaderTransition: instant(snapshot.lastTransition),
    leadershipTransitions: snapshot.transitions,
    tenant: sources.tenant,
    clusterName: sources.clusterName,
    clusterHealth: notReady === undefined,
    storageType: sources.storageType,
    dbConnected: store?.up ?? false,
    controllerState: notReady === undefined ? 'Normal' : 'Degraded',
    readyForTraffic: notReady === undefined,
    uptime: Math.round(uptime * 1_000_000),
    uptimeText: formatUptime(uptime),
    version: sources.version,
    workloads: sources.observed().map((seen) => mergeView(seen, snapshot.workloads.get(seen.key))),
    ...(store?.up === false ? { lastError: store.cause } : {}),
    ...(notReady === undefined ? {} : { notReadyBecause: notReady }),
    ...(election?.anchorRefused === undefined ? {} : { lastError: election.anchorRefused }),
  };
  return { status: 'success', data, ...data };
}

function mergeView(seen: ObservedWorkload, view: WorkloadView | undefined): Record<string, unknown> {
  const { key, active, healthy } = seen;
  const [kind, namespace, name] = key.split('/');
  return {
    kind,
    namespace,
    name,
    active,
    healthy,
    reason: view?.reason ?? 'unknown',
    message: view?.message ?? 'only the leader knows the reason',
    instance: view?.instance ?? null,
  };
}

/** The configured id alone: pod uid and incarnation behind it are for the lock, not for people. */
function plainId(holder: string | undefined): string {
  return holder?.split('/')[0] ?? '';
}

function instant(time: WallTime | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}

/**
 * The JSON that the Go program served, from what this process knows: pure, and the same on every replica as far as the
 * watched objects go. Field names are those of the Go program and of its documents; where the two differ, both are sent.
 * Times are RFC 3339, null for "never". What is not known is null or `unknown`, with the cause beside it; never a
 * healthy default.
 */
import type { ElectionView } from '../core/election/view.ts';
import type { Snapshot } from '../core/projection.ts';
import type { SeenWorkload } from '../core/reconcile/seen.ts';
import { SECOND, formatDuration, type Duration, type WallTime } from '../core/time.ts';
import {
  gatherWorkloads,
  GROUPS,
  shownNames,
  type JsonObject,
  type LegacyWorkload,
} from './legacy-workloads.ts';

/** Written as conditions of Kubernetes are. */
const FENCING = { true: 'True', false: 'False', unknown: 'Unknown' } as const;

/** Everything the old shapes are made of. */
export interface LegacyFacts {
  /** The configured id. */
  readonly id: string;
  readonly tenant: string;
  readonly clusterName: string;
  readonly storageType: string;
  /** Where the store is, without credentials. */
  readonly storageAddress: string;
  readonly version: string;
  readonly buildInfo: string;
  readonly port: number;
  readonly startedAt: WallTime;
  readonly uptime: Duration;
  /** Whether this process may act right now. */
  readonly isLeader: boolean;
  readonly election: ElectionView | undefined;
  readonly snapshot: Snapshot;
  readonly observed: readonly SeenWorkload[];
  /** Why `observed` may be missing or old, or undefined. */
  readonly clusterProblem: string | undefined;
  readonly notReady: string | undefined;
  /** The store answered, and has not stopped to. */
  readonly isStoreUp: boolean;
  /** Operations of the store without an answer since the last one that had one. */
  readonly storeFailures: number;
  /** Candidates that see another leader or term; undefined: that cannot be told. */
  readonly disagreement: readonly Disagreement[] | undefined;
}

/** What another candidate sees. Null: no leader. */
export interface Disagreement {
  readonly id: string;
  readonly leader: string | null;
  readonly term: number;
}

/** What the process says of itself. */
export interface ProcessFacts {
  readonly activeResources: number;
  readonly heapUsed: number;
  readonly heapTotal: number;
  readonly resident: number;
  readonly garbageCollections: number;
}

/** The envelope of every answer. `unknownBecause`: why the data may lack something. */
export function envelope(data: unknown, unknownBecause?: string): JsonObject {
  return { status: 'success', data, ...(unknownBecause === undefined ? {} : { unknownBecause }) };
}

/** The fields in the envelope and, as the documents have it, at the top as well. */
export function openEnvelope(data: JsonObject): JsonObject {
  return { ...data, ...envelope(data) };
}

/** *Status*, with the list of workloads in our own form. */
export function mapStatus(facts: LegacyFacts): JsonObject {
  const { election, snapshot, notReady } = facts;
  const { leadership } = snapshot;
  const workloads = gatherWorkloads(facts);
  const leaderUnknown = facts.isLeader ? undefined : whyLeaderUnknown(facts);
  const isTermUnknown = leaderUnknown !== undefined && (election?.epoch ?? 0) === 0;
  const lastLeader = leadership.vacant ? leadership.latest : leadership.previous;
  return {
    isLeader: facts.isLeader,
    role: election?.role ?? 'starting',
    term: isTermUnknown ? null : (election?.epoch ?? null),
    leaderID: facts.id,
    // Empty is nobody: what is not known is said.
    currentLeader: leaderUnknown === undefined ? plainId(election?.holder) : 'unknown',
    ...(leaderUnknown === undefined ? {} : { leaderUnknownBecause: leaderUnknown }),
    ...((facts.disagreement ?? []).length === 0 ? {} : { disagreement: facts.disagreement }),
    lastLeader: plainId(lastLeader),
    leaderSince: instant(leadership.leaderSince),
    lastLeaderTransition: instant(leadership.lastTransition),
    leadershipTransitions: leadership.transitions,
    lastLeadershipChangeReason: leadership.reason ?? '',
    failoverCount: leadership.failovers,
    tenant: facts.tenant,
    clusterName: facts.clusterName,
    clusterHealth: facts.clusterProblem === undefined,
    storageType: facts.storageType,
    dbConnected: facts.isStoreUp,
    redisConnected: facts.isStoreUp,
    dbFailureCount: facts.storeFailures,
    controllerState: notReady === undefined ? 'Normal' : 'Degraded',
    readyForTraffic: notReady === undefined,
    ...(notReady === undefined ? {} : { notReadyBecause: notReady }),
    ...(facts.clusterProblem === undefined ? {} : { unknownBecause: facts.clusterProblem }),
    serverFencing: FENCING[snapshot.serverFencing.state],
    ...describeTrouble(election),
    uptime: Math.round(facts.uptime * 1_000_000),
    uptimeText: uptimeText(facts.uptime),
    version: facts.version,
    buildInfo: facts.buildInfo,
    workloadStatus: mapWorkloadStatus(workloads),
    workloads: workloads.map(({ kind, namespace, name, active, healthy, reason, message, view }) => ({
      kind,
      namespace,
      name,
      active,
      healthy,
      reason,
      message,
      instance: view?.instance ?? null,
    })),
  };
}

/** `/debug/status`: the numbers of Go's runtime are those that come closest to them here. */
export function mapDebugStatus(facts: LegacyFacts, usage: ProcessFacts): JsonObject {
  const { changes } = facts.snapshot.leadership;
  return {
    healthStatus: mapStatus(facts),
    uptime: Math.round(facts.uptime * 1_000_000),
    uptimeText: uptimeText(facts.uptime),
    startTime: instant(facts.startedAt),
    goroutineCount: usage.activeResources,
    memoryStats: {
      alloc: usage.heapUsed,
      totalAlloc: usage.heapTotal,
      sys: usage.resident,
      numGC: usage.garbageCollections,
    },
    serverInfo: {
      dbInfo: `${facts.storageType} ${maskPassword(facts.storageAddress)}`,
      port: String(facts.port),
    },
    leadershipHistory: changes.map(({ from, to, at, reason }) => ({
      from: plainId(from),
      to: plainId(to),
      timestamp: instant(at),
      reason,
    })),
  };
}

/** By kind and name, the kinds in the singular of the Go program and in the plural of its documents. */
function mapWorkloadStatus(workloads: readonly LegacyWorkload[]): JsonObject {
  const byType: Record<string, JsonObject> = {};
  for (const { kind, singular, plural } of GROUPS) {
    const ofKind = workloads.filter((workload) => workload.kind === kind);
    if (ofKind.length === 0) continue;
    const entries = shownNames(ofKind).map(([shown, { namespace, active, lastError, view }]) => {
      const failed =
        lastError === undefined
          ? {}
          : { healthy: false, retryCount: view?.instance?.restarts ?? null, lastError, nextRetry: null };
      return [shown, { active, namespace, ...failed }] as const;
    });
    for (const key of new Set([singular, plural])) byType[key] = Object.fromEntries(entries);
  }
  return byType;
}

/** The address has no credentials; a password inside it would be masked all the same. */
export function maskPassword(address: string): string {
  return address.replace(/\/\/([^:/@]*):[^@]*@/, '//$1:****@');
}

/** Why nothing is known from the store, or undefined. */
function whyLeaderUnknown({ election, isStoreUp }: LegacyFacts): string | undefined {
  if (election === undefined) return 'the election has not begun yet';
  if (!election.store.up) return election.store.cause;
  return isStoreUp ? undefined : 'the lock store has not answered yet';
}

function describeTrouble(election: ElectionView | undefined): { readonly lastError?: string } {
  if (election?.anchorRefused !== undefined) return { lastError: election.anchorRefused };
  return election?.store.up === false ? { lastError: election.store.cause } : {};
}

/** The configured id alone: what stands behind it is for the lock, not for people. */
function plainId(holder: string | undefined): string {
  return holder?.split('/')[0] ?? '';
}

/** `1h2m3s`, whole seconds. */
function uptimeText(uptime: Duration): string {
  return formatDuration(Math.floor(uptime / SECOND) * SECOND);
}

function instant(time: WallTime | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}

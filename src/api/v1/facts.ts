/** Everything that version 1 of the API is made of, as plain data and questions about the present. */
import type { AskedRecord } from '../../core/control/entries.ts';
import type { Candidate } from '../../core/control/presence.ts';
import type { ElectionView } from '../../core/election/view.ts';
import type { HistoryEntry } from '../../core/history.ts';
import type { Leadership } from '../../core/leadership.ts';
import type { WorkloadView } from '../../core/projection.ts';
import type { RecentEvent } from '../../core/recent-events.ts';
import type { RuleOutcome } from '../../core/reconcile/plan.ts';
import type { SeenObject, SeenWorkload, WorkloadDefinition } from '../../core/reconcile/seen.ts';
import type { ServerFencing } from '../../core/server-fencing.ts';
import type { Duration, Instant, WallTime } from '../../core/time.ts';

/** What does not change while the process lives. */
export interface Identity {
  /** The configured id. */
  readonly id: string;
  /** The name under which this process holds the lock. */
  readonly holder: string;
  readonly tenant: string;
  readonly cluster: string;
  readonly version: string;
  readonly startedAt: WallTime;
  readonly ttl: Duration;
  readonly storeKind: string;
  /** Without credentials. */
  readonly storeAddress: string;
  /** Where the control ConfigMap is. */
  readonly controllerNamespace: string;
}

/** The process as it is now. */
export interface State {
  /** Undefined before it began. */
  readonly election: ElectionView | undefined;
  /** Whether this process may act right now. */
  readonly isLeader: boolean;
  readonly leadership: Leadership;
  /** Whether the API server holds the fence by itself, as the leader found. */
  readonly serverFencing: ServerFencing;
  /** Why what is seen of the cluster may be missing or old, or undefined. */
  readonly clusterProblem: string | undefined;
  readonly notReady: string | undefined;
  readonly isStoreUp: boolean;
  /** Operations of the store without an answer since the last one that had one. */
  readonly storeFailures: number;
  /** The candidates as they say themselves, this process too once it has. */
  readonly candidates: readonly Candidate[];
  /** Both clocks, read at once. */
  readonly now: Instant;
  readonly wall: WallTime;
}

/** One workload: the leader's word where this process is it, and what the watched objects show. */
export interface WorkloadFacts {
  /** `kind/namespace/name`. */
  readonly key: string;
  readonly view: WorkloadView | undefined;
  readonly seen: SeenWorkload;
  /** Why `seen` may be wrong for this workload alone, or undefined. */
  readonly unobserved: string | undefined;
  /** Absent: no longer defined. */
  readonly definition: WorkloadDefinition | undefined;
}

/** Told, once each is known, of what changed. Must return at once and not throw. */
export interface Watcher {
  onWorkload(key: string): void;
  onHistory(entry: HistoryEntry): void;
  /** Anything else that is shown. */
  onState(): void;
}

/** Where the API reads. Answers at once, from memory. */
export interface Facts {
  readonly identity: Identity;
  state(): State;
  /** Every workload that is defined, seen or decided about. */
  keys(): ReadonlySet<string>;
  /** Undefined: there is no such workload. */
  workload(key: string): WorkloadFacts | undefined;
  /** Undefined: this process does not lead. */
  explain(key: string): readonly RuleOutcome[] | undefined;
  objects(key: string): readonly SeenObject[];
  /** Oldest first. */
  history(): readonly HistoryEntry[];
  /** Every record in which somebody asks for something, in no order. */
  asked(): readonly AskedRecord[];
  /** Oldest first. */
  recent(): readonly RecentEvent[];
  /** For as long as the process lives. */
  watch(watcher: Watcher): void;
}

/** RFC 3339, or null for never. */
export function instant(time: WallTime | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}

/** A time of the API server in our form, or null. */
export function apiTime(text: string | undefined): string | null {
  const time = text === undefined ? NaN : Date.parse(text);
  return Number.isNaN(time) ? null : new Date(time).toISOString();
}

/** The configured id alone: what stands behind it is for the lock, not for people. */
export function plainId(holder: string): string {
  return holder.split('/', 1)[0] ?? '';
}

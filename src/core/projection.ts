/**
 * Domain events and the snapshot they fold into. Everything a person sees (status pages, metrics, logs, Kubernetes
 * events) is derived from these; nothing else reports state.
 */
import type { Told } from './control/desk.ts';
import type { ElectionEvent } from './election/events.ts';
import type { Leadership } from './leadership.ts';
import type { Reason } from './reconcile/verdict.ts';
import type { Proof } from './reconcile/proof.ts';
import type { ServerFencing } from './server-fencing.ts';
import type { WallTime } from './time.ts';
import type { WorkloadKey } from './workload/model.ts';

/** The state of one workload as the leader last decided it. */
export interface WorkloadView {
  readonly key: WorkloadKey;
  /** A permitted instance exists and has not ended. */
  readonly active: boolean;
  /** Ready, or finished for good as intended. */
  readonly healthy: boolean;
  readonly reason: Reason;
  readonly message: string;
  /** Since when it has had this reason in this term; filled in by the hub. */
  readonly since?: WallTime;
  readonly instance?: {
    readonly pod: string;
    readonly uid: string;
    readonly node: string;
    readonly token?: number;
    readonly startedAt?: string;
    readonly restarts: number;
  };
}

export type DomainEvent =
  | { readonly type: 'election'; readonly event: ElectionEvent }
  | { readonly type: 'workload-changed'; readonly view: WorkloadView; readonly previous?: Reason }
  | { readonly type: 'workload-removed'; readonly key: string }
  | { readonly type: 'instance-created'; readonly key: string; readonly pod: string; readonly uid: string }
  | {
      readonly type: 'instance-permitted';
      readonly key: string;
      readonly pod: string;
      readonly uid: string;
      readonly token: number;
    }
  | {
      readonly type: 'instance-stopping';
      readonly key: string;
      readonly pod: string;
      readonly uid: string;
      readonly cause: string;
    }
  | {
      readonly type: 'instance-ended';
      readonly key: string;
      readonly pod: string;
      readonly uid: string;
      readonly proof: Proof;
    }
  /** What stands around the pods was made, changed or deleted by us. `object` is its kind. */
  | { readonly type: 'object-created'; readonly key: string; readonly object: string; readonly name: string }
  | {
      readonly type: 'object-changed' | 'object-deleted';
      readonly key: string;
      readonly object: string;
      readonly name: string;
      readonly uid: string;
      readonly cause: string;
    }
  /** Ticks of a cron job were entered in its ledger, as run or as missed: so many, the last one of this time. */
  | {
      readonly type: 'tick-run' | 'tick-missed';
      readonly key: string;
      /** Uid of the CronJob. */
      readonly uid: string;
      readonly tick: string;
      readonly count: number;
    }
  /** It disappeared without proof; `guarantee` falls to best effort until the waiting time is over. */
  | { readonly type: 'evidence-removed'; readonly key: string; readonly pod: string; readonly uid: string }
  | {
      readonly type: 'write-failed';
      readonly key: string;
      readonly action: string;
      readonly result: string;
      readonly detail: string;
    }
  /** Somebody's request was taken up, carried out or refused. */
  | { readonly type: 'asked'; readonly told: Told }
  /** Known once in a term: whether the API server holds the fence by itself. */
  | { readonly type: 'server-fencing'; readonly term: number; readonly fencing: ServerFencing }
  /** A write was not sent, because the term that asked for it is over. */
  | { readonly type: 'write-fenced'; readonly term: number }
  /** All keys were looked at once in this term. */
  | {
      readonly type: 'sweep-done';
      readonly term: number;
      readonly workloads: number;
      readonly durationMs: number;
    };

/** One sentence about ticks that were entered. */
export function describeTicks({
  type,
  tick,
  count,
}: Extract<DomainEvent, { readonly type: 'tick-run' | 'tick-missed' }>): string {
  if (type === 'tick-run') return `the run of ${tick} may begin`;
  const which = count === 1 ? `the tick ${tick} was` : `${count} ticks until ${tick} were`;
  return `${which} not run in time, and will not be`;
}

/** What is known at one revision. `workloads` is the live map, for reading only: empty while this process does not lead. */
export interface Snapshot {
  readonly revision: number;
  readonly workloads: ReadonlyMap<string, WorkloadView>;
  readonly leadership: Leadership;
  /** Of the present term. */
  readonly serverFencing: ServerFencing;
}

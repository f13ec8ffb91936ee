/**
 * Everything a decision about one workload may look at, gathered before deciding. Plain data: what is not in here does
 * not influence the plan, so a plan can be replayed from its input.
 */
import type { Epoch } from '../election/record.ts';
import type { ManagedObject } from '../manifests/managed-object.ts';
import type { Pod } from '../manifests/pod.ts';
import type { RenderIdentity } from '../manifests/pod-template.ts';
import type { NodeFence } from '../control/node-fence.ts';
import type { Request } from '../control/request.ts';
import type { Duration, Instant, WallTime } from '../time.ts';
import type { NodeFacts } from './node-facts.ts';
import type {
  CronJobWorkload,
  PersistentWorkload,
  ProcessWorkload,
  ServiceWorkload,
  Workload,
  WorkloadKey,
} from '../workload/model.ts';

/** One pod of the workload, as last read or as our own last write was answered. */
export interface Instance {
  readonly pod: Pod;
  readonly node: NodeFacts;
  /** When we first saw a deletionTimestamp on it. Local and monotonic: deletionTimestamp itself lies grace seconds ahead. */
  readonly terminatingSince?: Instant;
  /** Since when it has been Ready without interruption, by local observation. */
  readonly readySince?: Instant;
  /**
   * What stands in for a proof, see `concession.ts`: an operator's word that the machine is off, or the spec's that nobody
   * waits for a silent node any longer.
   */
  readonly word?: 'FencedByOperator' | 'GivenUp';
}

/** An instance that disappeared although nobody had proven its end. */
export interface Vanished {
  readonly uid: string;
  readonly node: string;
  /** It counts as gone from here on: grace + 30 s after it was missed. */
  readonly goneAt: Instant;
}

/**
 * What a workload must remember although no pod shows it; survives a change of leader. Kept in the registry for a
 * workload of the file, in the status of its custom resource for the others. That there is a record also says that the
 * workload was managed, so what is left of it may be removed.
 */
export interface WorkloadRecord {
  /**
   * Where it was defined when it was put on record. `none`: something is remembered, but nothing would tell a later leader
   * to stop what runs when the workload is gone.
   */
  readonly managedFrom: 'file' | 'resource' | 'none';
  /** Template hash that `outcome` and `restarts` belong to: another hash starts afresh. */
  readonly hash?: string;
  readonly outcome?: 'Completed' | 'MaxRestartsExceeded';
  /** Finished instances that were replaced, since the last 10 minutes of uninterrupted readiness. */
  readonly restarts: number;
  /** Pod uid whose end is already counted in `restarts`, so that a repeated decision does not count it twice. */
  readonly counted?: string;
  /** Container restarts of this pod that are forgiven, because it was ready for long enough afterwards. */
  readonly forgiven?: { readonly uid: string; readonly restarts: number };
  /** What it depends on: after it left its source it is still stopped before that. */
  readonly dependsOn?: readonly string[];
  /** What becomes of its objects after it left its source, if not the usual. */
  readonly deletionPolicy?: 'Orphan';
  /** An instance whose end was given up, not proven: until its node reports again, nobody knows whether it runs. */
  readonly givenUp?: { readonly node: string; readonly uid: string };
  /** The last ticks of a cron job, in the order in which they were entered: which job ran each, or that none did. */
  readonly ticks?: readonly Tick[];
}

/** One entry of the ledger: a tick belongs to one job, whatever leader or controller manager made it. */
export interface Tick {
  /** The scheduled time, RFC 3339 in UTC; `request/ID` for a run that was asked for out of turn. */
  readonly at: string;
  /** Absent: nobody ran it in time, and nobody will. */
  readonly jobUid?: string;
}

/** Somebody else's object under a name that we need. */
export interface Foreign {
  readonly kind: string;
  readonly name: string;
  readonly recheckAt: Instant;
}

/** A ReplicaSet, as far as the adoption of its Deployment looks at it. */
export type ReplicaSet = Pick<ManagedObject, 'metadata' | 'spec' | 'status'>;

/** An object of the Go program under a name that we need, and what belongs to it. In full, not stripped. */
export interface GoRemains {
  readonly object: ManagedObject;
  /** Of a Deployment. */
  readonly replicaSets: readonly ReplicaSet[];
  /** Of a CronJob. */
  readonly jobs: readonly ManagedObject[];
  /** Since when its spec is what it is now, by local observation. */
  readonly since: Instant;
}

/** The server's answer to the last attempt to change something, if it was a refusal that time alone does not mend. */
export interface Refusal {
  /** What was attempted, as a verb. */
  readonly action: string;
  /** On what: `pod`, `Deployment`, …, or `workload` for its record. */
  readonly object: string;
  readonly status: number;
  readonly reason: string;
  readonly message: string;
  /** When the attempt may be repeated. */
  readonly retryAt: Instant;
}

/** A pause that is in force, or was. */
export interface PauseFacts {
  readonly reason: string;
  readonly by: string;
  /** As it was written, for people. */
  readonly until?: string;
  /** Infinity: until somebody ends it. */
  readonly endsAt: Instant;
}

/** A request that is not settled yet. */
export interface OpenRequest extends Pick<Request, 'id' | 'action' | 'by' | 'reason' | 'state' | 'podUid'> {
  readonly expiresAt: Instant;
}

export interface Input {
  readonly key: WorkloadKey;
  readonly now: Instant;
  /** The same moment by the clock that people and schedules go by. */
  readonly wall: WallTime;
  readonly term: Epoch;
  /** Fingerprints whose objects count as ours: this installation's, and its predecessor's after a change of store. */
  readonly fingerprints: ReadonlySet<string>;
  /** What we render into objects. */
  readonly identity: RenderIdentity;
  /** Absent: the workload left its source; what is left of it must be stopped, unless `invalid` is set. */
  readonly desired?: Workload;
  /**
   * The custom resource cannot be used as it is, and why. `desired` is then its last valid state, or absent when none is
   * known; what runs stays as it is.
   */
  readonly invalid?: string;
  /** All pods that belong to the workload, gated and terminating ones included. */
  readonly instances: readonly Instance[];
  /** What stands around the pods, as last read or as our own last write was answered. Absent: nothing (a process). */
  readonly objects?: readonly ManagedObject[];
  /** Why what stands around the pods is not known, if it is not: then nothing is decided. */
  readonly unobserved?: string;
  /** An object that stands under our name and is not ours, and when to look for it again (it is in no watch of ours). */
  readonly foreign?: Foreign;
  /** Services that somebody else made and that take the place of ours. */
  readonly foreignServices?: readonly Foreign[];
  /** Pods of the Go program for this kind and name in `default`, where it ran what named no namespace. */
  readonly elsewhere?: readonly Instance[];
  /** What the Go program left under a name that we need, as just read. */
  readonly remains?: GoRemains;
  /** Instances that vanished without proof. Entries whose time has come are already dropped. */
  readonly vanished: readonly Vanished[];
  /** Pod uid whose permit was sent and never answered. */
  readonly unansweredPermit?: string;
  readonly record?: WorkloadRecord;
  /** What is known of the node of `record.givenUp`. */
  readonly lostNode?: NodeFacts;
  /** What it waits for before it may start, and why each is not enough yet; see `CommonSpec.dependsOn`. Absent: nothing. */
  readonly waitsFor?: readonly { readonly key: string; readonly cause: string }[];
  /** Workloads that depend on this one, are to be stopped as well, and still run: they are stopped first. */
  readonly stopsAfter?: readonly string[];
  /** What becomes of its objects when it leaves its source, as far as that is known. */
  readonly deletionPolicy?: 'Delete' | 'Orphan';
  /** Earliest time of the next start after a failure. */
  readonly startNotBefore?: Instant;
  readonly refusal?: Refusal;
  readonly pause?: PauseFacts;
  readonly request?: OpenRequest;
  /** Words of operators about nodes that are off. */
  readonly fences?: readonly NodeFence[];
  /** When the proof of a silent node is given up next. */
  readonly givesUpAt?: Instant;
  /** What somebody asked for in a record that cannot be read, and so has no effect: told to people. */
  readonly ignored?: string;
}

/** The input of a process. */
export type ProcessInput = Input & { readonly desired?: ProcessWorkload };

/** The input of a workload whose pod a Deployment or a StatefulSet makes. */
export type OwnedInput = Input & { readonly desired?: ServiceWorkload | PersistentWorkload };

/** The input of a cron job. */
export type CronInput = Input & { readonly desired?: CronJobWorkload };

/** Beyond the pod's own grace period, how long a stop may take before it is called stuck (also: how long an unproven absence is waited for). */
export const STOP_MARGIN: Duration = 30_000;

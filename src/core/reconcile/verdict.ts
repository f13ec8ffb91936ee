/** What a rule may answer: a reason that people see, and the writes that follow from it. */
import type { RequestChange } from '../control/request.ts';
import type { Pod, PodMeta } from '../manifests/pod.ts';
import type { Instant } from '../time.ts';
import type { ManagedKind, ManagedObject } from '../manifests/managed-object.ts';
import type { ProcessWorkload } from '../workload/model.ts';
import type { Adoption, Operation } from './patches.ts';
import type { Tick, WorkloadRecord } from './observed.ts';
import type { Proof } from './proof.ts';

/**
 * One write. Each is guarded by the term and by the resourceVersion of the pod it names; applied in order, and the
 * rest is dropped when one fails.
 */
export type Action =
  /** Write our term on the pod: whoever still holds its older resourceVersion can change it no more. */
  | { readonly kind: 'claim'; readonly pod: Pod }
  /** Make the workload's pod, gated. */
  | { readonly kind: 'create'; readonly workload: ProcessWorkload }
  /** Lift the gate and write the fencing token, in one request. */
  | { readonly kind: 'permit'; readonly pod: Pod }
  /** Ask the kubelet to stop it, with its own grace period. */
  | { readonly kind: 'delete'; readonly pod: Pod; readonly cause: StopCause }
  /** Let the object go: its end is proven. */
  | { readonly kind: 'dropFinalizer'; readonly pod: Pod; readonly proof: Proof }
  /** Take the object away at once, without the kubelet's confirmation: somebody's word stands for the end of a lost node's pod. */
  | { readonly kind: 'remove'; readonly pod: Pod; readonly proof: Proof }
  /** Write into the request what became of it. */
  | { readonly kind: 'answer'; readonly change: RequestChange }
  /** Make an object that stands around the pods: it makes them, gated, or leads clients to them. */
  | { readonly kind: 'createObject'; readonly object: ManagedObject }
  /** As `claim`, for an object that makes pods. */
  | { readonly kind: 'claimObject'; readonly object: ManagedObject }
  /** Change what is named, if it is still as it was read. */
  | {
      readonly kind: 'changeObject';
      readonly object: ManagedObject;
      readonly operations: readonly Operation[];
      readonly cause: ChangeCause;
    }
  /** `orphan`: what it owns is left alone. Otherwise that goes too, in the background. */
  | {
      readonly kind: 'deleteObject';
      readonly object: ManagedObject;
      readonly orphan?: boolean;
      readonly cause: StopCause | 'TickAlreadyRun' | 'TickMissed';
    }
  /** Change an object of the Go program, or a ReplicaSet of it, before it is taken over. Nothing says yet that it is ours. */
  | {
      readonly kind: 'prepare';
      readonly target: { readonly kind: ManagedKind | 'ReplicaSet'; readonly metadata: PodMeta };
      readonly operations: readonly Operation[];
    }
  /** Take over what the Go program made: from here on it is watched, and ours. */
  | { readonly kind: 'adoptObject'; readonly object: ManagedObject; readonly adoption: Adoption }
  | { readonly kind: 'adoptPod'; readonly pod: Pod; readonly adoption: Adoption }
  /** Take our marks and our finalizer off what runs on unmanaged. `OrphanedAtGate`: a pod that nobody will permit. */
  | {
      readonly kind: 'letGo';
      readonly target: { readonly kind: ManagedKind | 'Pod'; readonly metadata: PodMeta };
      readonly operations: readonly Operation[];
      readonly cause: 'Orphaned' | 'OrphanedAtGate';
    }
  /** Make the record durable before anything that follows. Where it is kept depends on the workload's source. */
  | {
      readonly kind: 'remember';
      readonly record: WorkloadRecord;
      /** What is new in the ledger of a cron job: told once it is durable. */
      readonly entered?: readonly Tick[];
    }
  /** The workload is gone; its record may go too, and with it the custom resource that waited for this. */
  | { readonly kind: 'forget' };

/** `NeverPermitted`: somebody stripped the gate from its template, so it runs without a permit and without a token. */
export type StopCause =
  | 'NeverPermitted'
  | 'SpecChanged'
  | 'Removed'
  | 'MaxRestartsExceeded'
  | 'Finished'
  | 'ExtraInstance'
  | 'NodeFenced'
  | 'NodeGivenUp'
  | 'RestartRequested';

/** Why an object that makes pods is changed. `Repaired`: somebody else had changed what keeps a second instance from running. */
export type ChangeCause = 'SpecChanged' | 'Repaired' | 'Removed' | 'Suspended';

/** What users see verbatim as the reason of a workload. */
export type Reason =
  | 'Active'
  | 'Starting'
  | 'AwaitingPermit'
  | 'WaitingForOldInstance'
  | 'StopTimedOut'
  | 'NodeUnreachable'
  | 'Unschedulable'
  | 'ImagePullFailed'
  | 'CrashLoop'
  | 'MaxRestartsExceeded'
  | 'Completed'
  | 'Failed'
  | 'ForeignOwner'
  | 'QuotaExceeded'
  | 'InvalidSpec'
  | 'ImmutableField'
  | 'Standby'
  | 'WaitingForDependency'
  | 'Paused'
  | 'Removed';

/** What the chain answered. */
export interface Verdict {
  readonly reason: Reason;
  /** One sentence for people: which pod, which node, which proof is missing, what to do. */
  readonly message: string;
  readonly actions: readonly Action[];
  /** Look again at this time even if nothing changes. */
  readonly wakeAt?: Instant;
}

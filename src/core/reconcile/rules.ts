/**
 * The rule chain. Order is the safety argument: first whose objects they are, then that this term owns them, then what
 * may still be running, and only then what to start. Each rule answers (reason, message, actions) or passes.
 */
import { isGated } from './proof.ts';
import type { Input, ProcessInput, Refusal } from './observed.ts';
import type { Verdict } from './verdict.ts';
import { claimedTerm, decidePermit } from './permit.ts';
import { checkGone, checkStopping } from './stopping.ts';
import { checkFinished, checkMaxRestarts, checkRunning, checkStanding } from './process-rules.ts';
import { recordFor } from './restarts.ts';
import { ANNOTATION, processPodName } from '../workload/names.ts';

export interface Rule {
  readonly name: string;
  readonly check: (input: ProcessInput) => Verdict | undefined;
}

export const PROCESS_RULES: readonly Rule[] = [
  { name: 'objects are ours', check: checkForeign }, //           never touch what somebody else made
  { name: 'last write was accepted', check: checkRefused }, //    a refusal is waited out, not repeated
  { name: 'objects are claimed', check: checkClaimed }, //        no decision on an object a stale leader could still change
  { name: 'earlier permit is answered', check: checkAnswered }, // a permit may still land: nothing else may be permitted
  { name: 'old instances are gone', check: checkStopping }, //    whatever is being deleted must be proven gone
  { name: 'no extra instances', check: checkExtra }, //           one pod under the one name; others are stopped
  { name: 'resource is readable', check: checkReadable }, //      a spec that means nothing changes nothing
  { name: 'workload still wanted', check: checkWanted }, //       removed from its source: stop and forget
  { name: 'workload is on record', check: checkRecorded }, //     before it has a pod, or it would leave an orphan
  { name: 'instance not finished', check: checkFinished }, //     terminal pods: complete, or clear away for a restart
  { name: 'instance has the current spec', check: checkSpec }, // planned replacement
  { name: 'restart budget', check: checkMaxRestarts }, //         crash loops end here
  { name: 'not finished for good', check: checkStanding }, //     Completed or MaxRestartsExceeded on record
  { name: 'vanished instance waited for', check: checkGone }, //  an unproven absence is not gone yet
  { name: 'instance exists', check: checkExists }, //             create, gated
  { name: 'instance permitted', check: decidePermit }, //         lift one gate
  { name: 'instance ready', check: checkRunning }, //             total: always answers
];

function checkForeign({ desired, foreign, fingerprints, instances, key, now }: Input): Verdict | undefined {
  // A workload that is going has no use for the name.
  if (desired !== undefined && foreign !== undefined && now < foreign.recheckAt)
    return {
      reason: 'ForeignOwner',
      message:
        `pod ${key.namespace}/${foreign.pod.metadata.name} exists and is not managed by this tenant: ` +
        'delete or rename it, or rename the workload',
      actions: [],
      wakeAt: foreign.recheckAt,
    };
  const stranger = instances.find(
    ({ pod }) => !fingerprints.has(pod.metadata.annotations?.[ANNOTATION.fingerprint] ?? ''),
  )?.pod;
  if (stranger === undefined) return undefined;
  return {
    reason: 'ForeignOwner',
    message:
      `pod ${key.namespace}/${stranger.metadata.name} is managed by another installation of this tenant ` +
      `(${stranger.metadata.annotations?.[ANNOTATION.fingerprint] ?? 'no fingerprint'}): stop that one, or use another tenant`,
    actions: [],
  };
}

/**
 * Every pod, gated and terminating ones included, must carry our term before anything is decided about it. The single
 * exception is a gated pod that is the only one: its permit is itself a compare-and-set that writes the term.
 */
function checkClaimed(input: Input): Verdict | undefined {
  const { instances, term } = input;
  const unclaimed = instances.filter(({ pod }) => claimedTerm(pod) !== term);
  const [only] = instances;
  if (unclaimed.length === 0) return undefined;
  const untouched = only !== undefined && instances.length === 1 && claimedTerm(only.pod) === undefined;
  if (untouched && isGated(only.pod) && only.pod.metadata.deletionTimestamp === undefined) return undefined;
  return {
    reason: 'AwaitingPermit',
    message: `claiming ${unclaimed.length} pod(s) for term ${term}`,
    actions: unclaimed.map(({ pod }) => ({ kind: 'claim', pod })),
  };
}

/** A compare-and-set on that same pod settles it: either it shows the permit, or a late one meets a newer resourceVersion. */
function checkAnswered({ instances, unansweredPermit }: Input): Verdict | undefined {
  const pod = instances.find((instance) => instance.pod.metadata.uid === unansweredPermit)?.pod;
  if (unansweredPermit === undefined || pod === undefined) return undefined;
  return {
    reason: 'AwaitingPermit',
    message: `the permit of pod ${pod.metadata.name} was sent and not answered; settling it first`,
    actions: [{ kind: 'claim', pod }],
  };
}

function checkExtra({ instances, key }: Input): Verdict | undefined {
  const extra = instances.filter(({ pod }) => pod.metadata.name !== processPodName(key.name));
  if (extra.length === 0) return undefined;
  return {
    reason: 'WaitingForOldInstance',
    message: `stopping ${extra.map(({ pod }) => pod.metadata.name).join(', ')}: only ${processPodName(key.name)} may run`,
    actions: extra.map(({ pod }) => ({ kind: 'delete', pod, cause: 'ExtraInstance' })),
  };
}

/** Without a last valid state nobody can tell whether what runs should run: it is left alone. */
function checkReadable({ desired, invalid }: Input): Verdict | undefined {
  if (desired !== undefined || invalid === undefined) return undefined;
  return { reason: 'InvalidSpec', message: invalid, actions: [] };
}

function checkWanted({ desired, instances, record, vanished }: Input): Verdict | undefined {
  if (desired !== undefined) return undefined;
  if ((record?.managedFrom ?? 'none') === 'none' && instances.length > 0)
    return {
      reason: 'Removed',
      message:
        'neither in the file nor a custom resource, and not on record as managed: left alone, delete the pod by hand',
      actions: [],
    };
  if (instances.length > 0)
    return {
      reason: 'Removed',
      message: 'removed from where it was defined: stopping',
      actions: instances.map(({ pod }) => ({ kind: 'delete', pod, cause: 'Removed' })),
    };
  const goneAt = Math.max(0, ...vanished.map((entry) => entry.goneAt));
  if (goneAt > 0)
    return {
      reason: 'Removed',
      message: 'waiting for the last instance to be gone',
      actions: [],
      wakeAt: goneAt,
    };
  return {
    reason: 'Removed',
    message: 'stopped and removed',
    actions: record === undefined ? [] : [{ kind: 'forget' }],
  };
}

function checkRecorded({ desired, record }: Input): Verdict | undefined {
  if (desired === undefined || record?.managedFrom === desired.source.from) return undefined;
  return {
    reason: 'AwaitingPermit',
    message: 'putting the workload on record',
    actions: [{ kind: 'remember', record: recordFor(desired, record) }],
  };
}

function checkSpec({ desired, instances }: Input): Verdict | undefined {
  const [instance] = instances;
  if (desired === undefined || instance === undefined) return undefined;
  const { pod } = instance;
  if (pod.metadata.annotations?.[ANNOTATION.templateHash] === desired.templateHash) return undefined;
  return {
    reason: 'WaitingForOldInstance',
    message: `the spec changed: stopping pod ${pod.metadata.name} before its replacement is made`,
    actions: [{ kind: 'delete', pod, cause: 'SpecChanged' }],
  };
}

/** The server understood and said no: repeating the same write at once would only be louder. */
function checkRefused({ refusal, now }: Input): Verdict | undefined {
  if (refusal === undefined || now >= refusal.retryAt) return undefined;
  return {
    reason: refusal.message.includes('exceeded quota') ? 'QuotaExceeded' : 'Failed',
    message: `the API server refused to ${refusal.action} the ${isAboutRecord(refusal) ? 'workload' : 'pod'}: ${refusal.message}`,
    actions: [],
    wakeAt: refusal.retryAt,
  };
}

/** The record, and not the pod. */
function isAboutRecord({ action }: Refusal): boolean {
  return action === 'remember' || action === 'forget';
}

function checkExists({ desired, instances, now, startNotBefore }: ProcessInput): Verdict | undefined {
  if (desired === undefined || instances.length > 0) return undefined;
  if (startNotBefore !== undefined && now < startNotBefore)
    return {
      reason: 'CrashLoop',
      message: 'waiting before the next restart of a failed instance',
      actions: [],
      wakeAt: startNotBefore,
    };
  return {
    reason: 'Starting',
    message: 'creating the pod',
    actions: [{ kind: 'create', workload: desired }],
  };
}

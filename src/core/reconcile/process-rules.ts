/** The rules that are particular to processes: how they finish, restart, and count as active. */
import type { Pod } from '../manifests/pod.ts';
import type { ProcessWorkload } from '../workload/model.ts';
import { SINGLETON_FINALIZER } from '../workload/names.ts';
import type { Instance, ProcessInput, WorkloadRecord } from './observed.ts';
import type { Verdict } from './verdict.ts';
import { findProof, isGated, isTerminal } from './proof.ts';
import {
  containerRestarts,
  countContainerRestarts,
  countRestarts,
  FORGIVE_AFTER,
  recordFor,
} from './restarts.ts';
import { explainInstance } from './running.ts';
import { explainWait } from './stopping.ts';

/** A terminal pod: completed for good, out of restarts, or cleared away so that a new one can be made. */
export function checkFinished({
  desired,
  instances,
  record: stored,
  now,
}: ProcessInput): Verdict | undefined {
  const [instance] = instances;
  if (desired === undefined || instance === undefined || !isTerminal(instance.pod)) return undefined;
  const { pod } = instance;
  const proof = findProof(instance);
  if (proof === undefined) return { ...explainWait(instance, now), actions: [] };
  const record = recordFor(desired, stored);
  const next = settleEnd(desired, pod, record);
  if (next !== record)
    return {
      reason: 'Failed',
      message: `pod ${pod.metadata.name} ended`,
      actions: [{ kind: 'remember', record: next }],
    };
  // The pod stays for its logs when nothing follows it; its finalizer has done its work either way.
  if (pod.metadata.finalizers?.includes(SINGLETON_FINALIZER) === true)
    return {
      reason: record.outcome ?? 'Failed',
      message: `pod ${pod.metadata.name} ended`,
      actions: [{ kind: 'dropFinalizer', pod, proof }],
    };
  if (record.outcome !== undefined) return { ...explainOutcome(desired, record), actions: [] };
  return {
    reason: 'Failed',
    message: `pod ${pod.metadata.name} ended (${pod.status?.reason ?? pod.status?.phase}); replacing it`,
    actions: [{ kind: 'delete', pod, cause: 'Finished' }],
  };
}

/** The record after this pod's end: unchanged (the same object) once it has been taken into account. */
function settleEnd(workload: ProcessWorkload, pod: Pod, record: WorkloadRecord): WorkloadRecord {
  if (record.counted === pod.metadata.uid || record.outcome !== undefined) return record;
  const { restartPolicy, maxRestarts } = workload.spec;
  const counted = { ...record, counted: pod.metadata.uid ?? '' };
  if (pod.status?.phase === 'Succeeded' && restartPolicy !== 'Always')
    return { ...counted, outcome: 'Completed' };
  if (isDisrupted(pod)) return counted;
  const restarts = record.restarts + countContainerRestarts(pod, record) + 1;
  return {
    ...counted,
    restarts,
    ...(restarts > maxRestarts ? { outcome: 'MaxRestartsExceeded' as const } : {}),
  };
}

/** Evicted, drained or garbage-collected: an end that says nothing about the program, so it is no crash (KEP-3329). */
function isDisrupted(pod: Pod): boolean {
  return (
    pod.status?.conditions?.some(
      (condition) => condition.type === 'DisruptionTarget' && condition.status === 'True',
    ) ?? false
  );
}

/** Too many restarts: stop what runs, start nothing more until the spec changes. */
export function checkMaxRestarts({ desired, instances, record: stored }: ProcessInput): Verdict | undefined {
  const [instance] = instances;
  if (desired === undefined || instance === undefined) return undefined;
  const record = recordFor(desired, stored);
  const spent = countRestarts(instance.pod, record);
  if (record.outcome === 'MaxRestartsExceeded')
    return {
      ...explainOutcome(desired, record),
      actions: [{ kind: 'delete', pod: instance.pod, cause: 'MaxRestartsExceeded' }],
    };
  if (spent <= desired.spec.maxRestarts) return undefined;
  const exceeded: WorkloadRecord = { ...record, restarts: spent, outcome: 'MaxRestartsExceeded' };
  return { ...explainOutcome(desired, exceeded), actions: [{ kind: 'remember', record: exceeded }] };
}

/** What stands on record when no pod shows it any more. A gated pod that arrived late is cleared away. */
export function checkStanding({ desired, instances, record: stored }: ProcessInput): Verdict | undefined {
  if (desired === undefined || instances.some(({ pod }) => !isGated(pod))) return undefined;
  const record = recordFor(desired, stored);
  if (record.outcome === undefined) return undefined;
  return {
    ...explainOutcome(desired, record),
    actions: instances.map(({ pod }) => ({ kind: 'delete', pod, cause: 'ExtraInstance' })),
  };
}

function explainOutcome(workload: ProcessWorkload, record: WorkloadRecord): Omit<Verdict, 'actions'> {
  if (record.outcome === 'Completed')
    return {
      reason: 'Completed',
      message: 'finished with exit code 0; it is not run again until its spec changes',
    };
  return {
    reason: 'MaxRestartsExceeded',
    message:
      `restarted ${record.restarts} times within the window, more than maxRestarts ${workload.spec.maxRestarts}; ` +
      'not started again until its spec changes',
  };
}

/** The permitted instance: is it up, and if not, why. Always answers, as the end of the chain. */
export function checkRunning(input: ProcessInput): Verdict {
  const [instance] = input.instances;
  if (instance === undefined) throw new Error('the chain passed without an instance');
  const state = explainInstance(instance, input.now);
  // A node that has fallen silent is looked at again before anything is forgiven.
  return { ...(state.reason === 'Active' ? forgive(input, instance) : { actions: [] }), ...state };
}

/** Earlier restarts stop counting once the instance has been ready long enough. */
function forgive(
  { desired, record: stored, now }: ProcessInput,
  { pod, readySince }: Instance,
): Pick<Verdict, 'actions' | 'wakeAt'> {
  if (desired === undefined || readySince === undefined) return { actions: [] };
  const record = recordFor(desired, stored);
  if (countRestarts(pod, record) === 0) return { actions: [] };
  if (now < readySince + FORGIVE_AFTER) return { actions: [], wakeAt: readySince + FORGIVE_AFTER };
  const forgiven = { uid: pod.metadata.uid ?? '', restarts: containerRestarts(pod) };
  return { actions: [{ kind: 'remember', record: { ...record, restarts: 0, forgiven } }] };
}

/** How the permitted instance of a workload fares: is it up, and if not, why. */
import type { Instant } from '../time.ts';
import type { Instance } from './observed.ts';
import { UNREACHABLE_AFTER, unreachableRemedy } from './stopping.ts';
import type { Verdict } from './verdict.ts';

/** Reason, sentence and wake-up for a permitted instance that is not terminating. */
export function explainInstance(instance: Instance, now: Instant): Omit<Verdict, 'actions'> {
  const { pod, node } = instance;
  const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
  const on = pod.spec.nodeName ?? '';
  if (on === '') {
    const scheduled = pod.status?.conditions?.find((condition) => condition.type === 'PodScheduled');
    return scheduled?.reason === 'Unschedulable'
      ? { reason: 'Unschedulable', message: scheduled.message ?? `no node accepts pod ${name}` }
      : { reason: 'Starting', message: `pod ${name} waits for a node` };
  }
  const silent = node.kind === 'present' && !node.ready ? node.notReadySince : undefined;
  if (node.kind === 'absent' || (silent !== undefined && now >= silent + UNREACHABLE_AFTER))
    return { reason: 'NodeUnreachable', message: `pod ${name} on ${on}: ${unreachableRemedy(instance)}` };
  const wake = silent === undefined ? {} : { wakeAt: silent + UNREACHABLE_AFTER };
  const waiting = pod.status?.containerStatuses
    ?.map((status) => status.state?.waiting)
    .find((state) => state !== undefined);
  if (waiting?.reason !== undefined && IMAGE_FAILURES.has(waiting.reason))
    return { reason: 'ImagePullFailed', message: waiting.message ?? `${waiting.reason} on ${on}`, ...wake };
  if (waiting?.reason === 'CrashLoopBackOff')
    return {
      reason: 'CrashLoop',
      message: waiting.message ?? `pod ${name} keeps crashing on ${on}`,
      ...wake,
    };
  if (waiting?.message !== undefined)
    return { reason: 'Failed', message: `${waiting.reason}: ${waiting.message}`, ...wake };
  if (waiting?.reason === 'ContainerCreating')
    return {
      reason: 'Starting',
      message:
        `pod ${name} starts on ${on}: its containers wait for images and volumes; if this lasts, its events tell why: ` +
        `kubectl describe pod ${pod.metadata.name} -n ${pod.metadata.namespace}`,
      ...wake,
    };
  if (instance.readySince === undefined)
    return { reason: 'Starting', message: `pod ${name} starts on ${on}`, ...wake };
  return { reason: 'Active', message: `running on ${on}`, ...wake };
}

const IMAGE_FAILURES: ReadonlySet<string> = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
]);

/**
 * When an instance is proven gone. Anything that is not listed here is not a proof: not a vanished heartbeat, not a
 * NotReady node, not an unreachable API, not a container status in a pod that may restart it.
 */
import type { ContainerStatus, Pod } from '../manifests/pod.ts';
import { PERMIT_GATE } from '../workload/names.ts';
import type { Instance } from './observed.ts';

/**
 * Why an instance cannot be running:
 * - `NeverPermitted` (P0): its gate is still on, so it was never bound to a node. The reader must have read it in this
 *   term, and a permit of unknown outcome must not be under way.
 * - `NeverBound` (P0b): it is terminating and has no node; the API server refuses to bind a terminating pod.
 * - `KubeletReported` (P1): the kubelet wrote a terminal phase, and no container is shown running.
 * - `OutOfService` (P2): its node is declared off by the taint `node.kubernetes.io/out-of-service` (KEP-2268), is not
 *   ready, and the pod is being deleted.
 * - `FencedByOperator` (P2): a person has given their word that the machine is off, for this very pod, its kubelet has not
 *   reported since, and the pod is being deleted.
 * - `GivenUp`: none at all. The spec says to wait no longer than this for a silent node, and the pod is being deleted.
 */
export type Proof =
  | 'NeverPermitted'
  | 'NeverBound'
  | 'KubeletReported'
  | 'OutOfService'
  | NonNullable<Instance['word']>;

/** The proof that this instance cannot be running, or undefined: then it must be treated as running. */
export function findProof(instance: Instance): Proof | undefined {
  const { pod } = instance;
  if (isGated(pod)) return 'NeverPermitted';
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const bound = (pod.spec.nodeName ?? '') !== '';
  if (terminating && !bound) return 'NeverBound';
  if (bound && isEndReported(instance)) return 'KubeletReported';
  if (terminating && bound && isDeclaredOff(instance)) return 'OutOfService';
  return terminating && bound ? instance.word : undefined;
}

/** The permit has not been given: the scheduler leaves such a pod alone (KEP-3521). */
export function isGated(pod: Pod): boolean {
  return pod.spec.schedulingGates?.some((gate) => gate.name === PERMIT_GATE) ?? false;
}

/** Succeeded or Failed: Kubernetes never leaves these phases. Who wrote them is another question, see `findProof`. */
export function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/**
 * A terminal phase counts when the kubelet wrote it. The pod garbage collector writes Failed as well, without any word
 * from the node, over statuses that may be old (a crashed container that the kubelet is about to restart). So where
 * the node is suspect, or the collector's condition is present, we ask for the mark that only the kubelet leaves: the
 * Ready condition with reason PodFailed or PodCompleted (pkg/kubelet/status/generate.go), and every main container
 * terminated.
 */
function isEndReported({ pod, node }: Instance): boolean {
  if (!isTerminal(pod) || isAnyContainerRunning(pod)) return false;
  const collected = pod.status?.conditions?.some(
    (condition) => condition.type === 'DisruptionTarget' && condition.reason === 'DeletionByPodGC',
  );
  const trustworthy = node.kind === 'present' && node.ready && !node.suspect && collected !== true;
  if (trustworthy) return true;
  const ready = pod.status?.conditions?.find((condition) => condition.type === 'Ready');
  const markedByKubelet = ready?.reason === 'PodFailed' || ready?.reason === 'PodCompleted';
  return markedByKubelet && areAllContainersTerminated(pod);
}

function isAnyContainerRunning(pod: Pod): boolean {
  return allStatuses(pod).some((status) => status.state?.running !== undefined);
}

function areAllContainersTerminated(pod: Pod): boolean {
  return pod.spec.containers.every((container) =>
    pod.status?.containerStatuses?.some(
      (status) => status.name === container.name && status.state?.terminated !== undefined,
    ),
  );
}

function allStatuses(pod: Pod): readonly ContainerStatus[] {
  return [
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.ephemeralContainerStatuses ?? []),
  ];
}

/**
 * The taint speaks for pods that were bound before it. A pod that tolerates the taint could be bound after it, when the
 * machine may be on again, so for such a pod it proves nothing.
 */
function isDeclaredOff({ pod, node }: Instance): boolean {
  if (node.kind !== 'present' || node.ready || !node.outOfService) return false;
  const toleratesIt = pod.spec.tolerations?.some(
    (toleration) =>
      toleration.key === undefined || toleration.key === '' || toleration.key === OUT_OF_SERVICE_TAINT,
  );
  return toleratesIt !== true;
}

export const OUT_OF_SERVICE_TAINT = 'node.kubernetes.io/out-of-service';

/** What is kept of a pod in the cache: the part that decisions, claims and status pages look at. */
import type { ContainerStatus, Pod } from '../core/manifests/pod.ts';

/** Drops everything else, before caching: with thousands of pods this is most of a controller's memory. */
export function stripPod(pod: Pod): Pod {
  const { metadata, spec, status } = pod;
  return {
    metadata: {
      name: metadata.name,
      ...pick(metadata, [
        'namespace',
        'uid',
        'resourceVersion',
        'creationTimestamp',
        'deletionTimestamp',
        'deletionGracePeriodSeconds',
      ]),
      ...pick(metadata, ['labels', 'annotations', 'finalizers', 'ownerReferences']),
    },
    spec: {
      ...pick(spec, ['nodeName', 'schedulingGates', 'terminationGracePeriodSeconds', 'tolerations']),
      containers: spec.containers.map(({ name, image }) => ({ name, image })),
    },
    ...(status === undefined ? {} : { status: stripStatus(status) }),
  };
}

function stripStatus(status: NonNullable<Pod['status']>): NonNullable<Pod['status']> {
  const { containerStatuses, initContainerStatuses, ephemeralContainerStatuses } = status;
  return {
    ...pick(status, ['phase', 'reason', 'conditions', 'startTime', 'podIP', 'hostIP']),
    ...(containerStatuses === undefined ? {} : { containerStatuses: containerStatuses.map(stripContainer) }),
    ...(initContainerStatuses === undefined
      ? {}
      : { initContainerStatuses: initContainerStatuses.map(stripContainer) }),
    ...(ephemeralContainerStatuses === undefined
      ? {}
      : { ephemeralContainerStatuses: ephemeralContainerStatuses.map(stripContainer) }),
  };
}

function stripContainer(status: ContainerStatus): ContainerStatus {
  return {
    name: status.name,
    restartCount: status.restartCount,
    ready: status.ready,
    ...pick(status, ['state']),
  };
}

/** The named properties that are present. */
function pick<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  const picked: Partial<Pick<T, K>> = {};
  for (const key of keys) if (from[key] !== undefined) picked[key] = from[key];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- absent optional properties stay absent
  return picked as Pick<T, K>;
}

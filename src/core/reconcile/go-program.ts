/**
 * What the Go program made. It marked its objects with `managed-by=k8-highlander` and `app=NAME`, and all but Services
 * with who led when it wrote them. What we make, or have adopted, carries a tenant and annotations of our own besides;
 * so the two are told apart by these marks, and never by a name alone.
 */
import type { ManagedKind } from '../manifests/managed-object.ts';
import type { Pod, PodMeta } from '../manifests/pod.ts';
import type { WorkloadKey, WorkloadKind } from '../workload/model.ts';
import { GROUP, LABEL, processPodName } from '../workload/names.ts';

/** Whether the Go program made the object, and nobody has taken it over since. */
export function isGoMade(kind: ManagedKind | 'Pod', metadata: PodMeta): boolean {
  const { labels = {}, annotations = {} } = metadata;
  if (labels[LABEL.managedBy] !== LABEL.managedByValue || !labels[LABEL.app]) return false;
  const isMarked = Object.keys({ ...labels, ...annotations }).some((key) => key.startsWith(`${GROUP}/`));
  if (isMarked) return false;
  if (kind === 'Service') return true;
  return [LABEL.controllerId, LABEL.clusterName, LABEL.isLeader].every((key) => labels[key] !== undefined);
}

/** Whether the Go program made it, for the workload of that name. */
export function isGoMadeFor(name: string, kind: ManagedKind | 'Pod', metadata: PodMeta): boolean {
  return isGoMade(kind, metadata) && metadata.labels?.[LABEL.app] === name;
}

const MAKERS: readonly (readonly [label: string, ownerKind: string, kind: WorkloadKind])[] = [
  ['pod-template-hash', 'ReplicaSet', 'service'],
  ['statefulset.kubernetes.io/pod-name', 'StatefulSet', 'persistent'],
  ['batch.kubernetes.io/job-name', 'Job', 'cronjob'],
];

/**
 * The workload that a pod of the Go program is an instance of; undefined for any other pod. What made the pod is also
 * read from the label that its maker left, for a pod whose maker was deleted without it.
 */
export function goWorkloadOf({ metadata }: Pick<Pod, 'metadata'>): WorkloadKey | undefined {
  const { name, namespace = '', labels = {}, ownerReferences = [] } = metadata;
  const app = labels[LABEL.app];
  if (app === undefined || !isGoMade('Pod', metadata)) return undefined;
  const owner = ownerReferences.find(({ controller }) => controller === true)?.kind;
  const made = MAKERS.find(([label, ownerKind]) =>
    owner === undefined ? labels[label] !== undefined : owner === ownerKind,
  );
  if (made !== undefined) return { kind: made[2], namespace, name: app };
  return owner === undefined && name === processPodName(app)
    ? { kind: 'process', namespace, name: app }
    : undefined;
}

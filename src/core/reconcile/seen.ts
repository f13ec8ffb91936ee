/** What the watched objects alone show of a workload: the same on every replica, whoever leads. */
import type { ManagedObject } from '../manifests/managed-object.ts';
import type { Pod } from '../manifests/pod.ts';
import { present } from '../present.ts';
import { ANNOTATION, MAIN_CONTAINER } from '../workload/names.ts';
import { parseKey } from '../workload/model.ts';
import type { Instance } from './observed.ts';
import { isTerminal } from './proof.ts';
import { chooseShown, judgeLiveness } from './liveness.ts';
import { isOwner } from './owner.ts';

/** Times are RFC 3339, as the API server wrote them. */
export interface SeenWorkload {
  /** `kind/namespace/name`. */
  readonly key: string;
  /** A permitted instance exists and has not ended. */
  readonly active: boolean;
  /** Ready, or succeeded. */
  readonly healthy: boolean;
  /** Last change of readiness. */
  readonly lastTransition?: string;
  readonly pod?: SeenPod;
  /** What the object that makes the pods says of itself; none for a process. */
  readonly maker?: SeenMaker;
}

/** Of a Deployment or StatefulSet the counts, of a CronJob its schedule. Counts that the API server leaves out are 0. */
export interface SeenMaker {
  readonly kind: string;
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly updatedReplicas?: number;
  readonly currentReplicas?: number;
  readonly schedule?: string;
  readonly suspend?: boolean;
  readonly lastScheduleTime?: string;
  readonly activeJobs?: readonly string[];
}

/** Absent fields are not reported yet. */
export interface SeenPod {
  readonly name: string;
  readonly uid?: string;
  readonly image?: string;
  /** The term that claimed it, its fencing token, and the id and cluster of the leader that wrote them. */
  readonly term?: number;
  readonly token?: number;
  readonly leader?: string;
  readonly cluster?: string;
  readonly phase?: string;
  readonly podIP?: string;
  readonly hostIP?: string;
  readonly node?: string;
  readonly startedAt?: string;
  /** When its main container ended. */
  readonly stoppedAt?: string;
  readonly containerReady?: boolean;
  readonly containerRestarts?: number;
  readonly containerStartedAt?: string;
  /** Why it does not run: not scheduled, or its container waits. */
  readonly pending?: { readonly reason: string; readonly message: string };
}

/** Where a workload is defined, and the part of its spec that people search by. */
export interface WorkloadDefinition {
  readonly source: 'file' | 'cr';
  readonly uid?: string;
  readonly generation?: number;
  readonly createdAt?: string;
  /** Of the custom resource, and of the spec; the spec wins. */
  readonly labels: Readonly<Record<string, string>>;
  readonly image?: string;
  readonly schedule?: string;
  readonly maxRestarts?: number;
  /** Why the resource has no effect, or not the one it asks for. */
  readonly invalid?: string;
}

/** One Kubernetes object of a workload. */
export interface SeenObject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** One word. */
  readonly state: string;
  readonly node?: string;
  readonly createdAt?: string;
}

export function viewSeen(
  key: string,
  instances: readonly Instance[],
  objects: readonly ManagedObject[] = [],
): SeenWorkload {
  const kind = parseKey(key)?.kind ?? 'process';
  const shown = chooseShown(instances);
  const pod = shown?.pod;
  const isDone =
    kind === 'process' && pod !== undefined && isTerminal(pod) && pod.status?.phase === 'Succeeded';
  const ready = pod?.status?.conditions?.find((condition) => condition.type === 'Ready');
  const owner = objects.find(isOwner);
  return {
    key,
    ...judgeLiveness(kind, instances, objects, isDone),
    ...present({
      lastTransition: ready?.lastTransitionTime ?? pod?.status?.startTime,
      pod: pod === undefined ? undefined : viewPod(pod),
      maker: owner === undefined ? undefined : viewMaker(owner),
    }),
  };
}

function viewMaker({ kind, spec, status }: ManagedObject): SeenMaker {
  if (kind === 'CronJob')
    return {
      kind,
      suspend: spec?.suspend ?? false,
      activeJobs: Array.isArray(status?.active) ? status.active.map(({ name }) => name) : [],
      ...present({ schedule: spec?.schedule, lastScheduleTime: status?.lastScheduleTime }),
    };
  const { readyReplicas = 0, availableReplicas = 0, updatedReplicas = 0, currentReplicas = 0 } = status ?? {};
  const counts = { replicas: status?.replicas ?? 0, readyReplicas, availableReplicas, updatedReplicas };
  return kind === 'StatefulSet' ? { kind, ...counts, currentReplicas } : { kind, ...counts };
}

function viewPod(pod: Pod): SeenPod {
  const { status, spec, metadata } = pod;
  const container =
    status?.containerStatuses?.find(({ name }) => name === MAIN_CONTAINER) ?? status?.containerStatuses?.[0];
  const pending = findPending(pod);
  const { annotations = {} } = metadata;
  return {
    name: metadata.name,
    ...present({
      uid: metadata.uid,
      image: (spec.containers.find(({ name }) => name === MAIN_CONTAINER) ?? spec.containers[0])?.image,
      term: numberOf(annotations[ANNOTATION.term]),
      token: numberOf(annotations[ANNOTATION.token]),
      leader: annotations[ANNOTATION.leaderId],
      cluster: annotations[ANNOTATION.clusterName],
      phase: status?.phase,
      podIP: status?.podIP,
      hostIP: status?.hostIP,
      node: spec.nodeName,
      startedAt: status?.startTime,
      stoppedAt: container?.state?.terminated?.finishedAt,
      containerReady: container?.ready,
      containerRestarts: container?.restartCount,
      containerStartedAt: container?.state?.running?.startedAt,
      pending,
    }),
  };
}

function numberOf(text: string | undefined): number | undefined {
  const value = Number(text);
  return text === undefined || !Number.isSafeInteger(value) ? undefined : value;
}

function findPending({ status }: Pod): SeenPod['pending'] {
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False' && scheduled.reason !== undefined)
    return { reason: scheduled.reason, message: scheduled.message ?? '' };
  const waiting = status?.containerStatuses
    ?.map(({ state }) => state?.waiting)
    .find((state) => state !== undefined);
  return waiting?.reason === undefined
    ? undefined
    : { reason: waiting.reason, message: waiting.message ?? '' };
}

/** What the watched objects alone show of a workload: the same on every replica, whoever leads. */
import type { Pod } from '../manifests/pod.ts';
import { ANNOTATION, MAIN_CONTAINER } from '../workload/names.ts';
import type { Instance } from './observed.ts';
import { isGated, isTerminal } from './proof.ts';
import { isActive } from './status.ts';

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

/** The instance shown is the permitted one, or else the one that waits for its permit. */
export function viewSeen(key: string, instances: readonly Instance[]): SeenWorkload {
  const shown = instances.find(({ pod }) => !isGated(pod)) ?? instances[0];
  if (shown === undefined) return { key, active: false, healthy: false };
  const { pod } = shown;
  const ready = pod.status?.conditions?.find((condition) => condition.type === 'Ready');
  const lastTransition = ready?.lastTransitionTime ?? pod.status?.startTime;
  const isReady = isActive(shown) && ready?.status === 'True';
  return {
    key,
    active: isActive(shown),
    healthy: isReady || (isTerminal(pod) && pod.status?.phase === 'Succeeded'),
    ...(lastTransition === undefined ? {} : { lastTransition }),
    pod: viewPod(pod),
  };
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

/** The fields that have a value. */
function present<T extends object>(fields: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- exactly the undefined ones are left out
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    readonly [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/**
 * Every label, annotation, gate, finalizer and object name that this product writes or reads. Users, dashboards and
 * admission policies match them verbatim, so they are API.
 */

import { fnv1a64 } from './template-hash.ts';

export const GROUP = 'highlander.plexobject.io';

export const LABEL = {
  /** Kept from the Go program; with the tenant label this selects everything of ours. */
  managedBy: 'managed-by',
  managedByValue: 'k8-highlander',
  tenant: `${GROUP}/tenant`,
  /** `process`, `cronjob`, `service`, `persistent`. */
  kind: `${GROUP}/kind`,
  /** On the fence anchor: the admission policy finds it by this label. */
  role: `${GROUP}/role`,
  roleFence: 'fence',
  /** Selector label of the Go program's objects; user labels never win over it. */
  app: 'app',
  appName: 'app.kubernetes.io/name',
  appManagedBy: 'app.kubernetes.io/managed-by',
  /** Written when an object is claimed, on live objects only, never in a template. */
  controllerId: 'controller-id',
  clusterName: 'cluster-name',
  /** Of the Go program, on all it makes but Services; we never write it. */
  isLeader: 'is-leader',
} as const;

export const ANNOTATION = {
  /** The term that last claimed the object. Compared only within a tenant. */
  term: `${GROUP}/term`,
  /** The fencing token of an instance, written in the request that lifts its gate. */
  token: `${GROUP}/fencing-token`,
  /** Hash of the spec after defaults plus render version: equal = adopt, different = planned replacement. */
  templateHash: `${GROUP}/template-hash`,
  /** Hash of what was last written into an object that makes pods, without the template of the pods. */
  appliedHash: `${GROUP}/applied-hash`,
  /** Hash of what the API server does not let anybody change in it, as it was when the object was made. */
  fixedHash: `${GROUP}/fixed-hash`,
  /** On a CronJob, `Wait` or `Delete`: what becomes of a running job when the workload is removed. */
  onStop: `${GROUP}/on-stop`,
  /** On a CronJob, in seconds: how long a running job is waited for when the workload is removed. */
  drainTimeout: `${GROUP}/drain-timeout`,
  /** On a CronJob, RFC 3339: when it was suspended because the workload was removed. */
  stoppingSince: `${GROUP}/stopping-since`,
  /** On a CronJob, RFC 3339: since when it has followed its present schedule, if that is not its creation. */
  scheduledSince: `${GROUP}/scheduled-since`,
  /** On a Job that was asked for out of turn: the id of the request. */
  run: `${GROUP}/run`,
  /** `kind/namespace/name` of the workload an object belongs to. */
  workload: `${GROUP}/workload`,
  /** Fingerprint of the installation (store, lock, anchor namespace) that manages the object. */
  fingerprint: `${GROUP}/fingerprint`,
  /** On a pod that ran before this product knew of it: the one kind of instance that runs without a fencing token. */
  adopted: `${GROUP}/adopted`,
  /** `file` or `resource`: where the workload was defined when the object was made. */
  source: `${GROUP}/source`,
  /** On a custom resource: a pause, see `control/pause.ts`. */
  paused: `${GROUP}/paused`,
  /** On a custom resource: something to be done once, see `control/request.ts`. */
  request: `${GROUP}/request`,
  /** Begins those in which candidates say that they are there. */
  candidate: `${GROUP}/candidate-`,
  /** The Go program writes it on what it stops. */
  controlledShutdown: 'k8-highlander.io/controlled-shutdown',
  leaderId: 'k8-highlander.io/leader-id',
  clusterName: 'k8-highlander.io/cluster-name',
} as const;

/** Scheduling gate: a pod that carries it cannot start. Only the leader lifts it. */
export const PERMIT_GATE = `${GROUP}/permit`;

/** Finalizer on every instance pod: keeps the evidence when somebody deletes by force. */
export const SINGLETON_FINALIZER = `${GROUP}/singleton`;

/** Finalizer on a custom resource: it waits until what is left of its workload is stopped. */
export const WORKLOAD_FINALIZER = `${GROUP}/workload`;

/** The container that runs the workload's program; sidecars stand beside it. */
export const MAIN_CONTAINER = 'main';

/** Name of the environment variable through which an instance learns its fencing token. */
export const TOKEN_ENV = 'HIGHLANDER_FENCING_TOKEN';

const HEADLESS = '-headless';

export const FIELD_MANAGER = 'k8-highlander';

/** Name of the Lease that is the lock of a tenant when the store is `lease`. */
export function leaseName(tenant: string): string {
  return `highlander-${tenant}`;
}

/** The lock of a tenant in Redis: the Go program's own key, which each must see the other hold. */
export function redisLockKey(tenant: string): string {
  return `highlander-leader-lock:${tenant}`;
}

/** What outlives the lock in Redis: the counter, the last holder and until when it is protected. */
export function redisRecordKey(tenant: string): string {
  return `highlander-leader-epoch:${tenant}`;
}

/** The channel in Redis on which holders announce that they took (`a:EPOCH`) or released (`r:EPOCH`) the lock. */
export function redisChannel(tenant: string): string {
  return `highlander-leader-events:${tenant}`;
}

/** Name of the ConfigMap that holds the fence anchor of a tenant. */
export function anchorName(tenant: string): string {
  return `highlander-fence-${tenant}`;
}

/** Name of the ConfigMap in which people ask something of whoever leads. */
export function controlName(tenant: string): string {
  return `highlander-control-${tenant}`;
}

/** Name of the Lease in which candidates say that they are there. No lock of any tenant can have it: see `leaseName`. */
export function candidatesName(tenant: string): string {
  return `k8-highlander-candidates-${tenant}`;
}

/** Name of one shard of the registry of a tenant. */
export function registryName(tenant: string, shard: number): string {
  return `highlander-registry-${tenant}-${shard}`;
}

/** The fixed pod name of a process workload. */
export function processPodName(workload: string): string {
  return `${workload}-pod`;
}

/**
 * The Service that governs the StatefulSet of a persistent workload, and so the domain of its pod. With ports, clients
 * have the Service `serviceName` with a stable address, and a headless one stands beside it; without, `serviceName` itself
 * is headless. Service names end at 63 characters; what is longer is shortened, with a digest.
 */
export function governingServiceName({
  serviceName,
  ports,
}: {
  readonly serviceName: string;
  readonly ports: readonly unknown[];
}): string {
  if (ports.length === 0) return serviceName;
  const room = 63 - HEADLESS.length;
  if (serviceName.length <= room) return `${serviceName}${HEADLESS}`;
  return `${serviceName.slice(0, room - 9)}-${fnv1a64(serviceName).slice(0, 8)}${HEADLESS}`;
}

/** Label values end at 63 characters and must begin and end with an alphanumeric (Kubernetes label syntax). */
export function labelSafe(value: string): string {
  return value
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 63)
    .replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
}

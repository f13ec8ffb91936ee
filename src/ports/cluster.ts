/**
 * The Kubernetes API as the runtime needs it: consistent reads, preconditioned writes, and caches fed by watches.
 *
 * Fine print:
 * - Writes never retry by themselves once bytes may have reached the server, except on 429 and 503 with Retry-After
 *   *before* the deadline given by the signal. `unknown` means the write may have been, or may yet be, applied.
 * - `list` is consistent (resourceVersion unset: a quorum read) and complete, whatever the number of pages.
 * - Objects are plain JSON as the server sent it; unknown fields are kept by reads that are not stripped.
 */
import type { Duration } from '../core/time.ts';
import { GROUP } from '../core/workload/names.ts';

/** Metadata as the API server writes it (dates are RFC 3339 strings). */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

/** A resource type: where it lives in the API. */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

export const PODS: Resource = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true };
export const NODES: Resource = { group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false };
export const NAMESPACES: Resource = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
};
export const CONFIG_MAPS: Resource = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};
export const LEASES: Resource = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
};
export const EVENTS: Resource = {
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
};

export const DEPLOYMENTS: Resource = {
  group: 'apps',
  version: 'v1',
  plural: 'deployments',
  kind: 'Deployment',
  namespaced: true,
};
export const STATEFUL_SETS: Resource = {
  group: 'apps',
  version: 'v1',
  plural: 'statefulsets',
  kind: 'StatefulSet',
  namespaced: true,
};
export const REPLICA_SETS: Resource = {
  group: 'apps',
  version: 'v1',
  plural: 'replicasets',
  kind: 'ReplicaSet',
  namespaced: true,
};
export const CRON_JOBS: Resource = {
  group: 'batch',
  version: 'v1',
  plural: 'cronjobs',
  kind: 'CronJob',
  namespaced: true,
};
export const JOBS: Resource = {
  group: 'batch',
  version: 'v1',
  plural: 'jobs',
  kind: 'Job',
  namespaced: true,
};
export const SERVICES: Resource = {
  group: '',
  version: 'v1',
  plural: 'services',
  kind: 'Service',
  namespaced: true,
};

export const WORKLOAD_PROCESSES: Resource = {
  group: GROUP,
  version: 'v1',
  plural: 'workloadprocesses',
  kind: 'WorkloadProcess',
  namespaced: true,
};

export const WORKLOAD_CRON_JOBS: Resource = {
  group: GROUP,
  version: 'v1',
  plural: 'workloadcronjobs',
  kind: 'WorkloadCronJob',
  namespaced: true,
};
export const WORKLOAD_SERVICES: Resource = {
  group: GROUP,
  version: 'v1',
  plural: 'workloadservices',
  kind: 'WorkloadService',
  namespaced: true,
};
export const WORKLOAD_PERSISTENTS: Resource = {
  group: GROUP,
  version: 'v1',
  plural: 'workloadpersistents',
  kind: 'WorkloadPersistent',
  namespaced: true,
};

/** Names one object. `namespace` is empty for cluster-scoped resources. */
export interface ObjectRef {
  readonly resource: Resource;
  readonly namespace: string;
  readonly name: string;
}

/** RFC 6902. */
export type PatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** Why a write did not happen, or that nobody knows. */
export type WriteFailure =
  /** The object changed since it was read (resourceVersion or uid precondition). Read again, decide again. */
  | { readonly kind: 'conflict'; readonly message: string }
  /** Create only: an object of that name exists. */
  | { readonly kind: 'exists'; readonly message: string }
  | { readonly kind: 'gone' }
  /** The server understood and refuses (400, 403, 422, admission). Repeating it as it is will not help. */
  | { readonly kind: 'refused'; readonly status: number; readonly reason: string; readonly message: string }
  /** Not applied; the server asks to wait (429, 503 with Retry-After). */
  | { readonly kind: 'throttled'; readonly retryAfter: Duration }
  /** Timeout, reset, 5xx: it may have been applied, or may still be. */
  | { readonly kind: 'unknown'; readonly cause: string; readonly code?: string };

export type WriteResult<T extends KubeObject = KubeObject> =
  | { readonly kind: 'done'; readonly object: T }
  | WriteFailure;

export type ReadFailure =
  | { readonly kind: 'refused'; readonly status: number; readonly reason: string; readonly message: string }
  | { readonly kind: 'unavailable'; readonly cause: string; readonly code?: string };

export type ListResult<T extends KubeObject> =
  | { readonly kind: 'done'; readonly items: readonly T[]; readonly resourceVersion: string }
  | ReadFailure;

export type GetResult<T extends KubeObject> =
  | { readonly kind: 'done'; readonly object: T }
  | { readonly kind: 'gone' }
  | ReadFailure;

export interface Scope {
  /** All namespaces when absent. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface ClusterReader {
  /**
   * All objects in the scope, of one revision, at least as new as every write that was answered before. `atLeast` asks for
   * less: at least as new as this version, which a list of the same resource answered. The API server then need not ask
   * its own store how far it is, which can take it 100 ms.
   */
  list<T extends KubeObject>(
    resource: Resource,
    scope: Scope,
    signal: AbortSignal,
    atLeast?: string,
  ): Promise<ListResult<T>>;
  get<T extends KubeObject>(ref: ObjectRef, signal: AbortSignal): Promise<GetResult<T>>;
}

export interface DeletePreconditions {
  readonly uid: string;
  readonly resourceVersion: string;
}

/** What becomes of the objects that the deleted one owns: they go too, some time later, or they are left without an owner. */
export type Propagation = 'Background' | 'Orphan';

export interface ClusterWriter {
  /** POST. `namespace` is taken from the object's metadata. */
  create<T extends KubeObject>(resource: Resource, object: T, signal: AbortSignal): Promise<WriteResult<T>>;
  /** PUT; the object must carry metadata.resourceVersion. */
  replace<T extends KubeObject>(resource: Resource, object: T, signal: AbortSignal): Promise<WriteResult<T>>;
  /** JSON Patch. Callers put the resourceVersion they read into the patch: a mismatch answers `conflict`. */
  patch<T extends KubeObject>(
    ref: ObjectRef,
    operations: readonly PatchOperation[],
    signal: AbortSignal,
    subresource?: 'status',
  ): Promise<WriteResult<T>>;
  /**
   * DELETE with preconditions and the object's own grace period, unless `grace` says `none`: then the API server waits for
   * no kubelet. The propagation is always said:
   * that of a type that is left to the server differs (a Job would leave its pods behind).
   */
  delete(
    ref: ObjectRef,
    preconditions: DeletePreconditions,
    propagation: Propagation,
    signal: AbortSignal,
    grace?: 'none',
  ): Promise<WriteResult>;
}

/** What happened to one cached object. `previous` is absent for an object not seen before. */
export type CacheChange<T extends KubeObject> =
  | { readonly kind: 'changed'; readonly object: T; readonly previous?: T }
  | { readonly kind: 'removed'; readonly object: T };

/** Health of a cache, for readiness: a stale cache is shown as stale, never as empty. */
export interface CacheState {
  /** True once the first complete state has arrived; stays true afterwards. */
  readonly synced: boolean;
  /** Why the watch is down now, if it is. */
  readonly problem?: string;
}

/** A local copy of one resource type, kept by list and watch. Handlers run synchronously, in order, and must not throw. */
export interface Cache<T extends KubeObject> {
  get(namespace: string, name: string): T | undefined;
  values(): Iterable<T>;
  state(): CacheState;
  /** Resolves at the first complete state; rejects only when the signal aborts first. */
  synced(signal: AbortSignal): Promise<void>;
  /**
   * Puts the reply of one of our own writes (or a consistent read) into the cache, so that the next decision sees it
   * before the watch does. A later watch event always wins; an older watch event for the same object does not.
   */
  put(object: T): void;
  onChange(handler: (change: CacheChange<T>) => void): void;
  /** Lists and watches until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export interface CacheOptions<T extends KubeObject> {
  readonly scope: Scope;
  /** Drops what decisions do not need, before caching. */
  readonly strip: (object: T) => T;
}

export interface ClusterRehearsal {
  /** What `patch` would answer, admission included; nothing is written (`dryRun=All`). */
  rehearse<T extends KubeObject>(
    ref: ObjectRef,
    operations: readonly PatchOperation[],
    signal: AbortSignal,
  ): Promise<WriteResult<T>>;
}

export interface Cluster extends ClusterReader, ClusterWriter, ClusterRehearsal {
  /** The API server's address, for people. */
  readonly address: string;
  /**
   * Opens this many connections, unless they are open: what is asked next need not wait for them. A hint, which costs one
   * small request each; never rejects, and ends with `close`.
   */
  warmUp(connections: number): Promise<void>;
  cache<T extends KubeObject>(resource: Resource, options: CacheOptions<T>): Cache<T>;
  close(): Promise<void>;
}

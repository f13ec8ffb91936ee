/** A workload as everything after the sources sees it: validated, defaults filled in, frozen plain data. */
import type { Duration } from '../time.ts';

/** `process` → Pod, `cronjob` → CronJob, `service` → Deployment + Service, `persistent` → StatefulSet + Service. */
export type WorkloadKind = 'process' | 'cronjob' | 'service' | 'persistent';

export interface WorkloadKey {
  readonly kind: WorkloadKind;
  readonly namespace: string;
  readonly name: string;
}

/** `process/default/report`: map key, queue key, annotation value and what people read. */
export function formatKey(key: WorkloadKey): string {
  return `${key.kind}/${key.namespace}/${key.name}`;
}

/** The inverse of `formatKey`; undefined for a text that is not one. */
export function parseKey(text: string): WorkloadKey | undefined {
  const [kind, namespace, name, ...rest] = text.split('/');
  if (kind !== 'process' && kind !== 'cronjob' && kind !== 'service' && kind !== 'persistent')
    return undefined;
  if (!namespace || !name || rest.length > 0) return undefined;
  return { kind, namespace, name };
}

export type StringMap = Readonly<Record<string, string>>;

/** Quantities keep their source text (Kubernetes syntax, validated). */
export interface Resources {
  readonly cpuRequest?: string;
  readonly memoryRequest?: string;
  readonly cpuLimit?: string;
  readonly memoryLimit?: string;
}

export interface Script {
  /** Run as one script under `set -e`: it stops at the first failing command. */
  readonly commands: readonly string[];
  readonly shell: string;
}

export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
}

export interface Sidecar {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env: StringMap;
  readonly resources: Resources;
  readonly volumeMounts: readonly VolumeMount[];
  readonly securityContext?: {
    readonly privileged?: boolean;
    readonly runAsUser?: number;
    readonly runAsGroup?: number;
    readonly runAsNonRoot?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
  };
}

export interface Port {
  readonly name: string;
  readonly containerPort: number;
  /** Defaults to containerPort. */
  readonly servicePort: number;
}

/** A JSON object that is handed through to Kubernetes as it was written; the API server judges it. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * What users of Kubernetes set on a pod or its main container. Names and meanings are those of the Kubernetes API; an
 * absent field is not set. Nothing in here may touch scheduling gates, finalizers or the names of our containers.
 */
export interface PodOptions {
  readonly serviceAccountName?: string;
  /** Names of Secrets. */
  readonly imagePullSecrets?: readonly string[];
  /** Of the main container and the sidecars; IfNotPresent unless given. */
  readonly imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
  readonly priorityClassName?: string;
  /** Of the pod. */
  readonly podSecurityContext?: JsonObject;
  /** Of the main container. */
  readonly securityContext?: JsonObject;
  readonly affinity?: JsonObject;
  readonly tolerations?: readonly JsonObject[];
  readonly envFrom?: readonly JsonObject[];
  /** By variable name: where its value comes from (`secretKeyRef`, `configMapKeyRef`, `fieldRef`, …). */
  readonly envValueFrom?: Readonly<Record<string, JsonObject>>;
  /** Beside those of `configMaps`, `secrets` and persistent volumes. */
  readonly volumes?: readonly JsonObject[];
  /** Of the main container, beside those that follow from `configMaps`, `secrets` and persistent volumes. */
  readonly volumeMounts?: readonly VolumeMount[];
  /** These win over the probes that follow from `healthCheckPath`. */
  readonly readinessProbe?: JsonObject;
  readonly livenessProbe?: JsonObject;
  readonly startupProbe?: JsonObject;
  readonly lifecycle?: JsonObject;
}

/** What is done about an instance on a node that does not answer. */
export type NodeLoss =
  /** Wait for a proof that it is gone, however long it takes. */
  | { readonly policy: 'Fenced' }
  /** Give the proof up after this time without a word from the node. The guarantee is then best effort. */
  | { readonly policy: 'Force'; readonly after: Duration };

/** Fields that every kind has. Exactly one of: `script`; `command`/`args`; neither (the image's entrypoint runs). */
export interface CommonSpec {
  readonly image: string;
  readonly script?: Script;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env: StringMap;
  readonly resources: Resources;
  readonly configMaps: readonly string[];
  readonly secrets: readonly string[];
  readonly labels: StringMap;
  readonly annotations: StringMap;
  readonly nodeSelector: StringMap;
  readonly sidecars: readonly Sidecar[];
  readonly ports: readonly Port[];
  readonly terminationGracePeriod: Duration;
  /** Absent: none is set. */
  readonly pod?: PodOptions;
  /** Started after all of these are ready, stopped before them. Absent: none. */
  readonly dependsOn?: readonly WorkloadKey[];
  /** Absent: `Fenced`. */
  readonly nodeLoss?: NodeLoss;
  /** What becomes of its objects when the workload is deleted. Absent: `Delete`. `Orphan`: they run on, unmanaged. */
  readonly deletionPolicy?: 'Delete' | 'Orphan';
}

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

export interface ProcessSpec extends CommonSpec {
  readonly restartPolicy: RestartPolicy;
  /** Restarts within the crash-loop window above which the workload is stopped. */
  readonly maxRestarts: number;
}

export interface CronJobSpec extends CommonSpec {
  /** Five fields, a descriptor such as `@daily`, or `@every`; validated. */
  readonly schedule: string;
  readonly restartPolicy: 'OnFailure' | 'Never';
  /** IANA name; absent: UTC, whatever the zone of the controller manager. */
  readonly timeZone?: string;
  /** A tick later than this is missed. */
  readonly startingDeadline: Duration;
  /** Retries of a failed run. */
  readonly backoffLimit: number;
  readonly successfulJobsHistoryLimit: number;
  readonly failedJobsHistoryLimit: number;
  /** What becomes of a running job when the workload is stopped: it finishes, or it is deleted. */
  readonly onStop: 'Wait' | 'Delete';
  /** How long a running job is waited for with `Wait`. Absent: without limit. */
  readonly drainTimeout?: Duration;
  /** No new runs, by the user's wish. */
  readonly suspend: boolean;
}

/** `GET path` on this port says whether the main container is well; becomes readiness and liveness probe. */
export interface HealthCheck {
  readonly path: string;
  readonly port: number;
}

export interface ServiceSpec extends CommonSpec {
  /** As declared. Never more than one instance runs; 0 stops the workload. */
  readonly replicas: number;
  readonly healthCheck?: HealthCheck;
  /** How long a start may take before it is reported as failed (the progress deadline of the Deployment). */
  readonly readinessTimeout: Duration;
}

export interface PersistentVolume {
  readonly name: string;
  readonly mountPath: string;
  /** Quantity in its source text. */
  readonly size: string;
  /** Empty: the default class of the cluster. */
  readonly storageClassName: string;
}

export interface PersistentSpec extends ServiceSpec {
  /** Name of the Service that clients use; the name of the workload unless given. */
  readonly serviceName: string;
  readonly persistentVolumes: readonly PersistentVolume[];
}

/** Where a workload is defined. */
export type Source =
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'resource'; readonly uid: string };

interface WorkloadOf<K extends WorkloadKind, S extends CommonSpec> {
  readonly key: WorkloadKey & { readonly kind: K };
  readonly spec: S;
  readonly source: Source;
  /** See `core/workload/template-hash.ts`. */
  readonly templateHash: string;
}

export type ProcessWorkload = WorkloadOf<'process', ProcessSpec>;
export type CronJobWorkload = WorkloadOf<'cronjob', CronJobSpec>;
export type ServiceWorkload = WorkloadOf<'service', ServiceSpec>;
export type PersistentWorkload = WorkloadOf<'persistent', PersistentSpec>;

/** A workload, ready to be rendered. */
export type Workload = ProcessWorkload | CronJobWorkload | ServiceWorkload | PersistentWorkload;

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
}

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

export interface ProcessSpec extends CommonSpec {
  readonly restartPolicy: RestartPolicy;
  /** Restarts within the crash-loop window above which the workload is stopped. */
  readonly maxRestarts: number;
}

/** Where a workload is defined. */
export type Source =
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'resource'; readonly uid: string };

/** A process workload, ready to be rendered. The other kinds join this union when they are built. */
export interface ProcessWorkload {
  readonly key: WorkloadKey & { readonly kind: 'process' };
  readonly spec: ProcessSpec;
  readonly source: Source;
  /** See `core/workload/template-hash.ts`. */
  readonly templateHash: string;
}

export type Workload = ProcessWorkload;

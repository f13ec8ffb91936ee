/**
 * What stands around the pods of a workload, as it is read: the objects that create pods, the runs of a cron job, and the
 * Services. One shape for all of them, with the fields that decisions and people need; what a kind does not have is
 * absent. Meanings are those of the Kubernetes API reference.
 */
import type { PodMeta } from './pod.ts';

/** The kinds of objects beside pods that this product creates or watches. */
export const MANAGED_KINDS = ['Deployment', 'StatefulSet', 'CronJob', 'Job', 'Service'] as const;
export type ManagedKind = (typeof MANAGED_KINDS)[number];

export interface ManagedObject {
  readonly apiVersion?: string;
  /** Set in everything that is cached, although items of a list arrive without it. */
  readonly kind: ManagedKind;
  readonly metadata: PodMeta;
  readonly spec?: ManagedSpec;
  readonly status?: ManagedStatus;
}

interface ManagedSpec {
  /** Deployment, StatefulSet. */
  readonly replicas?: number;
  readonly paused?: boolean;
  readonly strategy?: { readonly type?: string };
  readonly updateStrategy?: { readonly type?: string };
  readonly template?: PodTemplate;
  /** StatefulSet; cannot be changed. */
  readonly serviceName?: string;
  readonly volumeClaimTemplates?: readonly ClaimTemplate[];
  /** CronJob, Job. */
  readonly suspend?: boolean;
  readonly concurrencyPolicy?: string;
  readonly schedule?: string;
  readonly timeZone?: string;
  /** Service. */
  readonly type?: string;
  readonly clusterIP?: string;
  readonly jobTemplate?: { readonly spec?: { readonly template?: PodTemplate } };
}

export interface PodTemplate {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
  };
  readonly spec?: { readonly schedulingGates?: readonly { readonly name?: string }[] };
}

export interface ClaimTemplate {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly accessModes?: readonly string[];
    readonly storageClassName?: string;
    readonly resources?: { readonly requests?: Readonly<Record<string, string>> };
  };
}

interface ManagedStatus {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly updatedReplicas?: number;
  readonly currentReplicas?: number;
  /** CronJob: its running jobs. Job: how many pods run. */
  readonly active?: number | readonly { readonly name?: string }[];
  readonly lastScheduleTime?: string;
  readonly lastSuccessfulTime?: string;
  /** Job. */
  readonly succeeded?: number;
  readonly failed?: number;
  readonly startTime?: string;
  readonly completionTime?: string;
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason?: string;
    readonly message?: string;
    readonly lastTransitionTime?: string;
  }[];
}

/** The template of the pods that an object makes; undefined for those that make none. */
export function podTemplateOf({ spec }: { readonly spec?: ManagedSpec }): PodTemplate | undefined {
  return spec?.template ?? spec?.jobTemplate?.spec?.template;
}

/** `Deployment default/report`, for people. */
export function nameOf({ kind, metadata }: Pick<ManagedObject, 'kind' | 'metadata'>): string {
  return `${kind} ${metadata.namespace}/${metadata.name}`;
}

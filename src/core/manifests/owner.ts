/**
 * The parts of Deployment, StatefulSet, CronJob, Job and Service that this product writes, or looks at to decide and to
 * show. Field names and meanings are those of the Kubernetes API reference (apps/v1, batch/v1, core/v1).
 */
import type { PodMeta } from './pod.ts';
import type { PodTemplate } from './pod-template.ts';

interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
  /** Deployments only. */
  readonly lastUpdateTime?: string;
  /** Jobs only. */
  readonly lastProbeTime?: string;
}

interface AppSelector {
  readonly matchLabels: Readonly<Record<string, string>>;
}

/** Counts that are zero are left out by the API server. */
interface ReplicaStatus {
  /** Below `metadata.generation`: the rest of the status speaks of an older spec. */
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly updatedReplicas?: number;
  readonly conditions?: readonly Condition[];
}

export interface Deployment {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: PodMeta;
  readonly spec: {
    readonly replicas: number;
    readonly strategy: { readonly type: 'Recreate' | 'RollingUpdate' };
    readonly revisionHistoryLimit?: number;
    readonly progressDeadlineSeconds?: number;
    readonly selector: AppSelector;
    readonly template: PodTemplate;
  };
  readonly status?: ReplicaStatus & { readonly unavailableReplicas?: number };
}

export interface StatefulSet {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: PodMeta;
  readonly spec: {
    readonly replicas: number;
    readonly serviceName: string;
    readonly podManagementPolicy?: 'Parallel' | 'OrderedReady';
    readonly updateStrategy: { readonly type: 'OnDelete' | 'RollingUpdate' };
    readonly persistentVolumeClaimRetentionPolicy?: {
      readonly whenDeleted: 'Retain' | 'Delete';
      readonly whenScaled: 'Retain' | 'Delete';
    };
    readonly selector: AppSelector;
    readonly template: PodTemplate;
    readonly volumeClaimTemplates?: readonly VolumeClaimTemplate[];
  };
  readonly status?: ReplicaStatus & {
    readonly currentReplicas?: number;
    readonly currentRevision?: string;
    readonly updateRevision?: string;
  };
}

export interface VolumeClaimTemplate {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: Pick<PodMeta, 'name' | 'labels' | 'annotations'>;
  readonly spec: {
    readonly accessModes: readonly string[];
    readonly resources: { readonly requests: { readonly storage: string } };
    readonly storageClassName?: string;
  };
}

export interface CronJob {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: PodMeta;
  readonly spec: {
    readonly schedule: string;
    readonly timeZone?: string;
    readonly suspend?: boolean;
    readonly concurrencyPolicy?: 'Forbid' | 'Allow' | 'Replace';
    readonly startingDeadlineSeconds?: number;
    readonly successfulJobsHistoryLimit?: number;
    readonly failedJobsHistoryLimit?: number;
    readonly jobTemplate: {
      readonly metadata: Pick<PodMeta, 'labels' | 'annotations'>;
      readonly spec: JobSpec;
    };
  };
  readonly status?: {
    readonly active?: readonly { readonly name?: string; readonly uid?: string }[];
    readonly lastScheduleTime?: string;
    readonly lastSuccessfulTime?: string;
  };
}

interface JobSpec {
  readonly backoffLimit?: number;
  readonly podReplacementPolicy?: 'Failed' | 'TerminatingOrFailed';
  readonly suspend?: boolean;
  readonly template: PodTemplate;
}

export interface Job {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: PodMeta;
  readonly spec: JobSpec;
  readonly status?: {
    readonly active?: number;
    readonly ready?: number;
    readonly terminating?: number;
    readonly succeeded?: number;
    readonly failed?: number;
    readonly startTime?: string;
    readonly completionTime?: string;
    /** `Complete`, `Failed`, `Suspended`, and on the way to an end `SuccessCriteriaMet`, `FailureTarget`. */
    readonly conditions?: readonly Condition[];
  };
}

export interface Service {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: PodMeta;
  readonly spec: {
    readonly type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
    /** `None`: headless. Otherwise the API server chooses one. */
    readonly clusterIP?: string;
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly ServicePort[];
  };
}

export interface ServicePort {
  readonly name?: string;
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
  readonly targetPort?: number | string;
}

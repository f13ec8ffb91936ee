/** The four kinds of workloads: what they are called in the file and in the API, and what may be written in their specs. */
import type { Field, Fields, Rule } from './field.ts';
import { CRON_JOB_FIELDS, PERSISTENT_FIELDS, PROCESS_FIELDS, SERVICE_FIELDS } from './kind-fields.ts';
import type { WorkloadKind } from './model.ts';

export interface KindDescription {
  readonly kind: WorkloadKind;
  /** The list of the file that holds them. */
  readonly list: string;
  /** Kind, plural and short names of the custom resource. */
  readonly resourceKind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly doc: string;
  readonly fields: Fields;
  readonly required: readonly string[];
  /** Longest name: what Kubernetes derives from it must fit in 63 characters. */
  readonly maxName: number;
  /** Rules about the whole spec. */
  readonly specRules: readonly Rule[];
  /** Rules about the resource, name included. */
  readonly rules: readonly Rule[];
  /** Fields of the spec that `kubectl get -o wide` shows. */
  readonly columns: readonly {
    readonly name: string;
    readonly field: string;
    readonly type: 'string' | 'integer';
  }[];
}

const IMAGE = { name: 'Image', field: 'image', type: 'string' } as const;
const REPLICAS = { name: 'Replicas', field: 'replicas', type: 'integer' } as const;

/** Jobs and the revisions of stateful sets carry the name with a suffix of eleven characters. */
const MAX_NAME_WITH_SUFFIX = 52;
const MAX_NAME = 63;

export const KINDS: Readonly<Record<WorkloadKind, KindDescription>> = {
  process: {
    kind: 'process',
    list: 'processes',
    resourceKind: 'WorkloadProcess',
    plural: 'workloadprocesses',
    shortNames: ['wlp', 'wproc'],
    doc: 'A program of which exactly one instance runs while things are healthy, and never two.',
    fields: PROCESS_FIELDS,
    required: ['image'],
    maxName: MAX_NAME,
    specRules: [],
    rules: [],
    columns: [IMAGE],
  },
  cronjob: {
    kind: 'cronjob',
    list: 'cronJobs',
    resourceKind: 'WorkloadCronJob',
    plural: 'workloadcronjobs',
    shortNames: ['wlc', 'wcron'],
    doc: 'A program that is run on a schedule: each tick once, and never two at a time.',
    fields: CRON_JOB_FIELDS,
    required: ['image', 'schedule'],
    maxName: MAX_NAME_WITH_SUFFIX,
    specRules: [],
    rules: [],
    columns: [{ name: 'Schedule', field: 'schedule', type: 'string' }, IMAGE],
  },
  service: {
    kind: 'service',
    list: 'services',
    resourceKind: 'WorkloadService',
    plural: 'workloadservices',
    shortNames: ['wls', 'wsvc'],
    doc: 'A server of which exactly one instance runs while things are healthy, and never two, behind a Service.',
    fields: SERVICE_FIELDS,
    required: ['image'],
    maxName: MAX_NAME,
    specRules: [],
    rules: [],
    columns: [REPLICAS, IMAGE],
  },
  persistent: {
    kind: 'persistent',
    list: 'persistentSets',
    resourceKind: 'WorkloadPersistent',
    plural: 'workloadpersistents',
    shortNames: ['wlper', 'wpers'],
    doc: 'A server with volumes of its own, of which exactly one instance runs while things are healthy, and never two.',
    fields: PERSISTENT_FIELDS,
    required: ['image'],
    maxName: MAX_NAME_WITH_SUFFIX,
    specRules: [
      {
        rule: '(has(self.persistentVolumes) ? self.persistentVolumes.size() : 0) == (has(oldSelf.persistentVolumes) ? oldSelf.persistentVolumes.size() : 0)',
        message: 'volumes cannot be added or removed: make a new workload and move the data',
      },
    ],
    rules: [
      {
        rule: "(self.spec.?serviceName.orValue('') == '' ? self.metadata.name : self.spec.serviceName) == (oldSelf.spec.?serviceName.orValue('') == '' ? self.metadata.name : oldSelf.spec.serviceName)",
        message: 'serviceName cannot be changed: make a new workload and move the data',
      },
    ],
    columns: [REPLICAS, IMAGE],
  },
};

/** In the order in which people list them. */
export const KIND_ORDER: readonly WorkloadKind[] = ['process', 'cronjob', 'service', 'persistent'];

/** The kind behind the kind of a custom resource, for example `WorkloadCronJob`. */
export function kindOfResource(resourceKind: string): WorkloadKind | undefined {
  return KIND_ORDER.find((kind) => KINDS[kind].resourceKind === resourceKind);
}

/** The whole spec of a kind as one field. */
export function specField(kind: WorkloadKind): Field {
  const { fields, required, specRules } = KINDS[kind];
  return { type: 'object', doc: 'What to run.', fields, required, rules: specRules };
}

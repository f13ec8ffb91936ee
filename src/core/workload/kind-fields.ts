/** All fields of each kind, beside name and namespace. */
import { MINUTE, SECOND } from '../time.ts';
import type { Fields } from './field.ts';
import { COMMON_FIELDS, LABEL_NAME, MOUNT_PATH, YEAR } from './spec-fields.ts';

const LARGE = 2 ** 31 - 1;

export const PROCESS_FIELDS = {
  ...COMMON_FIELDS,
  restartPolicy: {
    type: 'text',
    doc: 'Always: run again however it ends. OnFailure: until it exits with 0. Never: a new pod after a failure.',
    maxLength: 16,
    oneOf: ['Always', 'OnFailure', 'Never'],
    default: 'OnFailure',
  },
  maxRestarts: {
    type: 'integer',
    doc: 'Restarts within ten minutes of readiness above which it is stopped; 0 and less mean 5.',
    maximum: LARGE,
    default: 5,
  },
  gracePeriod: { type: 'duration', doc: 'Older name of terminationGracePeriod, which wins.' },
} as const satisfies Fields;

export const CRON_JOB_FIELDS = {
  ...COMMON_FIELDS,
  schedule: {
    type: 'text',
    doc: 'Minute, hour, day of month, month and day of week, for example "0 3 * * *"; or a descriptor such as @daily.',
    maxLength: 1024,
    rules: [
      {
        rule: "!self.contains('TZ=')",
        message: 'a time zone does not belong in the schedule: write timeZone: Europe/Berlin beside it',
      },
    ],
  },
  timeZone: {
    type: 'text',
    doc: 'Time zone of the schedule, for example Europe/Berlin; UTC unless given.',
    maxLength: 64,
  },
  restartPolicy: {
    type: 'text',
    doc: 'OnFailure: a failed container is restarted in its pod. Never: a new pod after a failure.',
    maxLength: 16,
    oneOf: ['OnFailure', 'Never'],
    default: 'OnFailure',
  },
  startingDeadline: {
    type: 'duration',
    doc: 'A run that could not be started this long after its time is missed.',
    default: 5 * MINUTE,
    minimum: 10 * SECOND,
    maximum: YEAR,
  },
  backoffLimit: {
    type: 'integer',
    doc: 'How often a failed run is tried again.',
    minimum: 0,
    maximum: LARGE,
    default: 6,
  },
  successfulJobsHistoryLimit: {
    type: 'integer',
    doc: 'How many finished jobs are kept.',
    minimum: 0,
    maximum: LARGE,
    default: 3,
  },
  failedJobsHistoryLimit: {
    type: 'integer',
    doc: 'How many failed jobs are kept.',
    minimum: 0,
    maximum: LARGE,
    default: 1,
  },
  onStop: {
    type: 'text',
    doc: 'What becomes of a running job when the workload is stopped: Wait: it finishes. Delete: it is deleted.',
    maxLength: 16,
    oneOf: ['Wait', 'Delete'],
    default: 'Wait',
  },
  drainTimeout: {
    type: 'duration',
    doc: 'With onStop Wait: how long a running job is waited for; without limit unless given.',
    minimum: SECOND,
    maximum: YEAR,
  },
  suspend: { type: 'boolean', doc: 'Start no new runs.', default: false },
} as const satisfies Fields;

export const SERVICE_FIELDS = {
  ...COMMON_FIELDS,
  replicas: {
    type: 'integer',
    doc: '1, or 0 to stop it. Never more than one instance runs, whatever stands here.',
    minimum: 0,
    maximum: LARGE,
    default: 1,
    rules: [
      {
        rule: 'self <= 1 || self <= oldSelf.orValue(1)',
        message: 'at most one instance runs: write 1, or 0 to stop it',
        optionalOldSelf: true,
      },
    ],
  },
  healthCheckPath: {
    type: 'text',
    doc: 'Path of an HTTP check for readiness and life; healthCheckPort belongs to it.',
    maxLength: 4096,
  },
  healthCheckPort: {
    type: 'integer',
    doc: 'Port of the check; 0: none.',
    minimum: 0,
    maximum: 65_535,
  },
  readinessTimeout: {
    type: 'duration',
    doc: 'A start that takes longer is reported as failed.',
    default: 5 * MINUTE,
    minimum: SECOND,
    maximum: YEAR,
  },
} as const satisfies Fields;

/** Of one entry of `persistentVolumes`. */
const VOLUME_FIELDS = {
  name: { type: 'text', doc: 'Name of the volume; never changes.', maxLength: 63, pattern: LABEL_NAME },
  mountPath: {
    type: 'text',
    doc: 'Absolute path in the main container.',
    maxLength: 1024,
    pattern: MOUNT_PATH,
  },
  size: {
    type: 'quantity',
    doc: 'For example 10Gi; it may grow.',
    rules: [
      {
        rule: 'self == oldSelf || !isQuantity(string(oldSelf)) || (isQuantity(string(self)) && quantity(string(self)).compareTo(quantity(string(oldSelf))) >= 0)',
        message: 'the size of a volume may only grow',
      },
    ],
  },
  storageClassName: {
    type: 'text',
    doc: 'Storage class; that of the cluster unless given. Never changes.',
    maxLength: 253,
    default: '',
    rules: [
      {
        rule: 'self == oldSelf',
        message: 'the storage class of a volume cannot be changed: make a new workload and move the data',
      },
    ],
  },
} as const satisfies Fields;

export const PERSISTENT_FIELDS = {
  ...SERVICE_FIELDS,
  serviceName: {
    type: 'text',
    doc: 'Name of the Service that clients use; that of the workload unless given. Never changes.',
    maxLength: 63,
    pattern: {
      regex: '^([a-z]([-a-z0-9]*[a-z0-9])?)?$',
      message:
        'a Service name has lower-case letters, digits and -, begins with a letter and ends alphanumeric',
    },
  },
  persistentVolumes: {
    type: 'list',
    doc: 'Volumes that outlive the instance.',
    maxItems: 32,
    unique: { by: 'name' },
    rules: [
      {
        rule: 'self.all(v, oldSelf.exists(o, o.name == v.name))',
        message: 'a volume cannot be renamed: make a new workload and move the data',
      },
    ],
    items: {
      type: 'object',
      doc: 'A volume.',
      required: ['name', 'mountPath', 'size'],
      fields: VOLUME_FIELDS,
    },
  },
} as const satisfies Fields;

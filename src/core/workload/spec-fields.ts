/** The fields that workloads of every kind have: the description behind the readers and the custom resources. */
import { HOUR, SECOND } from '../time.ts';
import type { Field, Fields, Pattern } from './field.ts';
import { POD_FIELDS } from './pod-fields.ts';

/** Lengths far above what anybody writes, and far below what an object of the API can hold. */
const NAME_LENGTH = 253;
const LINE_LENGTH = 4096;
const TEXT_LENGTH = 262_144;
const MANY = 1024;

/** Nobody waits longer for a program to start or stop; a larger value is a mistake in the unit. */
export const YEAR = 365 * 24 * HOUR;

export const LABEL_NAME: Pattern = {
  regex: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
  message: 'use lower-case letters, digits and -, beginning and ending alphanumeric',
};

const OBJECT_NAME: Pattern = {
  regex: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
  message: 'use lower-case letters, digits, - and ., beginning and ending alphanumeric',
};

export const MOUNT_PATH: Pattern = {
  regex: '^/[^:]*$',
  message: 'write an absolute path without a colon, for example /etc/app',
};

export const SCRIPT_FIELDS = {
  commands: {
    type: 'list',
    doc: 'Commands, run as one script that stops at the first one that fails.',
    maxItems: MANY,
    items: { type: 'text', doc: 'A command.', maxLength: TEXT_LENGTH },
  },
  shell: { type: 'text', doc: 'The shell that runs them.', maxLength: LINE_LENGTH, default: '/bin/sh' },
} as const satisfies Fields;

export const PORT_FIELDS = {
  name: {
    type: 'text',
    doc: 'At most 15 lower-case letters, digits and single hyphens, with at least one letter.',
    maxLength: 15,
    pattern: {
      regex: '^[a-z0-9]+(-[a-z0-9]+)*$',
      message: 'a port name has lower-case letters, digits and single hyphens, with at least one letter',
    },
  },
  containerPort: { type: 'integer', doc: 'The port of the container.', minimum: 1, maximum: 65_535 },
  servicePort: {
    type: 'integer',
    doc: 'The port of the Service; that of the container unless given.',
    minimum: 1,
    maximum: 65_535,
  },
} as const satisfies Fields;

export const SECURITY_CONTEXT_FIELDS = {
  privileged: { type: 'boolean', doc: 'Run with the rights of the node.' },
  runAsUser: { type: 'integer', doc: 'User id.', minimum: 0, maximum: 2 ** 31 - 1 },
  runAsGroup: { type: 'integer', doc: 'Group id.', minimum: 0, maximum: 2 ** 31 - 1 },
  runAsNonRoot: { type: 'boolean', doc: 'Refuse to run as root.' },
  readOnlyRootFilesystem: { type: 'boolean', doc: 'Mount the root file system read-only.' },
} as const satisfies Fields;

export const NODE_LOSS_FIELDS = {
  policy: {
    type: 'text',
    doc: 'Fenced: wait for a proof that the instance is gone. Force: give the proof up after a time; the guarantee is then best effort.',
    maxLength: 16,
    oneOf: ['Fenced', 'Force'],
    default: 'Fenced',
  },
  after: {
    type: 'duration',
    doc: 'With Force: how long the node may be silent, for example 5m.',
    minimum: 10 * SECOND,
    maximum: YEAR,
  },
} as const satisfies Fields;

const IMAGE: Field = { type: 'text', doc: 'Container image.', maxLength: LINE_LENGTH };

const COMMAND: Field = {
  type: 'list',
  doc: "Replaces the image's entrypoint.",
  maxItems: MANY,
  items: { type: 'text', doc: 'A word of the command.', maxLength: TEXT_LENGTH },
};

const ARGS: Field = {
  type: 'list',
  doc: 'Arguments of the command or the entrypoint.',
  maxItems: MANY,
  items: { type: 'text', doc: 'An argument.', maxLength: TEXT_LENGTH },
};

const ENV: Field = {
  type: 'map',
  doc: 'Environment variables.',
  maxProperties: MANY,
  maxLength: TEXT_LENGTH,
};

const RESOURCES: Field = {
  type: 'object',
  doc: 'CPU and memory of the container.',
  fields: {
    cpuRequest: { type: 'quantity', doc: 'CPU that is set aside, for example 100m.' },
    memoryRequest: { type: 'quantity', doc: 'Memory that is set aside, for example 64Mi.' },
    cpuLimit: { type: 'quantity', doc: 'CPU it may use at most.' },
    memoryLimit: { type: 'quantity', doc: 'Memory it may use at most.' },
  },
};

const SIDECAR: Field = {
  type: 'object',
  doc: 'A container beside the main one.',
  required: ['name', 'image'],
  rules: [{ rule: "self.name != 'main'", message: 'main is the name of the main container' }],
  fields: {
    name: {
      type: 'text',
      doc: 'Name of the container; main is taken.',
      maxLength: 63,
      pattern: LABEL_NAME,
    },
    image: IMAGE,
    command: COMMAND,
    args: ARGS,
    env: ENV,
    resources: RESOURCES,
    volumeMounts: mounts(
      'Volumes it sees: config-NAME for each of configMaps, secret-NAME for each of secrets, and those of volumes and persistentVolumes.',
    ),
    securityContext: {
      type: 'object',
      doc: 'Rights of the container.',
      fields: SECURITY_CONTEXT_FIELDS,
    },
  },
};

/** Fields of every kind. */
export const COMMON_FIELDS = {
  image: IMAGE,
  script: {
    type: 'object',
    doc: 'A script to run in the container; wins over command and args.',
    required: ['commands'],
    fields: SCRIPT_FIELDS,
  },
  command: COMMAND,
  args: ARGS,
  env: ENV,
  resources: RESOURCES,
  configMaps: references('ConfigMaps to mount, each at /etc/config/NAME.'),
  secrets: references('Secrets to mount, each at /etc/secrets/NAME.'),
  labels: { type: 'map', doc: 'Labels of the pod.', maxProperties: MANY, maxLength: 63 },
  annotations: {
    type: 'map',
    doc: 'Annotations of the pod.',
    maxProperties: MANY,
    maxLength: TEXT_LENGTH,
  },
  nodeSelector: {
    type: 'map',
    doc: 'Labels of the nodes it may run on.',
    maxProperties: MANY,
    maxLength: 63,
  },
  sidecars: {
    type: 'list',
    doc: 'Containers beside the main one.',
    maxItems: 16,
    unique: { by: 'name' },
    items: SIDECAR,
  },
  ports: {
    type: 'list',
    doc: 'Ports of the main container.',
    maxItems: 256,
    unique: { by: 'name' },
    items: {
      type: 'object',
      doc: 'A port.',
      required: ['name', 'containerPort'],
      fields: PORT_FIELDS,
    },
  },
  terminationGracePeriod: {
    type: 'duration',
    doc: 'How long the program may take to stop, for example 30s; an integer means seconds. 30s unless given.',
    hasAlias: true,
    default: 30 * SECOND,
    minimum: SECOND,
    maximum: YEAR,
  },
  ...POD_FIELDS,
  volumeMounts: mounts('Where the main container sees what is listed in volumes.'),
  dependsOn: {
    type: 'list',
    doc: 'Workloads that must be ready before this one is started, and are stopped after it: kind/name or kind/namespace/name.',
    maxItems: 64,
    unique: 'item',
    items: {
      type: 'text',
      doc: 'A workload, for example service/api.',
      maxLength: 160,
      pattern: {
        regex:
          '^(process|cronjob|service|persistent)(/[a-z0-9]([-a-z0-9]*[a-z0-9])?)?/[a-z0-9]([-.a-z0-9]*[a-z0-9])?$',
        message:
          'write kind/name or kind/namespace/name; the kinds are process, cronjob, service and persistent',
      },
    },
  },
  nodeLoss: {
    type: 'object',
    doc: 'What is done about an instance on a node that does not answer.',
    fields: NODE_LOSS_FIELDS,
    rules: [
      {
        rule: "self.policy != 'Force' || has(self.after)",
        message: 'policy Force needs after: how long the node may be silent, for example 5m',
      },
    ],
  },
  deletionPolicy: {
    type: 'text',
    doc: 'What becomes of its objects when the workload is deleted. Orphan: they run on, unmanaged.',
    maxLength: 16,
    oneOf: ['Delete', 'Orphan'],
    default: 'Delete',
  },
} as const satisfies Fields;

function mounts(doc: string): Field {
  return {
    type: 'list',
    doc,
    maxItems: 64,
    unique: { by: 'mountPath' },
    items: {
      type: 'object',
      doc: 'A mounted volume.',
      required: ['name', 'mountPath'],
      fields: {
        name: { type: 'text', doc: 'The volume.', maxLength: NAME_LENGTH + 'secret-'.length },
        mountPath: {
          type: 'text',
          doc: 'Absolute path in the container.',
          maxLength: 1024,
          pattern: MOUNT_PATH,
        },
        readOnly: { type: 'boolean', doc: 'Mount it read-only.' },
      },
    },
  };
}

function references(doc: string): {
  readonly type: 'list';
  readonly doc: string;
  readonly maxItems: number;
  readonly unique: 'item';
  readonly items: Field;
} {
  const items = {
    type: 'text',
    doc: 'Its name.',
    maxLength: NAME_LENGTH,
    pattern: OBJECT_NAME,
  } as const;
  return { type: 'list', doc, maxItems: 256, unique: 'item', items };
}

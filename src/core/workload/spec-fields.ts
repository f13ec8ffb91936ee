/** Every field that a workload may have: the description behind the readers and the custom resources. */
import { HOUR, SECOND } from '../time.ts';
import type { Field, Fields } from './field.ts';

/** Lengths far above what anybody writes, and far below what an object of the API can hold. */
const NAME_LENGTH = 253;
const LINE_LENGTH = 4096;
const TEXT_LENGTH = 262_144;
const MANY = 1024;

/** A Go duration or an integer, as text. */
const DURATION_PATTERN = '^[+-]?([0-9]+|(([0-9]+[.]?[0-9]*|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$';
const DNS_LABEL_PATTERN = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
const DNS_SUBDOMAIN_PATTERN = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$';

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
    pattern: '^[a-z0-9]+(-[a-z0-9]+)*$',
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
      pattern: DNS_LABEL_PATTERN,
    },
    image: IMAGE,
    command: COMMAND,
    args: ARGS,
    env: ENV,
    resources: RESOURCES,
    volumeMounts: {
      type: 'list',
      doc: 'Volumes it sees: config-NAME for each of configMaps, secret-NAME for each of secrets.',
      maxItems: 256,
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
            maxLength: LINE_LENGTH,
            pattern: '^/[^:]*$',
          },
          readOnly: { type: 'boolean', doc: 'Mount it read-only.' },
        },
      },
    },
    securityContext: {
      type: 'object',
      doc: 'Rights of the container.',
      fields: SECURITY_CONTEXT_FIELDS,
    },
  },
};

/** Fields of every kind. */
const COMMON_FIELDS = {
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
    maxItems: 64,
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
    pattern: DURATION_PATTERN,
    default: 30 * SECOND,
    maximum: 365 * 24 * HOUR,
  },
} as const satisfies Fields;

/** Fields of a process, beside name and namespace. */
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
    maximum: 2 ** 31 - 1,
    default: 5,
  },
  gracePeriod: {
    type: 'duration',
    doc: 'Older name of terminationGracePeriod, which wins.',
  },
} as const satisfies Fields;

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
    pattern: DNS_SUBDOMAIN_PATTERN,
  } as const;
  return { type: 'list', doc, maxItems: 256, unique: 'item', items };
}

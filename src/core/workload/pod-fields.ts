/** What users of Kubernetes set on a pod or its main container: the description of `PodOptions`, without the mounts. */
import type { Field, Fields } from './field.ts';

const NAME_LENGTH = 253;

const OBJECT: Field = { type: 'json', doc: 'As in the Kubernetes API.' };

export const POD_FIELDS = {
  serviceAccountName: {
    type: 'text',
    doc: 'Service account of the pod; default unless given.',
    maxLength: NAME_LENGTH,
  },
  imagePullSecrets: {
    type: 'list',
    doc: 'Names of the Secrets with which images are pulled.',
    maxItems: 64,
    unique: 'item',
    items: { type: 'text', doc: 'Its name.', maxLength: NAME_LENGTH },
  },
  imagePullPolicy: {
    type: 'text',
    doc: 'Of all containers; IfNotPresent unless given.',
    maxLength: 16,
    oneOf: ['Always', 'IfNotPresent', 'Never'],
  },
  priorityClassName: { type: 'text', doc: 'Priority class of the pod.', maxLength: NAME_LENGTH },
  podSecurityContext: { type: 'json', doc: 'Security context of the pod, as in the Kubernetes API.' },
  securityContext: { type: 'json', doc: 'Security context of the main container, as in the Kubernetes API.' },
  affinity: { type: 'json', doc: 'Affinity of the pod, as in the Kubernetes API.' },
  tolerations: {
    type: 'list',
    doc: 'Taints of nodes that it tolerates, as in the Kubernetes API.',
    maxItems: 64,
    items: OBJECT,
  },
  envFrom: {
    type: 'list',
    doc: 'ConfigMaps and Secrets whose entries become variables, as in the Kubernetes API.',
    maxItems: 64,
    items: OBJECT,
  },
  envValueFrom: {
    type: 'json',
    doc: 'By name of a variable: where its value comes from (valueFrom in the Kubernetes API).',
  },
  volumes: {
    type: 'list',
    doc: 'Further volumes of the pod, as in the Kubernetes API. Names beginning with config- and secret- are taken.',
    maxItems: 64,
    items: OBJECT,
  },
  readinessProbe: {
    type: 'json',
    doc: 'Wins over what follows from healthCheckPath; as in the Kubernetes API.',
  },
  livenessProbe: {
    type: 'json',
    doc: 'Wins over what follows from healthCheckPath; as in the Kubernetes API.',
  },
  startupProbe: { type: 'json', doc: 'Of the main container, as in the Kubernetes API.' },
  lifecycle: { type: 'json', doc: 'Hooks of the main container, as in the Kubernetes API.' },
} as const satisfies Fields;

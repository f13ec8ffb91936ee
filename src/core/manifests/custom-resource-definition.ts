/**
 * The CustomResourceDefinitions (apiextensions.k8s.io/v1), rendered from the descriptions of the fields. Every string,
 * list and map is bounded. What could be stored under the schemas of the Go program is accepted: amounts and the older
 * name of the grace period are checked by the reader, which says what is wrong in a condition.
 */
import type { Field, Fields } from '../workload/field.ts';
import { GROUP } from '../workload/names.ts';
import { PROCESS_FIELDS } from '../workload/spec-fields.ts';
import { STATUS_FIELDS } from '../workload/status-fields.ts';

interface ResourceType {
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly doc: string;
  readonly spec: Fields;
  readonly required: readonly string[];
}

/** One entry per kind. */
const TYPES: readonly ResourceType[] = [
  {
    kind: 'WorkloadProcess',
    plural: 'workloadprocesses',
    shortNames: ['wlp', 'wproc'],
    doc: 'A program of which exactly one instance runs while things are healthy, and never two.',
    spec: PROCESS_FIELDS,
    required: ['image'],
  },
];

/** All definitions, as objects of the API. */
export function renderDefinitions(): readonly object[] {
  return TYPES.map(renderDefinition);
}

function renderDefinition({ kind, plural, shortNames, doc, spec, required }: ResourceType): object {
  const schema = {
    type: 'object',
    description: doc,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: renderField({ type: 'object', doc: 'What to run.', fields: spec, required }),
      status: renderField({
        type: 'object',
        doc: 'What the controller found and did. Written by it alone.',
        fields: STATUS_FIELDS,
      }),
    },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames,
        categories: ['highlander'],
      },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: schema },
          subresources: { status: {} },
          additionalPrinterColumns: COLUMNS,
        },
      ],
    },
  };
}

/** kubectl writes the names in capitals; priority 1 is for `-o wide`. */
const COLUMNS = [
  { name: 'Active', type: 'boolean', jsonPath: '.status.active' },
  { name: 'Healthy', type: 'boolean', jsonPath: '.status.healthy' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  { name: 'Node', type: 'string', jsonPath: '.status.instance.node', priority: 1 },
  { name: 'Term', type: 'integer', jsonPath: '.status.term', priority: 1 },
  { name: 'Token', type: 'integer', jsonPath: '.status.fencingToken', priority: 1 },
  { name: 'Reason', type: 'string', jsonPath: '.status.reason', priority: 1 },
  { name: 'Image', type: 'string', jsonPath: '.spec.image', priority: 1 },
];

/** A number, or a text of at most `maxLength`. */
function numberOrText(maxLength: number): object {
  return {
    'x-kubernetes-int-or-string': true,
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    maxLength,
  };
}

function renderField(field: Field): object {
  return { description: field.doc, ...renderType(field) };
}

function renderType(field: Field): object {
  switch (field.type) {
    case 'text':
      return {
        type: 'string',
        maxLength: field.maxLength,
        ...present('pattern', field.pattern),
        ...present('enum', field.oneOf),
        ...present('default', field.default),
      };
    case 'integer':
      return {
        type: 'integer',
        format: 'int64',
        ...present('minimum', field.minimum),
        ...present('maximum', field.maximum),
        ...present('default', field.default),
      };
    case 'boolean':
      return { type: 'boolean' };
    case 'time':
      return { type: 'string', format: 'date-time', maxLength: 64 };
    case 'duration':
      return { ...numberOrText(64), ...present('pattern', field.pattern) };
    case 'quantity':
      return numberOrText(64);
    case 'map':
      return {
        type: 'object',
        maxProperties: field.maxProperties,
        additionalProperties: { type: 'string', maxLength: field.maxLength },
      };
    case 'list':
      return {
        type: 'array',
        maxItems: field.maxItems,
        items: renderField(field.items),
        ...renderUniqueness(field.unique),
      };
    case 'object':
      return {
        type: 'object',
        ...present('required', field.required),
        ...present('x-kubernetes-validations', field.rules),
        properties: Object.fromEntries(
          Object.entries(field.fields).map(([name, inner]) => [name, renderField(inner)]),
        ),
      };
  }
}

function renderUniqueness(unique: Extract<Field, { type: 'list' }>['unique']): object {
  if (unique === undefined) return { 'x-kubernetes-list-type': 'atomic' };
  if (unique === 'item') return { 'x-kubernetes-list-type': 'set' };
  return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [unique.by] };
}

function present(key: string, value: unknown): object {
  return value === undefined ? {} : { [key]: value };
}

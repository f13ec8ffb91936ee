/**
 * The CustomResourceDefinitions (apiextensions.k8s.io/v1), rendered from the descriptions of the fields. Every string,
 * list and map is bounded. What could be stored under the schemas of the Go program is accepted: amounts and the older
 * name of the grace period are checked by the reader, which says what is wrong in a condition.
 */
import { formatDuration, type Duration } from '../time.ts';
import type { Field, Fields, Rule } from '../workload/field.ts';
import { KIND_ORDER, KINDS, specField, type KindDescription } from '../workload/kinds.ts';
import { GROUP } from '../workload/names.ts';
import { STATUS_FIELDS } from '../workload/status-fields.ts';

/** All definitions, as objects of the API. */
export function renderDefinitions(): readonly object[] {
  return KIND_ORDER.map((kind) => renderDefinition(KINDS[kind]));
}

function renderDefinition(description: KindDescription): object {
  const { kind, resourceKind, plural, shortNames, doc, maxName, rules, columns } = description;
  const schema = {
    type: 'object',
    description: doc,
    required: ['spec'],
    'x-kubernetes-validations': [nameRule(maxName), ...rules],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: renderField(specField(kind)),
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
        kind: resourceKind,
        listKind: `${resourceKind}List`,
        plural,
        singular: resourceKind.toLowerCase(),
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
          selectableFields: SELECTABLE,
          additionalPrinterColumns: [
            ...COLUMNS,
            ...columns.map(({ name, field, type }) => ({
              name,
              type,
              jsonPath: `.spec.${field}`,
              priority: 1,
            })),
          ],
        },
      ],
    },
  };
}

/** What is there already may keep its name: it cannot be changed. */
function nameRule(maxName: number): Rule {
  return {
    rule: `oldSelf.hasValue() || self.metadata.name.size() <= ${maxName}`,
    message: `the name is too long: at most ${maxName} characters`,
    optionalOldSelf: true,
  };
}

/** For `kubectl get --field-selector`, for example all that are not healthy. */
const SELECTABLE = ['active', 'healthy', 'reason'].map((field) => ({ jsonPath: `.status.${field}` }));

/** kubectl writes the names in capitals; priority 1 is for `-o wide`. */
const COLUMNS = [
  { name: 'Active', type: 'boolean', jsonPath: '.status.active' },
  { name: 'Healthy', type: 'boolean', jsonPath: '.status.healthy' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  { name: 'Node', type: 'string', jsonPath: '.status.instance.node', priority: 1 },
  { name: 'Term', type: 'integer', jsonPath: '.status.term', priority: 1 },
  { name: 'Token', type: 'integer', jsonPath: '.status.fencingToken', priority: 1 },
  { name: 'Reason', type: 'string', jsonPath: '.status.reason', priority: 1 },
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
  const rules = [...ruleOfType(field), ...(field.rules ?? [])];
  return {
    description: field.doc,
    ...renderType(field),
    ...(rules.length === 0 ? {} : { 'x-kubernetes-validations': rules }),
  };
}

/** Patterns and bounds for which the words of the API server would not help; the rest it says well itself. */
function ruleOfType(field: Field): readonly Rule[] {
  if (field.type === 'text' && field.pattern !== undefined)
    return [{ rule: `self.matches('${field.pattern.regex}')`, message: field.pattern.message }];
  if (field.type === 'duration' && field.minimum !== undefined && field.maximum !== undefined)
    return [durationRule(field.minimum, field.maximum)];
  return [];
}

/** A Go duration, or an integer or its text: seconds. */
function durationRule(minimum: Duration, maximum: Duration): Rule {
  const [least, most] = [formatDuration(minimum), formatDuration(maximum)];
  const inSeconds = "type(self) == int || self.matches('^[+-]?[0-9]+$')";
  const isDuration = "self.matches('^[+-]?(([0-9]+[.]?[0-9]*|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+$')";
  const value = `duration(${inSeconds} ? string(self) + 's' : string(self))`;
  return {
    rule: `(${inSeconds} || ${isDuration}) && ${value} >= duration('${least}') && ${value} <= duration('${most}')`,
    message: `write a duration from ${least} to ${most}, for example 30s or 1m30s; an integer means seconds`,
  };
}

function renderType(field: Field): object {
  switch (field.type) {
    case 'text':
      return {
        type: 'string',
        maxLength: field.maxLength,
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
      return { type: 'boolean', ...present('default', field.default) };
    case 'time':
      return { type: 'string', format: 'date-time', maxLength: 64 };
    case 'duration':
      return {
        ...numberOrText(64),
        ...(field.default === undefined || field.hasAlias === true
          ? {}
          : { default: formatDuration(field.default) }),
      };
    case 'quantity':
      return numberOrText(64);
    case 'json':
      return { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
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
        properties: renderFields(field.fields),
      };
  }
}

function renderFields(fields: Fields): object {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, renderField(field)]));
}

function renderUniqueness(unique: Extract<Field, { type: 'list' }>['unique']): object {
  if (unique === undefined) return { 'x-kubernetes-list-type': 'atomic' };
  if (unique === 'item') return { 'x-kubernetes-list-type': 'set' };
  return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [unique.by] };
}

function present(key: string, value: unknown): object {
  return value === undefined ? {} : { [key]: value };
}

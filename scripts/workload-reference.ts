/** The reference page of all fields of workloads, from the same tables as the readers and the definitions. */
import { formatDuration } from '../src/core/time.ts';
import type { Field, Fields } from '../src/core/workload/field.ts';
import { KIND_ORDER, KINDS, type KindDescription } from '../src/core/workload/kinds.ts';
import { COMMON_FIELDS } from '../src/core/workload/spec-fields.ts';

/** Relative to the repository. */
export const WORKLOAD_REFERENCE_FILE = 'docs/reference/workloads.md';

const HEAD = `<!-- Generated from src/core/workload by \`npm run generate\`. Do not edit. -->

# Workloads

A workload is an entry of a list under \`workloads\` in the configuration file, of a side file, or a custom resource of the group
\`highlander.plexobject.io/v1\`. The fields and their meaning are the same everywhere; a resource has its name and namespace in \`metadata\`, the rest
in \`spec\`.

A duration is written as in Go (\`300ms\`, \`30s\`, \`1m30s\`); an integer means seconds. A quantity is one of Kubernetes (\`100m\`, \`64Mi\`). An object
is handed to Kubernetes as it is written.

At most one instance of a workload runs, whatever \`replicas\` says: more than one is clamped, with the warning \`ReplicasClamped\`; 0 stops it.
`;

export function workloadReferenceText(): string {
  const own = KIND_ORDER.map((kind) => KINDS[kind]).flatMap(describeKind);
  return [
    HEAD,
    overview(),
    '## Fields of every kind\n',
    ...identity(),
    ...describeFields(COMMON_FIELDS, ['image']),
    ...own,
  ].join('\n');
}

function overview(): string {
  return table(
    [
      'list of the file',
      'side files',
      'kind of the resource',
      'short names',
      'in `dependsOn`',
      'longest name',
    ],
    KIND_ORDER.map((kind) => {
      const { list, resourceKind, shortNames, maxName } = KINDS[kind];
      return [
        code(list),
        code(`${kind}-*.yaml`),
        code(resourceKind),
        shortNames.map(code).join(', '),
        code(kind),
        String(maxName),
      ];
    }),
  );
}

/** Of entries of a file. */
function identity(): readonly string[] {
  return [
    table(
      ['field', 'type', 'default', 'meaning'],
      [
        [
          '`name`',
          'text, required',
          '',
          'Name of the workload; unique among those of its kind and namespace.',
        ],
        ['`namespace`', 'text', 'the setting `namespace`', 'Where it runs.'],
        [
          '`workloadCRDRef`',
          'object',
          '',
          'The entry stands for the resource with this `apiVersion`, `kind`, `name` and `namespace` (`default` unless given); what else it says is a fall-back.',
        ],
      ],
    ),
  ];
}

function describeKind({ list, resourceKind, doc, fields, required }: KindDescription): readonly string[] {
  const own = Object.fromEntries(Object.entries(fields).filter(([name]) => !(name in COMMON_FIELDS)));
  return [`## ${resourceKind}, \`${list}\`\n`, `${doc}\n`, ...describeFields(own, required)];
}

/** A table of the fields, then one for each of the objects and lists of objects among them. */
function describeFields(fields: Fields, required: readonly string[]): readonly string[] {
  const rows = Object.entries(fields).map(([name, field]) => [
    code(name),
    [typeOf(field), ...(required.includes(name) ? ['required'] : [])].join(', '),
    defaultOf(field),
    [field.doc, rangeOf(field)].filter((text) => text !== '').join(' '),
  ]);
  const inner = Object.entries(fields).flatMap(([name, field]) => {
    const object = field.type === 'list' ? field.items : field;
    if (object.type !== 'object') return [];
    const title = field.type === 'list' ? `Each of \`${name}\`:\n` : `In \`${name}\`:\n`;
    return [title].concat(describeFields(object.fields, object.required ?? []));
  });
  return [table(['field', 'type', 'default', 'meaning'], rows), ...inner];
}

function typeOf(field: Field): string {
  switch (field.type) {
    case 'text':
      return field.oneOf === undefined ? 'text' : field.oneOf.map(code).join(', ');
    case 'list':
      return field.items.type === 'text' ? 'list of texts' : 'list of objects';
    case 'map':
      return 'texts by name';
    case 'json':
      return 'object';
    default:
      return field.type;
  }
}

function defaultOf(field: Field): string {
  if (!('default' in field) || field.default === undefined || field.default === '') return '';
  return code(field.type === 'duration' ? formatDuration(field.default) : String(field.default));
}

function rangeOf(field: Field): string {
  if (field.type === 'duration' && field.minimum !== undefined)
    return `At least ${formatDuration(field.minimum)}.`;
  if (field.type === 'integer' && field.minimum === 1) return `From 1 to ${field.maximum ?? 'above'}.`;
  return '';
}

function code(text: string): string {
  return `\`${text}\``;
}

/** Padded, as the formatter writes it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`;
  return [head, widths.map((width) => '-'.repeat(width)), ...rows].map(line).join('');
}

/**
 * The one filter grammar of query strings, the stream, the command line and the dashboard's addresses:
 * `kind`, `namespace` (repeatable), `labelSelector`, `q` (substring of name, message, image or node), and `status`:
 * comma-separated conditions `key=value` or `key!=value`, all of which must hold.
 */
import { REASONS } from '../../core/reconcile/tone.ts';
import { parseLabelSelector, type LabelSelector } from './label-selector.ts';
import type { FieldError, Refusal } from './problem.ts';
import type { WorkloadRow } from './schema/state.ts';

/** What a filter looks at. */
export interface Filterable {
  readonly row: WorkloadRow;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Filter {
  /** Equal for filters that select the same; empty for the one that selects everything. */
  readonly canonical: string;
  readonly matches: (candidate: Filterable) => boolean;
}

const KINDS = ['process', 'cronjob', 'service', 'persistent'];
const TRUTHS = ['true', 'false', 'unknown'];
const FILTER_KEYS = ['kind', 'namespace', 'labelSelector', 'q', 'status'] as const;

/** Keys of `status`, with their values where those are few. */
const STATUS: Readonly<Record<string, readonly string[] | undefined>> = {
  ready: TRUTHS,
  active: TRUTHS,
  reason: [...REASONS, 'unknown'],
  tone: ['ok', 'busy', 'bad', 'unknown'],
  source: ['file', 'cr'],
  holder: undefined,
  node: undefined,
  cluster: undefined,
};
type StatusKey = 'ready' | 'active' | 'reason' | 'tone' | 'source' | 'holder' | 'node' | 'cluster';

/** Whether the query asks for a filter at all. */
export function hasFilter(query: URLSearchParams): boolean {
  return FILTER_KEYS.some((key) => query.has(key));
}

/** Reads the filter of a query. `others`: parameters that are none of its business. */
export function parseFilter(query: URLSearchParams, others: readonly string[]): Filter | Refusal {
  const errors: FieldError[] = [];
  const known = [...FILTER_KEYS, ...others];
  for (const key of new Set(query.keys()))
    if (!known.includes(key))
      errors.push(wrong(key, 'there is no such parameter', `one of ${known.join(', ')}`));
  const tests: ((candidate: Filterable) => boolean)[] = [];
  const kinds = valuesOf(query, 'kind');
  for (const kind of kinds)
    if (!KINDS.includes(kind))
      errors.push(wrong('kind', `${quote(kind)} is no kind`, `one of ${KINDS.join(', ')}`));
  if (kinds.length > 0) tests.push(({ row }) => kinds.includes(row.kind));
  const namespaces = valuesOf(query, 'namespace');
  if (namespaces.length > 0) tests.push(({ row }) => namespaces.includes(row.namespace));
  const labels = query.get('labelSelector') ?? '';
  if (labels !== '') {
    const selector: LabelSelector | { readonly wrong: string } = parseLabelSelector(labels);
    if (typeof selector === 'function') tests.push((candidate) => selector(candidate.labels));
    else
      errors.push(
        wrong(
          'labelSelector',
          `cannot read ${quote(selector.wrong)}`,
          'for example app=web,tier in (a,b),!old',
        ),
      );
  }
  const search = (query.get('q') ?? '').toLowerCase();
  if (search !== '') tests.push(({ row }) => isFound(row, search));
  const status = valuesOf(query, 'status').toSorted();
  for (const condition of status) {
    const test = parseCondition(condition, errors);
    if (test !== undefined) tests.push(({ row }) => test(row));
  }
  if (errors.length > 0) {
    const detail = errors.map(({ path, message }) => `${path}: ${message}`).join('; ');
    return { code: 'invalid-filter', detail, errors };
  }
  const parts = [kinds.join(), namespaces.join(), labels, search, status.join()];
  return {
    canonical: parts.every((part) => part === '') ? '' : JSON.stringify(parts),
    matches: (candidate) => tests.every((test) => test(candidate)),
  };
}

/** Every value of a repeatable parameter, comma-separated ones apart, sorted and each once. */
function valuesOf(query: URLSearchParams, key: string): readonly string[] {
  const values = query.getAll(key).flatMap((value) => value.split(','));
  return [...new Set(values.map((value) => value.trim()))].filter((value) => value !== '').toSorted();
}

function isFound({ name, message, image, node }: WorkloadRow, search: string): boolean {
  return [name, message, image, node].some((text) => text?.toLowerCase().includes(search) === true);
}

function parseCondition(text: string, errors: FieldError[]): ((row: WorkloadRow) => boolean) | undefined {
  const match = /^([a-z]+)(!?=)(.+)$/.exec(text);
  const [, key = '', operator, value = ''] = match ?? [];
  if (!isStatusKey(key)) {
    const keys = Object.keys(STATUS).join(', ');
    errors.push(
      wrong('status', `cannot read ${quote(text)}`, `KEY=VALUE or KEY!=VALUE with KEY one of ${keys}`),
    );
    return undefined;
  }
  const allowed = STATUS[key];
  if (allowed !== undefined && !allowed.includes(value)) {
    errors.push(wrong('status', `${key} is never ${quote(value)}`, `one of ${allowed.join(', ')}`));
    return undefined;
  }
  const isWanted = operator === '=';
  return (row) => (row[key] === value) === isWanted;
}

function isStatusKey(key: string): key is StatusKey {
  return Object.hasOwn(STATUS, key);
}

function wrong(path: string, message: string, hint: string): FieldError {
  return { path, message, hint };
}

/** Short enough to be sent back. */
function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/** What a list is asked for besides its filter: order, page, fields. */
import type { FieldError, Refusal } from './problem.ts';
import type { WorkloadRow } from './schema/state.ts';
import { urgency } from './workload-row.ts';

export const DEFAULT_PAGE = 500;
export const LARGEST_PAGE = 1000;

const ORDERS = ['urgency', 'name', 'age', 'restarts', 'since'] as const;
type Order = (typeof ORDERS)[number];

export interface Sort {
  readonly by: Order;
  readonly isReversed: boolean;
}

/** The fields of a row, in their order. */
const ROW_FIELDS = [
  'kind',
  'namespace',
  'name',
  'source',
  'ready',
  'active',
  'tone',
  'reason',
  'message',
  'since',
  'holder',
  'cluster',
  'term',
  'token',
  'pod',
  'node',
  'image',
  'restarts',
  'createdAt',
] as const satisfies readonly (keyof WorkloadRow)[];

/** The names of the parameters below, and the one that names the tenant. */
export const LIST_PARAMETERS = ['sort', 'limit', 'continue', 'fields', 'tenant'];

export interface ListQuery {
  readonly sort: Sort;
  readonly limit: number;
  readonly continue: string | undefined;
  /** Undefined: all of them. */
  readonly fields: readonly (keyof WorkloadRow)[] | undefined;
}

export function parseListQuery(query: URLSearchParams): ListQuery | Refusal {
  const errors: FieldError[] = [];
  const sort = query.get('sort') ?? 'urgency';
  const isReversed = sort.startsWith('-');
  const by = ORDERS.find((order) => order === sort.slice(isReversed ? 1 : 0));
  if (by === undefined)
    errors.push({
      path: 'sort',
      message: 'there is no such order',
      hint: `one of ${ORDERS.join(', ')}, with - in front for the reverse`,
    });
  const limit = readLimit(query.get('limit'), DEFAULT_PAGE);
  if (limit === undefined)
    errors.push({ path: 'limit', message: 'no such page', hint: `a whole number from 1 to ${LARGEST_PAGE}` });
  const fields = query.get('fields')?.split(',');
  const unknown = fields?.find((field) => !isField(field));
  if (unknown !== undefined)
    errors.push({
      path: 'fields',
      message: 'there is no such field',
      hint: `some of ${ROW_FIELDS.join(', ')}`,
    });
  if (by === undefined || limit === undefined || errors.length > 0) {
    const detail = errors.map(({ path, message }) => `${path}: ${message}`).join('; ');
    return { code: 'invalid-argument', detail, errors };
  }
  const selected = fields === undefined ? undefined : ROW_FIELDS.filter((one) => isKept(one, fields));
  return { sort: { by, isReversed }, limit, continue: query.get('continue') ?? undefined, fields: selected };
}

/** A number of rows, or `fallback` when none is named; undefined for what is no such number. */
export function readLimit(text: string | null, fallback: number): number | undefined {
  if (text === null) return fallback;
  const limit = Number(text);
  return /^\d{1,4}$/.test(text) && limit >= 1 && limit <= LARGEST_PAGE ? limit : undefined;
}

function isField(text: string): boolean {
  return ROW_FIELDS.some((field) => field === text);
}

/** What names the row is always there. */
function isKept(field: string, selected: readonly string[]): boolean {
  return field === 'kind' || field === 'namespace' || field === 'name' || selected.includes(field);
}

/**
 * Rows in this order; equal ones by namespace, kind and name, whichever way the order goes. `byName`: all of them in that
 * order already.
 */
export function sortRows<T extends { readonly row: WorkloadRow }>(
  byName: readonly T[],
  sort: Sort,
): readonly T[] {
  const { by, isReversed } = sort;
  if (by === 'name') return isReversed ? byName.toReversed() : byName;
  if (by === 'urgency') {
    const buckets: T[][] = [[], [], [], [], []];
    for (const one of byName) buckets[urgency(one.row)]?.push(one);
    return (isReversed ? buckets.toReversed() : buckets).flat();
  }
  const valued = byName.map((one) => ({ one, value: valueOf(one.row, by) }));
  const sign = isReversed ? -1 : 1;
  return valued
    .toSorted((a, b) => {
      // What is not known comes last, either way.
      if (a.value === undefined || b.value === undefined)
        return Number(a.value === undefined) - Number(b.value === undefined);
      return sign * (a.value - b.value);
    })
    .map(({ one }) => one);
}

/** Smaller first: the younger, the less restarted, the longer in its state. */
function valueOf(row: WorkloadRow, by: 'age' | 'restarts' | 'since'): number | undefined {
  if (by === 'restarts') return row.restarts ?? undefined;
  const time = by === 'age' ? row.createdAt : row.since;
  if (time === null) return undefined;
  return by === 'age' ? -Date.parse(time) : Date.parse(time);
}

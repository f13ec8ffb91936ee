/** One order for everything that is rendered, so that the same workload gives the same bytes. */
import type { JsonObject, StringMap } from '../workload/model.ts';

export function isEmpty(map: StringMap): boolean {
  return Object.keys(map).length === 0;
}

export function sorted<T>(map: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Sorts the keys all the way down. Lists keep their order: it has a meaning in Kubernetes. */
export function sortedDeep(object: object): JsonObject {
  return sorted(
    Object.fromEntries(
      Object.entries(object).map(([key, value]: [string, unknown]) => [key, sortedValue(value)]),
    ),
  );
}

function sortedValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedValue);
  return typeof value === 'object' && value !== null ? sortedDeep(value) : value;
}

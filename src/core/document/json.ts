/** JSON values as document nodes, so that objects of the API are read by the same readers as the file. */
import type { DocumentNode, MapEntry } from './node.ts';

/**
 * The node of a JSON value. Strings count as quoted, everything else as plain: the string `"5"` is not a number here,
 * while `5` is a text where one is expected.
 */
export function nodeOfJson(value: unknown): DocumentNode {
  if (typeof value === 'string') return { kind: 'scalar', text: value, plain: false };
  if (Array.isArray(value)) return { kind: 'list', items: value.map(nodeOfJson) };
  if (typeof value !== 'object' || value === null)
    return { kind: 'scalar', text: value === undefined ? '' : JSON.stringify(value), plain: true };
  const entries = Object.entries(value).map(([key, inner]): [string, MapEntry] => [
    key,
    { value: nodeOfJson(inner) },
  ]);
  return { kind: 'map', entries: new Map(entries) };
}

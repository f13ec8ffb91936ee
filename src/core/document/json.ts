/** JSON values as document nodes, so that objects of the API are read by the same readers as the file; and back. */
import type { Problem } from '../problem.ts';
import { isNull, type DocumentNode, type MapEntry, type ScalarNode } from './node.ts';

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

/**
 * The JSON value of a node, for what is handed on as it is written. Plain scalars mean what the core schema of YAML 1.2
 * says; those that mean something else to other readers of YAML (`0644`, `yes`) are reported, never guessed.
 */
export function jsonOfNode(node: DocumentNode, path: string, report: (problem: Problem) => void): unknown {
  if (node.kind === 'list')
    return node.items.map((item, index) => jsonOfNode(item, `${path}[${index}]`, report));
  if (node.kind === 'scalar') return jsonOfScalar(node, path, report);
  const members = [...node.entries].map(([key, { value }]): [string, unknown] => [
    key,
    jsonOfNode(value, `${path}.${key}`, report),
  ]);
  return Object.fromEntries(members);
}

function jsonOfScalar(node: ScalarNode, path: string, report: (problem: Problem) => void): unknown {
  const { text, plain, at } = node;
  if (!plain) return text;
  if (isNull(node)) return null;
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  const octal = /^[+-]?0\d+$/.test(text);
  if (octal || /^(?:y|yes|n|no|on|off)$/i.test(text)) {
    const hint = octal
      ? `write ${Number.parseInt(text, 8)} or ${Number(text)}, or quote it`
      : 'write true or false, or quote it';
    report({ code: 'InvalidValue', message: `${text} is ambiguous in YAML`, hint, path, ...at });
    return text;
  }
  if (/^[-+]?(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][-+]?\d+)?$/.test(text)) return Number(text);
  return text;
}

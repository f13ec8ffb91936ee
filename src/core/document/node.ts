/**
 * A parsed document: a tree that still knows where each value stands and how each scalar was written. A file that says
 * `1.50`, `0777` or `yes` where a string is expected means exactly that text, so scalars are not interpreted before it is
 * known what is expected of them.
 */

/** 1-based, as editors count. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface ScalarNode {
  readonly kind: 'scalar';
  /** The source text of a plain scalar, the content of a quoted one. */
  readonly text: string;
  /** Written without quotes, so it may mean a number, a boolean or null. */
  readonly plain: boolean;
  readonly at?: Position;
}

interface ListNode {
  readonly kind: 'list';
  readonly items: readonly DocumentNode[];
  readonly at?: Position;
}

export interface MapEntry {
  readonly value: DocumentNode;
  /** Where the key stands. */
  readonly at?: Position;
}

export interface MapNode {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, MapEntry>;
  readonly at?: Position;
}

export type DocumentNode = ScalarNode | ListNode | MapNode;

/** Null in the YAML 1.2 core schema: nothing at all, `~`, `null`. */
export function isNull(node: DocumentNode): boolean {
  return node.kind === 'scalar' && node.plain && /^(?:|~|null|Null|NULL)$/.test(node.text);
}

/** What a node is, in words, without its content: the content may be a secret. */
export function describeNode(node: DocumentNode): string {
  if (isNull(node)) return 'nothing';
  return { scalar: 'a single value', list: 'a list', map: 'a map' }[node.kind];
}

/**
 * Reads one map of a document field by field. Every fault becomes a problem in the shared list and the field reads as
 * absent, so that one pass finds everything that is wrong. What was never asked for is unknown: `finish` says so.
 */
import type { Problem, ProblemCode } from '../problem.ts';
import type { Duration } from '../time.ts';
import { jsonOfNode } from './json.ts';
import { nearestWord } from './nearest.ts';
import { describeNode, isNull, type DocumentNode, type MapNode, type Position } from './node.ts';
import { asBoolean, asDuration, asInteger, asText, type Reading } from './scalar.ts';

/** Receives problems; it adds the file that the document came from. */
export type Report = (problem: Problem) => void;

/** An element of a list, with the path that names it. */
export interface Element {
  readonly node: DocumentNode;
  readonly path: string;
}

/** A string in a list or map. */
export interface TextEntry {
  /** The key, or the index. */
  readonly name: string;
  readonly text: string;
  readonly path: string;
  readonly at: Position | undefined;
}

export class MapReader {
  readonly path: string;
  readonly at: Position | undefined;
  readonly #node: MapNode;
  readonly #report: Report;
  readonly #asked = new Set<string>();

  constructor(node: MapNode, path: string, report: Report) {
    this.#node = node;
    this.path = path;
    this.at = node.at;
    this.#report = report;
  }

  static of({ node, path }: Element, report: Report): MapReader | undefined {
    if (node.kind === 'map') return new MapReader(node, path, report);
    report(located('WrongType', `found ${describeNode(node)}`, 'write a map (key: value)', path, node.at));
    return undefined;
  }

  /** Whether the key is there with a value other than null. */
  has(key: string): boolean {
    return this.#value(key) !== undefined;
  }

  /** All keys of the map, in the order of the document. None of them counts as asked for. */
  keys(): readonly string[] {
    return [...this.#node.entries.keys()];
  }

  /** What stands at the key; undefined if absent or null. */
  kindOf(key: string): DocumentNode['kind'] | undefined {
    return this.#value(key)?.kind;
  }

  /** The text of a scalar; undefined if absent or empty. */
  text(key: string): string | undefined {
    const node = this.#value(key);
    if (node === undefined) return undefined;
    if (node.kind !== 'scalar') return this.#wrongType(key, node, 'a string');
    const text = asText(node);
    return text === '' ? undefined : text;
  }

  /** Like `text`; absent or empty is a MissingField. */
  requiredText(key: string, hint: string): string | undefined {
    const node = this.#value(key);
    const text = this.text(key);
    if (text === undefined && (node === undefined || node.kind === 'scalar'))
      this.problem(key, 'MissingField', `${key} is required`, hint);
    return text;
  }

  boolean(key: string): boolean | undefined {
    return this.#scalar(key, 'true or false', asBoolean);
  }

  integer(key: string): number | undefined {
    return this.#scalar(key, 'an integer', asInteger);
  }

  duration(key: string): Duration | undefined {
    return this.#scalar(key, 'a duration', asDuration);
  }

  /** A list of strings; undefined if absent. */
  texts(key: string): readonly TextEntry[] | undefined {
    return this.list(key)?.flatMap(({ node, path }, index) =>
      this.#textEntry(String(index), path, node, node.at),
    );
  }

  /** A map of strings, in the order of the document; empty if absent. */
  textMap(key: string): readonly TextEntry[] {
    const node = this.#value(key);
    if (node === undefined) return [];
    if (node.kind !== 'map') return this.#wrongType(key, node, 'a map of strings') ?? [];
    return [...node.entries].flatMap(([name, { value, at }]) =>
      this.#textEntry(name, `${this.pathOf(key)}.${name}`, value, at),
    );
  }

  map(key: string): MapReader | undefined {
    const node = this.#value(key);
    if (node === undefined) return undefined;
    return this.element({ node, path: this.pathOf(key) });
  }

  /** The reader of an element that must be a map; undefined, and a problem, if it is not. */
  element(element: Element): MapReader | undefined {
    return MapReader.of(element, this.#report);
  }

  list(key: string): readonly Element[] | undefined {
    const node = this.#value(key);
    if (node === undefined) return undefined;
    if (node.kind !== 'list') return this.#wrongType(key, node, 'a list');
    return node.items.map((item, index) => ({ node: item, path: `${this.pathOf(key)}[${index}]` }));
  }

  /** A map as a plain JSON object; undefined if absent. */
  object(key: string): Readonly<Record<string, unknown>> | undefined {
    return this.map(key)?.json();
  }

  /** A list of maps as plain JSON objects, each with the element it was; undefined if absent. */
  objects(
    key: string,
  ): readonly { readonly value: Readonly<Record<string, unknown>>; readonly element: Element }[] | undefined {
    return this.list(key)?.flatMap((element) => {
      const value = this.element(element)?.json();
      return value === undefined ? [] : [{ value, element }];
    });
  }

  /** The whole map as a plain JSON object; then no key of it is unknown. */
  json(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(
      [...this.#node.entries].map(([key, { value }]) => [
        key,
        jsonOfNode(value, this.pathOf(key), this.#report),
      ]),
    );
  }

  /** Reports a problem at the key's value, or at the map if the key is absent. */
  problem(key: string, code: ProblemCode, message: string, hint: string): void {
    this.#report(located(code, message, hint, this.pathOf(key), this.positionOf(key)));
  }

  /** Where the key's value stands, else the key, else the map. */
  positionOf(key: string): Position | undefined {
    const entry = this.#node.entries.get(key);
    return entry?.value.at ?? entry?.at ?? this.at;
  }

  /** Reports a problem at an entry of one of this map's fields. */
  problemAt(entry: Pick<TextEntry, 'path' | 'at'>, code: ProblemCode, message: string, hint: string): void {
    this.#report(located(code, message, hint, entry.path, entry.at));
  }

  /** Warns about each key that was never asked for. */
  finish(): void {
    for (const [key, { at }] of this.#node.entries) {
      if (this.#asked.has(key)) continue;
      const near = nearestWord(key, this.#asked);
      const hint = near === undefined ? 'remove it, or check its indentation' : `did you mean ${near}?`;
      this.#report(
        located('UnknownKey', `${key} is not a known key; it is ignored`, hint, this.pathOf(key), at),
      );
    }
  }

  pathOf(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  #value(key: string): DocumentNode | undefined {
    this.#asked.add(key);
    const value = this.#node.entries.get(key)?.value;
    return value === undefined || isNull(value) ? undefined : value;
  }

  #scalar<T>(
    key: string,
    expected: string,
    read: (node: Extract<DocumentNode, { kind: 'scalar' }>) => Reading<T>,
  ): T | undefined {
    const node = this.#value(key);
    if (node === undefined) return undefined;
    if (node.kind !== 'scalar') return this.#wrongType(key, node, expected);
    const reading = read(node);
    if ('value' in reading) return reading.value;
    this.problem(key, reading.fault.code, reading.fault.message, reading.fault.hint);
    return undefined;
  }

  #textEntry(name: string, path: string, node: DocumentNode, at: Position | undefined): readonly TextEntry[] {
    if (node.kind === 'scalar') return [{ name, text: asText(node), path, at }];
    this.#report(located('WrongType', `found ${describeNode(node)}`, 'write a string', path, node.at));
    return [];
  }

  #wrongType(key: string, node: DocumentNode, expected: string): undefined {
    this.problem(key, 'WrongType', `found ${describeNode(node)}`, `write ${expected}`);
  }
}

function located(
  code: ProblemCode,
  message: string,
  hint: string,
  path: string,
  at: Position | undefined,
): Problem {
  return { code, message, hint, ...(path === '' ? {} : { path }), ...at };
}

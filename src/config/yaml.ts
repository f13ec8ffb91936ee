/** YAML text to a document with positions; JSON text, which is YAML, on a shorter way. */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  parseDocument,
  type Alias,
  type Document,
  type YAMLError,
} from 'yaml';
import type { DocumentNode, MapEntry, Position } from '../core/document/node.ts';
import type { Problem } from '../core/problem.ts';
import { readJsonText } from './json-text.ts';

/** Bounds on what aliases may expand to; a file that is written by hand stays far below. */
const MAX_NODES = 500_000;
const MAX_DEPTH = 100;

export type YamlReading =
  | { readonly root: DocumentNode | undefined; readonly problems: readonly Problem[] }
  | { readonly root?: undefined; readonly problems: readonly [Problem, ...Problem[]] };

/**
 * Reads one YAML 1.2 document. A text that is not YAML is one problem, at its first fault, since what follows a fault is
 * guesswork; a key that is written twice is a problem of its own and the rest is read. `root` is absent for an empty
 * document. Messages never repeat the text, which may hold secrets.
 */
export function readYaml(text: string): YamlReading {
  const json = readJsonText(text);
  if (json !== undefined) return { root: json, problems: [] };
  const lines = new LineCounter();
  const document = parse(() => parseDocument(text, { lineCounter: lines, ...OPTIONS }));
  return document === undefined ? TOO_DEEP : readDocument(document, lines);
}

/** Reads each document of a stream as `readYaml` does; positions count from the beginning of the text. */
export function readYamlStream(text: string): readonly YamlReading[] {
  const lines = new LineCounter();
  const documents = parse(() => parseAllDocuments(text, { lineCounter: lines, ...OPTIONS }));
  return documents === undefined ? [TOO_DEEP] : documents.map((document) => readDocument(document, lines));
}

const OPTIONS = { prettyErrors: false, version: '1.2' } as const;

const TOO_DEEP: YamlReading = { problems: [malformed('the document is nested too deeply')] };

/** Undefined where the parser runs out of stack. */
function parse<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readDocument(document: Document.Parsed, lines: LineCounter): YamlReading {
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const fatal = document.errors.find((error) => error.code !== 'DUPLICATE_KEY');
  if (fatal !== undefined) return { problems: [malformed(describeError(fatal), at(fatal.pos[0]))] };
  const problems = document.errors.map((error) => malformed(describeError(error), at(error.pos[0])));
  try {
    const converter = new Converter(at, problems);
    const root = document.contents === null ? undefined : converter.convert(document.contents, 0);
    return { root, problems };
  } catch (error) {
    if (error instanceof TooLarge) return { problems: [malformed(error.message)] };
    throw error;
  }
}

class TooLarge extends Error {}

/** Turns the parser's tree into ours: aliases replaced by what they name, merge keys (`<<`) merged. */
class Converter {
  readonly #anchors = new Map<string, unknown>();
  readonly #at: (offset: number) => Position;
  readonly #problems: Problem[];
  #nodes = 0;
  #expanding = 0;

  constructor(at: (offset: number) => Position, problems: Problem[]) {
    this.#at = at;
    this.#problems = problems;
  }

  convert(node: unknown, depth: number): DocumentNode {
    this.#nodes += 1;
    if (this.#nodes > MAX_NODES)
      throw new TooLarge('its aliases expand to more than a configuration can hold');
    if (depth > MAX_DEPTH)
      throw new TooLarge('the document is nested too deeply, or an alias contains itself');
    if (isAlias(node)) return this.#expand(node, depth);
    if (this.#expanding === 0) this.#remember(node);
    if (isMap(node)) return { kind: 'map', entries: this.#entries(node, depth), ...this.#positioned(node) };
    if (isSeq(node))
      return {
        kind: 'list',
        items: node.items.map((item) => this.convert(item, depth + 1)),
        ...this.#positioned(node),
      };
    if (isScalar(node)) return { kind: 'scalar', ...scalarText(node), ...this.#positioned(node) };
    // An empty place, such as the value of `key:` at the end of a flow map.
    return { kind: 'scalar', text: '', plain: true };
  }

  /** An anchor holds from where it stands until the next of the same name (YAML 1.2.2, section 7.1). */
  #remember(node: unknown): void {
    if ((isMap(node) || isSeq(node) || isScalar(node)) && node.anchor !== undefined)
      this.#anchors.set(node.anchor, node);
  }

  #expand(alias: Alias, depth: number): DocumentNode {
    const target = this.#anchors.get(alias.source);
    if (target === undefined) {
      const start = alias.range?.[0] ?? 0;
      this.#problems.push(malformed('this alias names no anchor before it', this.#at(start)));
      return { kind: 'scalar', text: '', plain: true };
    }
    this.#expanding += 1;
    const node = this.convert(target, depth + 1);
    this.#expanding -= 1;
    return node;
  }

  #entries(map: { readonly items: readonly unknown[] }, depth: number): ReadonlyMap<string, MapEntry> {
    const entries = new Map<string, MapEntry>();
    const merged: DocumentNode[] = [];
    for (const item of map.items) {
      if (typeof item !== 'object' || item === null || !('key' in item) || !('value' in item)) continue;
      const key = this.convert(item.key, depth + 1);
      if (key.kind !== 'scalar') {
        this.#problems.push({
          ...malformed('a list or map stands where a key belongs', key.at),
          hint: 'write a word as key',
        });
        continue;
      }
      const value = this.convert(item.value, depth + 1);
      if (key.plain && key.text === '<<') merged.push(...(value.kind === 'list' ? value.items : [value]));
      else if (!entries.has(key.text))
        entries.set(key.text, { value, ...(key.at === undefined ? {} : { at: key.at }) });
    }
    for (const source of merged) {
      if (source.kind === 'map') {
        for (const [name, entry] of source.entries) if (!entries.has(name)) entries.set(name, entry);
      } else this.#problems.push(malformed('<< merges something that is not a map', source.at));
    }
    return entries;
  }

  #positioned(node: { readonly range?: readonly number[] | null | undefined }): { readonly at?: Position } {
    const start = node.range?.[0];
    return start === undefined ? {} : { at: this.#at(start) };
  }
}

function scalarText(node: { readonly value: unknown; readonly source?: string; readonly type?: string }): {
  readonly text: string;
  readonly plain: boolean;
} {
  const plain = node.type === undefined || node.type === 'PLAIN';
  if (plain) return { text: node.source ?? '', plain };
  return { text: typeof node.value === 'string' ? node.value : (node.source ?? ''), plain };
}

function malformed(message: string, at?: Position): Problem {
  return {
    code: 'MalformedYaml',
    message,
    hint: 'check indentation, commas and quotes on this line and the one before',
    ...at,
  };
}

/** In our words: the parser's may quote the text. */
function describeError({ code }: YAMLError): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'this key stands twice in one map';
    case 'BAD_INDENT':
      return 'the indentation does not fit';
    case 'TAB_AS_INDENT':
      return 'a tab is used as indentation';
    case 'MISSING_CHAR':
      return 'something is missing here: a closing quote or bracket, a comma, a colon or a space';
    case 'MULTIPLE_DOCS':
      return 'the file holds more than one document';
    case 'BAD_DQ_ESCAPE':
      return 'this is not an escape sequence of a double-quoted string';
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'a key follows where a value should end: the next line is indented too far, or a text with ": " needs quotes';
    case 'BAD_SCALAR_START':
      return 'a plain text cannot begin with this character: put it in quotes';
    case 'MULTILINE_IMPLICIT_KEY':
      return 'a key goes over several lines; a comma, a colon or a quote may be missing';
    default:
      return `not valid YAML (${code})`;
  }
}

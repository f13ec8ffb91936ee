/**
 * JSON text to a document with positions. JSON is YAML, and a reader of YAML takes more than ten times as long for it: a
 * seventh of a second of the start with a thousand workloads, in a file that a program wrote.
 */
import type { DocumentNode, MapEntry, MapNode, Position, ScalarNode } from '../core/document/node.ts';

/** Deeper ones are left to the reader of YAML, which says so. */
const MAX_DEPTH = 100;

/**
 * Reads a JSON object to what the reader of YAML makes of the same text. Undefined for everything that is no JSON object, or
 * about which that reader would have something to say: a key that is written twice, too much nesting.
 */
export function readJsonText(text: string): DocumentNode | undefined {
  if (!/^[ \t\r\n]*\{/.test(text) || !isJson(text)) return undefined;
  try {
    return new Walk(text).value(0);
  } catch (error) {
    if (error instanceof Unfit) return undefined;
    throw error;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

class Unfit extends Error {}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_MAP = 0x7b;
const CLOSE_MAP = 0x7d;
const LINE_END = 0x0a;
const SPACES: ReadonlySet<number> = new Set([0x20, 0x09, 0x0d, LINE_END]);

/** One walk through a text that is known to be JSON, so that only the grammar's turns are looked for (RFC 8259). */
class Walk {
  readonly #text: string;
  #offset = 0;
  #line = 1;
  #lineStart = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** From before a value to behind it. */
  value(depth: number): DocumentNode {
    if (depth > MAX_DEPTH) throw new Unfit();
    switch (this.#peek()) {
      case OPEN_MAP:
        return this.#map(depth);
      case OPEN_LIST:
        return this.#list(depth);
      case QUOTE:
        return this.#quoted();
      default:
        return this.#literal();
    }
  }

  #map(depth: number): MapNode {
    const at = this.#position();
    const entries = new Map<string, MapEntry>();
    this.#offset += 1;
    while (this.#peek() !== CLOSE_MAP) {
      const key = this.#quoted();
      if (entries.has(key.text)) throw new Unfit();
      this.#pass(COLON);
      entries.set(key.text, { value: this.value(depth + 1), at: key.at });
      this.#pass(COMMA);
    }
    this.#offset += 1;
    return { kind: 'map', entries, at };
  }

  #list(depth: number): DocumentNode {
    const at = this.#position();
    const items: DocumentNode[] = [];
    this.#offset += 1;
    while (this.#peek() !== CLOSE_LIST) {
      items.push(this.value(depth + 1));
      this.#pass(COMMA);
    }
    this.#offset += 1;
    return { kind: 'list', items, at };
  }

  #quoted(): ScalarNode & { readonly at: Position } {
    this.#peek();
    const at = this.#position();
    const start = this.#offset;
    let end = start + 1;
    let isEscaped = false;
    for (let code = this.#text.charCodeAt(end); code !== QUOTE; code = this.#text.charCodeAt(end)) {
      isEscaped ||= code === BACKSLASH;
      end += code === BACKSLASH ? 2 : 1;
    }
    this.#offset = end + 1;
    const text = isEscaped
      ? String(JSON.parse(this.#text.slice(start, this.#offset)))
      : this.#text.slice(start + 1, end);
    return { kind: 'scalar', text, plain: false, at };
  }

  /** A number, `true`, `false` or `null`. */
  #literal(): ScalarNode {
    const at = this.#position();
    const start = this.#offset;
    while (/[\w.+-]/.test(this.#text.charAt(this.#offset))) this.#offset += 1;
    return { kind: 'scalar', text: this.#text.slice(start, this.#offset), plain: true, at };
  }

  /** What comes next that is no space. */
  #peek(): number {
    let code = this.#text.charCodeAt(this.#offset);
    while (SPACES.has(code)) {
      this.#offset += 1;
      if (code === LINE_END) {
        this.#line += 1;
        this.#lineStart = this.#offset;
      }
      code = this.#text.charCodeAt(this.#offset);
    }
    return code;
  }

  /** Past this character, if it comes next. */
  #pass(code: number): void {
    if (this.#peek() === code) this.#offset += 1;
  }

  #position(): Position {
    return { line: this.#line, column: this.#offset - this.#lineStart + 1 };
  }
}

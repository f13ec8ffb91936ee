/**
 * The body of a watch: one JSON event a line
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).
 */
import type { KubeObject } from '../../ports/cluster.ts';
import { fieldOf, objectOf, statusOf, type ApiStatus } from './outcome.ts';
import { failureOf } from './transport.ts';

export type WatchEvent<T extends KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  /** Everything up to this version has been told. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string; readonly endsInitialEvents: boolean }
  | { readonly type: 'ERROR'; readonly status: ApiStatus };

/** Why the stream ended. `clean`: the server closed it between two events. */
export type StreamEnd =
  | { readonly kind: 'clean' }
  | { readonly kind: 'broken'; readonly cause: string }
  /** The server sent something that is not a watch event. */
  | { readonly kind: 'malformed'; readonly cause: string };

/** Annotation of the bookmark that ends the initial events of a streaming list (KEP-3157). */
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/** Longest line: an object in etcd has at most 1.5 MiB by default. */
export const LONGEST_LINE = 8 * 1024 * 1024;

const NEWLINE = 0x0a;

/** Cuts chunks into lines at byte 0x0A, so that a character split between two chunks stays whole. */
class LineFramer {
  #partial: Buffer[] = [];
  #length = 0;

  /** Bytes of the line that is not complete yet. */
  get pending(): number {
    return this.#length;
  }

  /** The lines that this chunk completes, without their newline. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      lines.push(this.#complete(chunk, start, end));
      start = end + 1;
    }
    if (start < chunk.length) {
      this.#partial.push(chunk.subarray(start));
      this.#length += chunk.length - start;
    }
    return lines;
  }

  #complete(chunk: Buffer, start: number, end: number): string {
    if (this.#partial.length === 0) return chunk.toString('utf8', start, end);
    const line = Buffer.concat([...this.#partial, chunk.subarray(start, end)]).toString('utf8');
    this.#partial = [];
    this.#length = 0;
    return line;
  }
}

/** Events in order, as many at a time as arrive together. Never rejects; returns why the stream ended. */
export async function* readEvents<T extends KubeObject>(
  body: AsyncIterable<Buffer>,
  signal: AbortSignal,
): AsyncGenerator<readonly WatchEvent<T>[], StreamEnd> {
  const framer = new LineFramer();
  const chunks = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      let next: IteratorResult<Buffer>;
      try {
        next = await chunks.next();
      } catch (error) {
        return { kind: 'broken', cause: failureOf(error, signal).cause };
      }
      if (next.done)
        return framer.pending === 0
          ? { kind: 'clean' }
          : { kind: 'broken', cause: 'closed in the middle of an event' };
      const events: WatchEvent<T>[] = [];
      let malformed: string | undefined;
      for (const line of framer.push(next.value)) {
        const event = parseEvent(line, objectOf<T>);
        if (event === undefined) {
          // Not quoted: it may be part of a Secret.
          malformed = `a line of ${line.length} characters is not a watch event`;
          break;
        }
        events.push(event);
      }
      if (events.length > 0) yield events;
      if (malformed !== undefined) return { kind: 'malformed', cause: malformed };
      if (framer.pending > LONGEST_LINE)
        return { kind: 'malformed', cause: `an event longer than ${LONGEST_LINE} bytes` };
    }
  } finally {
    // Closes the socket when the reader leaves early; a body that has ended or failed ignores it.
    await Promise.allSettled([chunks.return?.()]);
  }
}

/** Undefined for anything that is not an event of the watch protocol. */
function parseEvent<T extends KubeObject>(
  line: string,
  toObject: (body: unknown) => T | undefined,
): WatchEvent<T> | undefined {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch {
    return undefined;
  }
  const type = fieldOf(event, 'type');
  const body = fieldOf(event, 'object');
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED': {
      const object = toObject(body);
      return object && { type, object };
    }
    case 'BOOKMARK': {
      const metadata = fieldOf(body, 'metadata');
      const resourceVersion = fieldOf(metadata, 'resourceVersion');
      const mark = fieldOf(fieldOf(metadata, 'annotations'), INITIAL_EVENTS_END);
      return typeof resourceVersion === 'string'
        ? { type, resourceVersion, endsInitialEvents: mark === 'true' }
        : undefined;
    }
    case 'ERROR': {
      const code = fieldOf(body, 'code');
      return { type, status: statusOf(body, typeof code === 'number' ? code : 500) };
    }
    default:
      return undefined;
  }
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LONGEST_LINE, readEvents, type StreamEnd, type WatchEvent } from './watch-stream.ts';
import type { KubeObject } from '../../ports/cluster.ts';

const NEVER = new AbortController().signal;
const event = (type: string, name: string, version = '1') => ({
  type,
  object: { metadata: { name, resourceVersion: version, future: { unknown: 'ünïcödé 🔒' } } },
});

async function* chunksOf(...chunks: readonly (Buffer | string)[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

async function readAll(
  body: AsyncIterable<Buffer>,
): Promise<{ readonly events: WatchEvent<KubeObject>[]; readonly end: StreamEnd }> {
  const events: WatchEvent<KubeObject>[] = [];
  const stream = readEvents<KubeObject>(body, NEVER);
  for (;;) {
    const next = await stream.next();
    if (next.done) return { events, end: next.value };
    events.push(...next.value);
  }
}

describe('the body of a watch', () => {
  it('is the same however it is cut into chunks, also inside a character', async () => {
    const sent = [event('ADDED', 'a'), event('MODIFIED', 'b'), event('DELETED', 'c')];
    const bytes = Buffer.from(sent.map((each) => `${JSON.stringify(each)}\n`).join(''));
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(cuts, async (at) => {
        const edges = [0, ...at.toSorted((a, b) => a - b), bytes.length];
        const chunks = edges.slice(1).map((end, index) => bytes.subarray(edges[index], end));
        expect(await readAll(chunksOf(...chunks))).toEqual({ events: sent, end: { kind: 'clean' } });
      }),
    );
  });

  it('keeps fields that nobody here knows', async () => {
    const { events } = await readAll(chunksOf(`${JSON.stringify(event('ADDED', 'a'))}\n`));
    expect(events[0]).toEqual(event('ADDED', 'a'));
  });

  it('tells what came before a line that is not an event, then ends, without quoting it', async () => {
    const { events, end } = await readAll(chunksOf(`${JSON.stringify(event('ADDED', 'a'))}\n{"secret\n`));
    expect(events.length).toBe(1);
    expect(end).toEqual({ kind: 'malformed', cause: 'a line of 8 characters is not a watch event' });
  });

  it.each(['{}', 'null', '[]', '{"type":"ADDED"}', '{"type":"NEW","object":{"metadata":{"name":"a"}}}'])(
    '%s is not an event',
    async (line) => {
      expect((await readAll(chunksOf(`${line}\n`))).end.kind).toBe('malformed');
    },
  );

  it('that ends inside an event is broken, not clean', async () => {
    const { end } = await readAll(chunksOf(JSON.stringify(event('ADDED', 'a'))));
    expect(end).toEqual({ kind: 'broken', cause: 'closed in the middle of an event' });
  });

  it('never holds more than the longest line', async () => {
    const chunk = Buffer.alloc(LONGEST_LINE / 2 + 1, 'x');
    expect((await readAll(chunksOf(chunk, chunk, chunk))).end.kind).toBe('malformed');
  });

  it('recognizes the bookmark that ends the initial events', async () => {
    const bookmark = (annotations?: object) => ({
      type: 'BOOKMARK',
      object: { metadata: { resourceVersion: '5', ...(annotations && { annotations }) } },
    });
    const lines = [bookmark(), bookmark({ 'k8s.io/initial-events-end': 'true' })];
    const { events } = await readAll(chunksOf(lines.map((line) => `${JSON.stringify(line)}\n`).join('')));
    expect(events).toEqual([
      { type: 'BOOKMARK', resourceVersion: '5', endsInitialEvents: false },
      { type: 'BOOKMARK', resourceVersion: '5', endsInitialEvents: true },
    ]);
  });
});

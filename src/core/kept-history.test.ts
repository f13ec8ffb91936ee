import { expect, it } from 'vitest';
import type { HistoryEntry } from './history.ts';
import { decodeHistory, encodeHistory, MOST_KEPT } from './kept-history.ts';

const entry = (seq: number, fields: Partial<HistoryEntry> = {}): HistoryEntry => ({
  seq,
  at: 1000 + seq,
  type: 'moved',
  subject: 'process/default/report',
  from: 'node-a',
  to: 'node-b',
  term: 7,
  gap: 12.5,
  cause: 'NodeLost',
  ...fields,
});

it('what is kept is read back as it was', () => {
  const entries = [entry(1), entry(2, { type: 'stopped', gap: 'open', cause: 'a "quoted"\nline' })];
  expect(decodeHistory(encodeHistory(entries))).toEqual(entries);
});

it('the newest are kept', () => {
  const entries = Array.from({ length: MOST_KEPT + 50 }, (_, at) => entry(at));
  expect(decodeHistory(encodeHistory(entries))).toEqual(entries.slice(50));
});

it('the text stays below 64 KiB in base64, whatever the names', () => {
  const long = '\u{1F4A5}'.repeat(500);
  const entries = Array.from({ length: MOST_KEPT }, (_, at) =>
    entry(at, { cause: long, from: long, to: long }),
  );
  const text = encodeHistory(entries);
  expect(Buffer.from(text).toString('base64').length).toBeLessThan(64 * 1024);
  expect(decodeHistory(text).at(-1)?.seq).toBe(MOST_KEPT - 1);
});

it.each(['', '{', 'null\n[]\n7', '{"seq":1,"at":1,"type":"exploded","subject":"a","cause":"b"}'])(
  'of %j nothing is believed',
  (text) => expect(decodeHistory(text)).toEqual([]),
);

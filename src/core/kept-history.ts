/**
 * The newest entries of the history as a small text that outlives the process: one JSON object in a line, oldest first.
 * For people only; a line that cannot be read is left out.
 */
import type { HistoryEntry, HistoryType } from './history.ts';

/** The most that is kept. */
export const MOST_KEPT = 100;

/** Bytes. In base64 it stays below 64 KiB. */
const LARGEST = 48_000;
/** Characters of a name or cause. */
const LONGEST_TEXT = 300;

const TYPES: Readonly<Record<HistoryType, true>> = {
  'leader-changed': true,
  started: true,
  stopped: true,
  'not-ready': true,
  recovered: true,
  restarted: true,
  moved: true,
  completed: true,
  removed: true,
  asked: true,
};

/** As many of the newest entries as there is room for. */
export function encodeHistory(entries: readonly HistoryEntry[]): string {
  const encoder = new TextEncoder();
  const lines: string[] = [];
  let size = 0;
  for (const entry of entries.slice(-MOST_KEPT).toReversed()) {
    const line = `${JSON.stringify(entry, (_key, value: unknown) =>
      typeof value === 'string' ? value.slice(0, LONGEST_TEXT) : value,
    )}\n`;
    size += encoder.encode(line).length;
    if (size > LARGEST) break;
    lines.unshift(line);
  }
  return lines.join('');
}

/** Oldest first. */
export function decodeHistory(text: string): readonly HistoryEntry[] {
  return text
    .split('\n')
    .slice(-MOST_KEPT - 1)
    .flatMap(readLine);
}

function readLine(line: string): readonly HistoryEntry[] {
  const value = parse(line);
  if (typeof value !== 'object' || value === null) return [];
  const { seq, at, type, subject, from, to, term, gap, cause } = Object.fromEntries<unknown>(
    Object.entries(value),
  );
  if (!isCount(seq) || !isCount(at) || !isType(type)) return [];
  if (typeof subject !== 'string' || typeof cause !== 'string') return [];
  return [
    {
      seq,
      at,
      type,
      subject,
      ...(typeof from === 'string' && { from }),
      ...(typeof to === 'string' && { to }),
      ...(isCount(term) && { term }),
      ...((gap === 'open' || isCount(gap)) && { gap }),
      cause,
    },
  ];
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isType(value: unknown): value is HistoryType {
  return typeof value === 'string' && Object.hasOwn(TYPES, value);
}

/** Times are in milliseconds, and the monotonic ones have fractions. */
function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

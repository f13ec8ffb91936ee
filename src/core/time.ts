/**
 * Units of time. All are plain numbers of milliseconds, so arithmetic stays readable; the alias says which clock a
 * value belongs to. An `Instant` and a `WallTime` must never be compared with each other.
 */

/** A length of time in milliseconds. */
export type Duration = number;

/** A point on this process's monotonic clock, in milliseconds. Meaningless in another process. */
export type Instant = number;

/** Milliseconds since the Unix epoch by some wall clock. For people and for pause detection; never for a decision about who may act. */
export type WallTime = number;

export const MILLISECOND: Duration = 1;
export const SECOND: Duration = 1000;
export const MINUTE: Duration = 60 * SECOND;
export const HOUR: Duration = 60 * MINUTE;
export const DAY: Duration = 24 * HOUR;

const UNIT: Readonly<Record<string, Duration>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: MILLISECOND,
  s: SECOND,
  m: MINUTE,
  h: HOUR,
};

/**
 * Reads a Go duration string (`300ms`, `1m30s`, `1.5h`, grammar of Go's `time.ParseDuration`) or an integer, which
 * means seconds. Answers undefined for anything else, so that the caller can say where the bad value stands.
 */
export function parseDuration(text: string): Duration | undefined {
  if (/^[+-]?\d+$/.test(text)) return Number(text) * SECOND;
  const match = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text);
  if (match === null) return undefined;
  let total = 0;
  for (const [, amount = '', unit = ''] of (match[2] ?? '').matchAll(
    /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g,
  ))
    total += Number(amount) * (UNIT[unit] ?? 0);
  return match[1] === '-' ? -total : total;
}

/** Writes a duration the way Go does for whole milliseconds: `1m30s`, `250ms`, `1.5s`. */
export function formatDuration(duration: Duration): string {
  if (duration === 0) return '0s';
  const sign = duration < 0 ? '-' : '';
  let rest = Math.round(Math.abs(duration));
  if (rest < SECOND) return `${sign}${rest}ms`;
  let text = '';
  for (const [unit, size] of [
    ['h', HOUR],
    ['m', MINUTE],
  ] as const) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) text += `${count}${unit}`;
  }
  return sign + (rest > 0 ? `${text}${rest / SECOND}s` : text);
}

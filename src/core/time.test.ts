import { describe, expect, test } from 'vitest';
import { formatDuration, HOUR, MINUTE, parseDuration, SECOND } from './time.ts';

describe('parseDuration', () => {
  test.each([
    ['300ms', 300],
    ['30s', 30 * SECOND],
    ['1m30s', 90 * SECOND],
    ['1.5h', 1.5 * HOUR],
    ['.5s', 500],
    ['1h2m3s4ms', HOUR + 2 * MINUTE + 3 * SECOND + 4],
    ['250us', 0.25],
    ['-2m', -2 * MINUTE],
    ['+5s', 5 * SECOND],
  ])('reads the Go duration %s', (text, expected) => {
    expect(parseDuration(text)).toBeCloseTo(expected, 6);
  });

  test.each([
    ['30', 30 * SECOND],
    ['0', 0],
    ['-5', -5 * SECOND],
  ])('reads the integer %s as seconds', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  test.each(['', 's', '5x', '1.5', '1 s', '1s ', 's5', '--1s', '1d', '1e3', '1s2'])(
    'answers nothing for %j',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );
});

describe('formatDuration', () => {
  test.each([
    [0, '0s'],
    [250, '250ms'],
    [1500, '1.5s'],
    [30 * SECOND, '30s'],
    [90 * SECOND, '1m30s'],
    [HOUR, '1h'],
    [-90 * SECOND, '-1m30s'],
  ])('writes %d ms as %s', (duration, text) => {
    expect(formatDuration(duration)).toBe(text);
  });

  test('writes what parseDuration reads back', () => {
    for (const duration of [1, 999, 1000, 61_001, HOUR + 1, 29 * SECOND])
      expect(parseDuration(formatDuration(duration))).toBeCloseTo(duration, 6);
  });
});

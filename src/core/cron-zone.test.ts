import { expect, test } from 'vitest';
import { openZone } from './cron-zone.ts';
import { HOUR, MINUTE } from './time.ts';

test.each([
  ['Etc/UTC', '2026-07-01T00:00:00Z', 0],
  ['Europe/Berlin', '2026-01-01T00:00:00.999Z', HOUR],
  ['Europe/Berlin', '2026-07-01T00:00:00Z', 2 * HOUR],
  ['America/St_Johns', '2026-01-01T00:00:00Z', -(3 * HOUR + 30 * MINUTE)],
  ['Asia/Kolkata', '2026-01-01T00:00:00Z', 5 * HOUR + 30 * MINUTE],
  ['Asia/Calcutta', '2026-01-01T00:00:00Z', 5 * HOUR + 30 * MINUTE],
])('clocks of %s at %s', (name, time, offset) => {
  expect(openZone(name)?.offsetAt(Date.parse(time))).toBe(offset);
});

test.each(['', 'Local', 'Europe/Berln', 'europe/berlin', '+01:00', '../etc/passwd'])(
  '%j is no zone of the database',
  (name) => {
    expect(openZone(name)).toBeUndefined();
  },
);

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSchedule, type FieldSchedule, type Schedule } from './cron.ts';
import { nextTick, ticksBetween } from './cron-ticks.ts';
import { openZone, type Zone } from './cron-zone.ts';
import { HOUR, MINUTE, type WallTime } from './time.ts';

function schedule(text: string): Schedule {
  const read = parseSchedule(text);
  if ('fault' in read) throw new Error(read.fault);
  return read;
}

function zone(name: string): Zone {
  const opened = openZone(name);
  if (opened === undefined) throw new Error(name);
  return opened;
}

const at = (text: string): WallTime => Date.parse(text);
const iso = (time: WallTime | undefined): string | undefined =>
  time === undefined ? undefined : new Date(time).toISOString().replace(/:00\.000Z$/, 'Z');

const next = (text: string, after: string, zoneName = 'Etc/UTC'): string | undefined =>
  iso(nextTick(schedule(text), zone(zoneName), at(after)));

/** Reads each minute on another path than the product: by the text that a formatter for people writes. */
function definition(due: FieldSchedule, timeZone: string, from: WallTime, to: WallTime): WallTime[] {
  const clock = new Intl.DateTimeFormat('en-GB', { timeZone, dateStyle: 'short', timeStyle: 'short' });
  const found: WallTime[] = [];
  for (let time = from + MINUTE; time <= to; time += MINUTE) {
    const [, day, month, year, hour, minute] =
      /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+)$/.exec(clock.format(time))?.map(Number) ?? [];
    if (day === undefined || month === undefined || year === undefined) throw new Error('unreadable clock');
    const byMonth = due.monthDays.has(day);
    const byWeek = due.weekDays.has(new Date(Date.UTC(year, month - 1, day)).getUTCDay());
    const byDay = due.eitherDay ? byMonth || byWeek : byMonth && byWeek;
    if (byDay && due.months.has(month) && due.hours.has(hour ?? -1) && due.minutes.has(minute ?? -1))
      found.push(time);
  }
  return found;
}

describe('the next tick', () => {
  test.each([
    // Strictly later, on a whole minute.
    ['* * * * *', '2026-03-05T14:45:00Z', '2026-03-05T14:46Z'],
    ['* * * * *', '2026-03-05T14:45:59.999Z', '2026-03-05T14:46Z'],
    ['0/15 * * * *', '2026-03-05T14:45:00Z', '2026-03-05T15:00Z'],
    ['20-35/15 * * * *', '2026-03-05T14:45:00Z', '2026-03-05T15:20Z'],
    // Over the ends of hours, days, months, years.
    ['*/15 * * * *', '2026-12-31T23:59:30Z', '2027-01-01T00:00Z'],
    ['30 2 * * *', '2026-02-28T02:30:00Z', '2026-03-01T02:30Z'],
    ['0 0 31 * *', '2026-01-31T00:00:00Z', '2026-03-31T00:00Z'],
    ['0 0 * feb mon', '2026-03-01T00:00:00Z', '2027-02-01T00:00Z'],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00Z'],
    // Either of the days if both are restricted, also by a step; both if one of them is not.
    ['0 0 13 * fri', '2026-03-01T00:00:00Z', '2026-03-06T00:00Z'],
    ['0 0 13 * fri', '2026-05-09T00:00:00Z', '2026-05-13T00:00Z'],
    ['0 0 */2 * sun', '2026-03-07T00:00:00Z', '2026-03-08T00:00Z'],
    ['0 0 * * sun', '2026-03-02T00:00:00Z', '2026-03-08T00:00Z'],
    ['0 0 */1 * sun', '2026-03-02T00:00:00Z', '2026-03-08T00:00Z'],
    ['@weekly', '2026-03-04T00:00:00Z', '2026-03-08T00:00Z'],
  ])('of %s after %s is %s', (text, after, tick) => {
    expect(next(text, after)).toBe(tick);
  });

  test.each(['0 0 30 2 *', '0 0 31 4,6,9,11 *'])('of %s never comes', (text) => {
    expect(next(text, '2026-01-01T00:00:00Z')).toBeUndefined();
  });

  test('is looked for in this year and the next five: 2096 and 2104 are too far apart', () => {
    expect(next('0 0 29 2 *', '2096-03-01T00:00:00Z')).toBeUndefined();
    expect(next('0 0 29 2 *', '2099-01-01T00:00:00Z')).toBe('2104-02-29T00:00Z');
  });

  test('of @every comes a delay after the whole second', () => {
    const tick = nextTick(schedule('@every 90s'), zone('Etc/UTC'), at('2026-01-01T00:00:10.700Z'));
    expect(tick).toBe(at('2026-01-01T00:01:40Z'));
  });
});

describe('when clocks are changed', () => {
  const ticks = (text: string, name: string, from: string, to: string) =>
    ticksBetween(schedule(text), zone(name), at(from), at(to), 100).map(iso);

  test('a time that they skip is skipped', () => {
    // New York, 8 March 2026: 02:00 EST (-5) becomes 03:00 EDT (-4).
    expect(ticks('30 2 * * *', 'America/New_York', '2026-03-06T12:00:00Z', '2026-03-10T12:00:00Z')).toEqual([
      '2026-03-07T07:30Z',
      '2026-03-09T06:30Z',
      '2026-03-10T06:30Z',
    ]);
  });

  test('a time that they show twice is due twice', () => {
    // New York, 1 November 2026: 02:00 EDT (-4) becomes 01:00 EST (-5).
    expect(ticks('30 1 * * *', 'America/New_York', '2026-10-31T12:00:00Z', '2026-11-02T12:00:00Z')).toEqual([
      '2026-11-01T05:30Z',
      '2026-11-01T06:30Z',
      '2026-11-02T06:30Z',
    ]);
  });

  test('the second of two readings is found when the next one is a year away, in the same offset', () => {
    expect(next('30 1 1 11 *', '2026-11-01T05:50:00Z', 'America/New_York')).toBe('2026-11-01T06:30Z');
  });

  test('every hour is due every hour', () => {
    const all = ticks('@hourly', 'Europe/Berlin', '2026-10-24T21:30:00Z', '2026-10-25T03:30:00Z');
    expect(all).toHaveLength(6);
  });

  test('a day without midnight has no tick at midnight', () => {
    // Beirut, 29 March 2026: 00:00 becomes 01:00.
    expect(ticks('0 0 * * *', 'Asia/Beirut', '2026-03-27T23:00:00Z', '2026-03-30T12:00:00Z')).toEqual([
      '2026-03-29T21:00Z',
    ]);
  });

  test('half an hour is enough', () => {
    // Lord Howe, 4 October 2026: 02:00 (+10:30) becomes 02:30 (+11).
    expect(
      ticks('15,45 2 * * *', 'Australia/Lord_Howe', '2026-10-03T12:00:00Z', '2026-10-04T12:00:00Z'),
    ).toEqual(['2026-10-03T15:45Z']);
  });
});

test('ticks between two times are those after the first and until the last, and no more than wanted', () => {
  const between = (limit: number) =>
    ticksBetween(
      schedule('*/10 * * * *'),
      zone('Etc/UTC'),
      at('2026-01-01T00:00:00Z'),
      at('2026-01-01T00:30:00Z'),
      limit,
    ).map(iso);
  expect(between(10)).toEqual(['2026-01-01T00:10Z', '2026-01-01T00:20Z', '2026-01-01T00:30Z']);
  expect(between(2)).toEqual(['2026-01-01T00:10Z', '2026-01-01T00:20Z']);
});

describe('against the definition, minute by minute', () => {
  // Midnight before a day in whose course clocks are changed, or nothing happens.
  const days = [
    ['Etc/UTC', '2026-03-08T00:00:00Z'],
    ['America/New_York', '2026-03-08T00:00:00Z'],
    ['America/New_York', '2026-11-01T00:00:00Z'],
    ['Europe/Berlin', '2026-03-28T20:00:00Z'],
    ['Europe/Berlin', '2026-10-24T20:00:00Z'],
    ['Asia/Beirut', '2026-03-28T16:00:00Z'],
    ['Australia/Lord_Howe', '2026-04-04T06:00:00Z'],
    ['Australia/Lord_Howe', '2026-10-03T06:00:00Z'],
    ['Asia/Kathmandu', '2026-02-28T00:00:00Z'],
    ['Pacific/Apia', '2011-12-29T12:00:00Z'],
  ] as const;
  const span = 40 * HOUR;

  const field = (min: number, max: number) =>
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom('*', '*/2', '*/3') },
      fc
        .uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 4 })
        .map((values) => values.join(',')),
      fc
        .tuple(fc.integer({ min, max }), fc.integer({ min, max }))
        .map(([one, other]) => `${Math.min(one, other)}-${Math.max(one, other)}`),
    );
  const schedules = fc
    .tuple(field(0, 59), field(0, 5), field(1, 31), fc.constant('*'), field(0, 6))
    .map((parts) => parts.join(' '));

  test.each(days)('%s from %s', (name, start) => {
    const from = at(start);
    fc.assert(
      fc.property(schedules, fc.integer({ min: 0, max: 20 * 60 }), (text, minutes) => {
        const due = schedule(text);
        if (due.kind !== 'fields') throw new Error(text);
        const begin = from + minutes * MINUTE;
        expect(ticksBetween(due, zone(name), begin, from + span, 3000)).toEqual(
          definition(due, name, begin, from + span),
        );
      }),
      { numRuns: 25 },
    );
  });
});

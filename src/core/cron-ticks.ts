/**
 * When a schedule is due. A tick is a minute whose reading on the clocks of the zone is in the schedule. So a time that the
 * clocks skip in spring is skipped, and one that they show twice in autumn is due twice, as with the CronJob controller.
 *
 * The search goes over stretches of time in which the offset of the zone is constant. Within one, local time is plain
 * calendar arithmetic; where the offset changes, the search starts anew with the new one.
 */
import type { FieldSchedule, Schedule } from './cron.ts';
import type { Zone } from './cron-zone.ts';
import { HOUR, MINUTE, SECOND, type Duration, type WallTime } from './time.ts';

const DAY: Duration = 24 * HOUR;

/** A schedule without a tick in this and the next five years has none: as with the reference, 29 February 2100 ends it. */
const YEARS = 5;

/** No zone changes its offset and changes it back within this time. */
const STRETCH: Duration = 7 * DAY;

/** The first tick after a time; undefined if none comes within five years. With `@every` a delay after that time. */
export function nextTick(schedule: Schedule, zone: Zone, after: WallTime): WallTime | undefined {
  if (schedule.kind === 'every') return Math.floor(after / SECOND) * SECOND + schedule.delay;
  let time = (Math.floor(after / MINUTE) + 1) * MINUTE;
  const end = Date.UTC(new Date(time + zone.offsetAt(time)).getUTCFullYear() + YEARS + 1, 0, 1);
  for (;;) {
    const offset = zone.offsetAt(time);
    const local = nextLocal(schedule, time + offset, end);
    // Without a match at this offset, there may still be one after it changes, until the end.
    const candidate = (local ?? end) - offset;
    const change = findChange(zone, time, offset, candidate);
    if (change !== undefined) time = change;
    else return local === undefined ? undefined : candidate;
  }
}

/** The ticks after `from` and until `to`, which may be one; the first `limit` of them. */
export function ticksBetween(
  schedule: Schedule,
  zone: Zone,
  from: WallTime,
  to: WallTime,
  limit: number,
): readonly WallTime[] {
  const ticks: WallTime[] = [];
  let tick = nextTick(schedule, zone, from);
  while (tick !== undefined && tick <= to && ticks.length < limit) {
    ticks.push(tick);
    tick = nextTick(schedule, zone, tick);
  }
  return ticks;
}

/** The first minute after `from` and until `to` at which the zone has another offset. */
function findChange(zone: Zone, from: WallTime, offset: Duration, to: WallTime): WallTime | undefined {
  let before = from;
  while (before < to) {
    let after = Math.min(before + STRETCH, to);
    if (zone.offsetAt(after) === offset) before = after;
    else {
      while (after - before > MINUTE) {
        const middle = before + Math.floor((after - before) / MINUTE / 2) * MINUTE;
        if (zone.offsetAt(middle) === offset) before = middle;
        else after = middle;
      }
      return after;
    }
  }
  return undefined;
}

/** The first local minute from `from` on, and before `end`, that is in the schedule; no clock is ever changed here. */
function nextLocal(schedule: FieldSchedule, from: WallTime, end: WallTime): WallTime | undefined {
  let day = Math.floor(from / DAY) * DAY;
  while (day < end) {
    const date = new Date(day);
    if (!schedule.months.has(date.getUTCMonth() + 1)) {
      day = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
      continue;
    }
    const minute = isDue(schedule, date) ? nextMinute(schedule, Math.max(0, from - day)) : undefined;
    if (minute !== undefined) return day + minute;
    day += DAY;
  }
  return undefined;
}

function isDue(schedule: FieldSchedule, date: Date): boolean {
  const byMonth = schedule.monthDays.has(date.getUTCDate());
  const byWeek = schedule.weekDays.has(date.getUTCDay());
  return schedule.eitherDay ? byMonth || byWeek : byMonth && byWeek;
}

/** The first minute of a day, as the time since midnight, from such a time on. */
function nextMinute({ hours, minutes }: FieldSchedule, from: Duration): Duration | undefined {
  for (let hour = Math.floor(from / HOUR); hour < 24; hour += 1) {
    if (!hours.has(hour)) continue;
    for (let minute = 0; minute < 60; minute += 1) {
      const time = hour * HOUR + minute * MINUTE;
      if (time >= from && minutes.has(minute)) return time;
    }
  }
  return undefined;
}

/**
 * The schedules of cron workloads, read as the CronJob controller of Kubernetes reads them: five fields (minute, hour, day
 * of month, month, day of week), a descriptor such as `@daily`, or `@every DURATION`. The grammar is that of
 * `ParseStandard` of github.com/robfig/cron v3. What it accepts is accepted here, also where it means little (`0 0 31 2 *`
 * never comes), with one exception: a field that names no value at all.
 */
import { parseDuration, SECOND, type Duration } from './time.ts';

/** A schedule that has been read. See `cron-ticks.ts` for when it is due. */
export type Schedule = FieldSchedule | { readonly kind: 'every'; readonly delay: Duration };

/** Due at every minute whose parts are all in these sets, by the clock of a zone. */
export interface FieldSchedule {
  readonly kind: 'fields';
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  /** 1 to 31. */
  readonly monthDays: ReadonlySet<number>;
  /** 1 to 12. */
  readonly months: ReadonlySet<number>;
  /** 0 is Sunday. */
  readonly weekDays: ReadonlySet<number>;
  /** Both kinds of day are restricted: a day is due if either matches. Otherwise both must. */
  readonly eitherDay: boolean;
}

/** What is wrong with a schedule, and what would be right. */
export interface ScheduleFault {
  readonly fault: string;
  readonly hint: string;
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Instead of the numbers from `min` on. */
  readonly names: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEK_DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const MINUTE_FIELD: Field = { name: 'minute', min: 0, max: 59, names: [] };
const HOUR_FIELD: Field = { name: 'hour', min: 0, max: 23, names: [] };
const MONTH_DAY_FIELD: Field = { name: 'day of month', min: 1, max: 31, names: [] };
const MONTH_FIELD: Field = { name: 'month', min: 1, max: 12, names: MONTHS };
const WEEK_DAY_FIELD: Field = { name: 'day of week', min: 0, max: 6, names: WEEK_DAYS };

const DESCRIPTORS: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
]);

const EVERY = '@every ';
const FORM = 'write minute, hour, day of month, month and day of week, for example 0 3 * * 1';

/** What is wrong with a schedule; undefined: nothing. */
export function checkSchedule(text: string): ScheduleFault | undefined {
  const read = parseSchedule(text);
  return 'fault' in read ? read : undefined;
}

/** Reads a schedule, or says what is wrong with it. */
export function parseSchedule(text: string): Schedule | ScheduleFault {
  if (/^(CRON_)?TZ=/.test(text))
    return {
      fault: 'a time zone does not belong into the schedule',
      hint: 'name it in timeZone, for example timeZone: Europe/Berlin',
    };
  if (text.startsWith(EVERY)) return parseEvery(text.slice(EVERY.length));
  if (!text.startsWith('@')) return parseFields(text);
  const meant = DESCRIPTORS.get(text);
  if (meant !== undefined) return parseFields(meant);
  return {
    fault: `${JSON.stringify(text)} is not a descriptor`,
    hint: `use one of ${[...DESCRIPTORS.keys()].join(', ')}, or @every with a duration, for example @every 90m`,
  };
}

/** Whole seconds, and at least one. */
function parseEvery(text: string): Schedule | ScheduleFault {
  const unitless = /^[+-]?\d+$/.test(text) && Number(text) !== 0;
  const duration = unitless ? undefined : parseDuration(text);
  if (duration === undefined)
    return {
      fault: `@every: ${JSON.stringify(text)} is not a duration`,
      hint: 'use one space and numbers with units, for example @every 1h30m',
    };
  // Sums of fractions are inexact in the last digits: 0.1h + 0.2h.
  const seconds = Math.trunc(Math.round((duration / SECOND) * 1e9) / 1e9);
  return { kind: 'every', delay: Math.max(1, seconds) * SECOND };
}

function parseFields(text: string): Schedule | ScheduleFault {
  const [minute, hour, monthDay, month, weekDay, ...more] = text.split(/\s+/).filter((field) => field !== '');
  if (weekDay === undefined || month === undefined || monthDay === undefined || more.length > 0)
    return faultOfCount(text);
  const minutes = parseField(minute ?? '', MINUTE_FIELD);
  if ('fault' in minutes) return minutes;
  const hours = parseField(hour ?? '', HOUR_FIELD);
  if ('fault' in hours) return hours;
  const monthDays = parseField(monthDay, MONTH_DAY_FIELD);
  if ('fault' in monthDays) return monthDays;
  const months = parseField(month, MONTH_FIELD);
  if ('fault' in months) return months;
  const weekDays = parseField(weekDay, WEEK_DAY_FIELD);
  if ('fault' in weekDays) return weekDays;
  return {
    kind: 'fields',
    minutes: minutes.values,
    hours: hours.values,
    monthDays: monthDays.values,
    months: months.values,
    weekDays: weekDays.values,
    eitherDay: !monthDays.any && !weekDays.any,
  };
}

function faultOfCount(text: string): ScheduleFault {
  const count = text.split(/\s+/).filter((field) => field !== '').length;
  if (count === 0) return { fault: 'it is empty', hint: FORM };
  const seconds = count > 5 ? '; there is no field for seconds or years' : '';
  return {
    fault: `it has ${count} ${count === 1 ? 'field' : 'fields'} instead of 5`,
    hint: `${FORM}${seconds}`,
  };
}

interface FieldValues {
  readonly values: ReadonlySet<number>;
  /** Unrestricted: a `*` or `?` without a step above 1 is among its parts. */
  readonly any: boolean;
}

/** A list of parts, separated by commas; empty parts count for nothing. */
function parseField(text: string, field: Field): FieldValues | ScheduleFault {
  const values = new Set<number>();
  let any = false;
  for (const part of text.split(',').filter((piece) => piece !== '')) {
    const range = parsePart(part, field);
    if ('fault' in range)
      return { fault: `${field.name}: ${range.fault}`, hint: range.hint ?? allowed(field) };
    for (let value = range.from; value <= range.to; value += range.step) values.add(value);
    any ||= range.any;
  }
  if (values.size === 0)
    return { fault: `${field.name}: ${JSON.stringify(text)} names no value`, hint: allowed(field) };
  return { values, any };
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly any: boolean;
}

interface PartFault {
  readonly fault: string;
  /** Absent: what the field allows. */
  readonly hint?: string;
}

/** `*`, `N`, `N-M`, each with or without `/STEP`. `N/STEP` goes on to the end of the field. */
function parsePart(part: string, field: Field): Range | PartFault {
  const [span = '', stepText, ...moreSteps] = part.split('/');
  const [low = '', high, ...moreEnds] = span.split('-');
  const star = low === '*' || low === '?';
  if (moreSteps.length > 0) return { fault: `${JSON.stringify(part)} has more than one /` };
  if (moreEnds.length > 0 && !star) return { fault: `${JSON.stringify(part)} has more than one -` };
  const from = star ? field.min : parseValue(low, field);
  const step = stepText === undefined ? 1 : parseNumber(stepText);
  if (from === undefined) return faultOfValue(low === '' ? part : low, field);
  if (step === undefined || step === 0)
    return {
      fault: `${JSON.stringify(stepText)} is not a step`,
      hint: 'write a whole number above 0 after /, for example */15',
    };
  const to = endOfRange({ from, high, star, stepped: stepText !== undefined }, field);
  if (to === undefined) return faultOfValue(high === undefined || high === '' ? part : high, field);
  if (from < field.min) return { fault: `${from} is below ${field.min}` };
  if (to > field.max) return { fault: `${to} is above ${field.max}` };
  if (from > to)
    return {
      fault: `${JSON.stringify(span)} ends before it begins`,
      hint: `write two parts, for example ${low}-${field.max},${field.min}-${high ?? ''}`,
    };
  return { from, to, step, any: star && step === 1 };
}

function endOfRange(
  range: {
    readonly from: number;
    readonly high: string | undefined;
    readonly star: boolean;
    readonly stepped: boolean;
  },
  field: Field,
): number | undefined {
  // After a star the reference does not look at the end of a range.
  if (range.star) return field.max;
  if (range.high !== undefined) return parseValue(range.high, field);
  // A value above the field is to be called that, and not the beginning of a range that ends before it.
  return range.stepped ? Math.max(range.from, field.max) : range.from;
}

function parseValue(text: string, field: Field): number | undefined {
  const named = field.names.indexOf(text.toLowerCase());
  return named < 0 ? parseNumber(text) : field.min + named;
}

function parseNumber(text: string): number | undefined {
  return /^\+?\d+$/.test(text) ? Number(text) : undefined;
}

function faultOfValue(text: string, field: Field): PartFault {
  const fault = `${JSON.stringify(text)} is not a number${field.names.length === 0 ? '' : ' or a name'}`;
  if (!/^(H.*|\d*[LW]|LW|\w+#\d*)$/i.test(text)) return { fault };
  return { fault, hint: `Kubernetes has no H, L, W and #; ${allowed(field)}` };
}

function allowed({ min, max, names }: Field): string {
  const named = names.length === 0 ? '' : ` or ${names[0]?.toUpperCase()} to ${names.at(-1)?.toUpperCase()}`;
  const sunday = names === WEEK_DAYS ? '; Sunday is 0' : '';
  return `use ${min} to ${max}${named}, *, ranges (${min}-${min + 2}), steps (*/2) and lists (${min},${min + 3})${sunday}`;
}

import { describe, expect, test } from 'vitest';
import { checkSchedule, parseSchedule, type FieldSchedule } from './cron.ts';

function fields(text: string): FieldSchedule {
  const schedule = parseSchedule(text);
  if (!('kind' in schedule) || schedule.kind !== 'fields') throw new Error(JSON.stringify(schedule));
  return schedule;
}

const list = (values: ReadonlySet<number>): string => [...values].toSorted((a, b) => a - b).join();

describe('a field', () => {
  test.each([
    ['5', '5'],
    ['05', '5'],
    ['1,3,5', '1,3,5'],
    ['1-4', '1,2,3,4'],
    ['5-5', '5'],
    ['10-20/5', '10,15,20'],
    ['10-19/5', '10,15'],
    ['*/20', '0,20,40'],
    ['?/30', '0,30'],
    ['1-2,5-6', '1,2,5,6'],
    ['1,,2,', '1,2'],
    // Only a number before the slash: on to the end.
    ['50/4', '50,54,58'],
    // The end of a range that begins with a star is not looked at.
    ['*-5/30', '0,30'],
  ])('minute %s is %s', (text, minutes) => {
    expect(list(fields(`${text} * * * *`).minutes)).toBe(minutes);
  });

  test('months and days of the week have names, in any case', () => {
    const { months, weekDays } = fields('0 0 1 Jan,MAR-may mon-FRI/2');
    expect([list(months), list(weekDays)]).toEqual(['1,3,4,5', '1,3,5']);
  });

  test('fields are separated by any white space', () => {
    expect(fields(' 1\t2  3 4 5 ')).toEqual(fields('1 2 3 4 5'));
  });
});

test.each([
  ['0 0 1 * 1', true],
  ['0 0 */2 * 1', true],
  ['0 0 1 * */2', true],
  ['0 0 1-31 * 1', true],
  ['0 0 * * 1', false],
  ['0 0 ? * 1', false],
  ['0 0 */1 * 1', false],
  ['0 0 1,* * 1', false],
  ['0 0 1 * *', false],
])('of %s a day is due by either of its fields: %s', (text, either) => {
  expect(fields(text).eitherDay).toBe(either);
});

test.each([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
])('%s is %s', (descriptor, text) => {
  expect(parseSchedule(descriptor)).toEqual(parseSchedule(text));
});

test.each([
  ['1h30m', 5_400_000],
  ['1.9s', 1000],
  ['1.7s0.3s', 2000],
  ['10ms', 1000],
  ['-5m', 1000],
  ['0', 1000],
])('@every %s waits for whole seconds, at least one', (duration, delay) => {
  expect(parseSchedule(`@every ${duration}`)).toEqual({ kind: 'every', delay });
});

describe('a fault says where it is, what it is and what would be right', () => {
  test.each([
    ['', 'it is empty', /minute, hour, day of month, month and day of week/],
    ['* * * *', 'it has 4 fields instead of 5', /0 3 \* \* 1/],
    ['0 * * * * *', 'it has 6 fields instead of 5', /no field for seconds/],
    ['TZ=Europe/Berlin 0 3 * * *', 'a time zone does not belong into the schedule', /timeZone: /],
    ['CRON_TZ=UTC 0 3 * * *', 'a time zone does not belong into the schedule', /timeZone: /],
    ['@dayly', '"@dayly" is not a descriptor', /@daily, .*@every 90m/],
    ['@DAILY', '"@DAILY" is not a descriptor', /@daily/],
    ['@every 5', '@every: "5" is not a duration', /@every 1h30m/],
    ['@every 1 h', '@every: "1 h" is not a duration', /@every 1h30m/],
    ['@every  1h', '@every: " 1h" is not a duration', /one space/],
    ['60 * * * *', 'minute: 60 is above 59', /^use 0 to 59, \*/],
    ['60/5 * * * *', 'minute: 60 is above 59', /0 to 59/],
    ['* 24 * * *', 'hour: 24 is above 23', /0 to 23/],
    ['* * 0 * *', 'day of month: 0 is below 1', /1 to 31/],
    ['* * 32 * *', 'day of month: 32 is above 31', /1 to 31/],
    ['* * * 13 *', 'month: 13 is above 12', /1 to 12 or JAN to DEC/],
    ['* * * january *', 'month: "january" is not a number or a name', /JAN to DEC/],
    ['* * * * 7', 'day of week: 7 is above 6', /0 to 6 or SUN to SAT.*Sunday is 0/],
    ['* * jan * *', 'day of month: "jan" is not a number', /^use 1 to 31/],
    ['* * wed * *', 'day of month: "wed" is not a number', /^use 1 to 31/],
    ['* * L * *', 'day of month: "L" is not a number', /no H, L, W and #; use 1 to 31/],
    ['* * 15W * *', 'day of month: "15W" is not a number', /no H, L, W and #/],
    ['* * * * 5L', 'day of week: "5L" is not a number or a name', /no H, L, W and #/],
    ['* * * * mon#2', 'day of week: "mon#2" is not a number or a name', /no H, L, W and #/],
    ['H * * * *', 'minute: "H" is not a number', /no H, L, W and #/],
    ['*/0 * * * *', 'minute: "0" is not a step', /\*\/15/],
    ['*/x * * * *', 'minute: "x" is not a step', /\*\/15/],
    ['*/ * * * *', 'minute: "" is not a step', /\*\/15/],
    ['1/2/3 * * * *', 'minute: "1/2/3" has more than one /', /0 to 59/],
    ['1-2-3 * * * *', 'minute: "1-2-3" has more than one -', /0 to 59/],
    ['-1 * * * *', 'minute: "-1" is not a number', /0 to 59/],
    ['1- * * * *', 'minute: "1-" is not a number', /0 to 59/],
    [', * * * *', 'minute: "," names no value', /0 to 59/],
    ['* 22-5 * * *', 'hour: "22-5" ends before it begins', /22-23,0-5/],
    ['1.5 * * * *', 'minute: "1.5" is not a number', /0 to 59/],
  ])('%j', (text, fault, hint) => {
    expect(checkSchedule(text)).toEqual({ fault, hint: expect.stringMatching(hint) });
  });
});

/** Reads when a cron job runs. */
import { openZone } from '../cron-zone.ts';
import { checkSchedule } from '../cron.ts';
import type { MapReader } from '../document/map-reader.ts';

export function readSchedule(reader: MapReader): string | undefined {
  const schedule = reader.requiredText('schedule', 'write for example "0 3 * * *" or "@daily"');
  if (schedule === undefined) return undefined;
  const wrong = checkSchedule(schedule);
  if (wrong === undefined) return schedule;
  reader.problem('schedule', 'InvalidValue', wrong.fault, wrong.hint);
  return undefined;
}

export function readTimeZone(reader: MapReader): string | undefined {
  const zone = reader.text('timeZone');
  if (zone === undefined || openZone(zone) !== undefined) return zone;
  reader.problem(
    'timeZone',
    'InvalidValue',
    `${JSON.stringify(zone)} is not the name of a time zone`,
    'use a name of the IANA database as it is spelled there, for example Europe/Berlin',
  );
  return undefined;
}

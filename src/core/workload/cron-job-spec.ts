/** Reads what a cron job runs and when. */
import type { MapReader } from '../document/map-reader.ts';
import { readCommonSpec, type SpecContext } from './base-spec.ts';
import { readChoice, readDuration, readInteger } from './field-reader.ts';
import { CRON_JOB_FIELDS } from './kind-fields.ts';
import type { CronJobSpec } from './model.ts';
import { readSchedule, readTimeZone } from './schedule.ts';

/** Undefined without an image or a schedule that can be used. */
export function readCronJobSpec(reader: MapReader, context: SpecContext): CronJobSpec | undefined {
  const fields = CRON_JOB_FIELDS;
  const common = readCommonSpec(reader, context);
  const schedule = readSchedule(reader);
  const timeZone = readTimeZone(reader);
  const onStop = readChoice(reader, 'onStop', fields.onStop.oneOf, fields.onStop.default);
  const drainTimeout = readDuration(reader, 'drainTimeout', fields.drainTimeout);
  if (onStop === 'Delete' && drainTimeout !== undefined)
    reader.problem(
      'drainTimeout',
      'IgnoredValue',
      'drainTimeout has no effect with onStop: Delete',
      'remove it, or use onStop: Wait',
    );
  const spec = {
    restartPolicy: readChoice(
      reader,
      'restartPolicy',
      fields.restartPolicy.oneOf,
      fields.restartPolicy.default,
    ),
    startingDeadline:
      readDuration(reader, 'startingDeadline', fields.startingDeadline) ?? fields.startingDeadline.default,
    backoffLimit: readCount(reader, 'backoffLimit'),
    successfulJobsHistoryLimit: readCount(reader, 'successfulJobsHistoryLimit'),
    failedJobsHistoryLimit: readCount(reader, 'failedJobsHistoryLimit'),
    onStop,
    suspend: reader.boolean('suspend') ?? fields.suspend.default,
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(drainTimeout === undefined || onStop === 'Delete' ? {} : { drainTimeout }),
  };
  return common === undefined || schedule === undefined ? undefined : { ...common, schedule, ...spec };
}

function readCount(
  reader: MapReader,
  key: 'backoffLimit' | 'successfulJobsHistoryLimit' | 'failedJobsHistoryLimit',
): number {
  const field = CRON_JOB_FIELDS[key];
  return readInteger(reader, key, field) ?? field.default;
}

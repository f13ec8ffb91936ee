/** A cron workload is a CronJob, whose Jobs make gated pods. */
import { SECOND } from '../time.ts';
import type { CronJobSpec, CronJobWorkload } from '../workload/model.ts';
import { ANNOTATION } from '../workload/names.ts';
import type { CronJob } from './owner.ts';
import { renderMarks, renderOwnerMeta, renderTemplate, type RenderIdentity } from './pod-template.ts';

/** Unless the spec names one: else the zone of the machine that runs the controller manager would decide. */
export const DEFAULT_TIME_ZONE = 'Etc/UTC';

/**
 * `suspend` is the wish of the user; whoever stops the workload suspends it on top of that. The Jobs carry labels and
 * annotations too, so that one watch by label sees them. How to stop is written on the CronJob: when it must be known,
 * the spec may be gone.
 */
export function renderCronJob(workload: CronJobWorkload, identity: RenderIdentity): CronJob {
  const { key, spec } = workload;
  const meta = renderOwnerMeta(workload, identity, key.name);
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { ...meta, annotations: { ...meta.annotations, ...renderStop(spec) } },
    spec: {
      schedule: spec.schedule,
      timeZone: spec.timeZone ?? DEFAULT_TIME_ZONE,
      suspend: spec.suspend,
      concurrencyPolicy: 'Forbid',
      startingDeadlineSeconds: Math.ceil(spec.startingDeadline / SECOND),
      successfulJobsHistoryLimit: spec.successfulJobsHistoryLimit,
      failedJobsHistoryLimit: spec.failedJobsHistoryLimit,
      jobTemplate: {
        metadata: renderMarks(workload, identity),
        spec: {
          backoffLimit: spec.backoffLimit,
          // A retry is made only when the pod before it has ended, not already when it terminates.
          podReplacementPolicy: 'Failed',
          template: renderTemplate(workload, identity, spec.restartPolicy),
        },
      },
    },
  };
}

function renderStop({ onStop, drainTimeout }: CronJobSpec): Readonly<Record<string, string>> {
  return {
    [ANNOTATION.onStop]: onStop,
    ...(drainTimeout === undefined
      ? {}
      : { [ANNOTATION.drainTimeout]: String(Math.ceil(drainTimeout / SECOND)) }),
  };
}

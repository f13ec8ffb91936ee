import { expect, test } from 'vitest';
import { IDENTITY, makeCronJob } from '../../../test/workload-fixture.ts';
import { renderCronJob } from './cron-job.ts';

test('the CronJob of a cron workload: never two runs, retries only after the end of the pod before', () => {
  const { jobTemplate, ...settings } = renderCronJob(makeCronJob('full'), IDENTITY).spec;
  expect(settings).toEqual({
    schedule: '0 3 * * *',
    timeZone: 'Europe/Berlin',
    suspend: false,
    concurrencyPolicy: 'Forbid',
    startingDeadlineSeconds: 200,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
  });
  expect(jobTemplate.spec).toMatchObject({ backoffLimit: 6, podReplacementPolicy: 'Failed' });
  expect(jobTemplate.spec.template).toMatchObject({
    metadata: { finalizers: ['highlander.plexobject.io/singleton'] },
    spec: { restartPolicy: 'OnFailure', schedulingGates: [{ name: 'highlander.plexobject.io/permit' }] },
  });
});

test('labels and annotations are on CronJob, Jobs and pods', () => {
  const workload = makeCronJob('full');
  const { drainTimeout: _none, ...limitless } = workload.spec;
  const { metadata, spec } = renderCronJob({ ...workload, spec: limitless }, IDENTITY);
  const { labels, annotations } = metadata;
  expect(labels).toMatchObject({ app: 'report', team: 'a', 'highlander.plexobject.io/kind': 'cronjob' });
  expect(annotations).toMatchObject({ 'highlander.plexobject.io/workload': 'cronjob/ns/report' });
  const { 'highlander.plexobject.io/on-stop': onStop, ...shared } = annotations ?? {};
  expect(onStop).toBe('Wait');
  expect(spec.jobTemplate.metadata).toEqual({ labels, annotations: shared });
  expect(spec.jobTemplate.spec.template.metadata).toMatchObject({ labels, annotations: shared });
});

test('without a time zone the schedule is in UTC, wherever the controller manager runs', () => {
  expect(renderCronJob(makeCronJob('small'), IDENTITY).spec.timeZone).toBe('Etc/UTC');
});

test('the user can suspend it', () => {
  expect(renderCronJob(makeCronJob('small', { suspend: true }), IDENTITY).spec.suspend).toBe(true);
});

test('how to stop is written on the CronJob, and not on what it makes', () => {
  const { metadata, spec } = renderCronJob(makeCronJob('full'), IDENTITY);
  const stop = {
    'highlander.plexobject.io/on-stop': 'Wait',
    'highlander.plexobject.io/drain-timeout': '60',
  };
  expect(metadata.annotations).toMatchObject(stop);
  expect(spec.jobTemplate.metadata.annotations).not.toMatchObject(stop);
});

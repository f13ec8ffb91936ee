import { expect, it } from 'vitest';
import { CRON_IDENTITY, cronJobOf, hourly, jobOf } from '../../../test/cron-fixture.ts';
import { podTemplateOf, type ManagedObject } from '../manifests/managed-object.ts';
import { PERMIT_GATE, SINGLETON_FINALIZER } from '../workload/names.ts';
import { ledgerKey } from './ledger.ts';
import { judgeRunNow, renderRunNow, runNowName } from './run-now.ts';

const workload = hourly();

function render(objects: readonly ManagedObject[], request = 'req-1'): ManagedObject | undefined {
  return renderRunNow(workload, CRON_IDENTITY, objects, request);
}

it('makes one Job per request: its name and its entry in the ledger follow from the id', () => {
  const objects = [cronJobOf(workload)];
  const [first, again, other] = [render(objects), render(objects), render(objects, 'req-2')];
  expect(again).toEqual(first);
  expect(other?.metadata.name).not.toBe(first?.metadata.name);
  expect(first && ledgerKey(first)).toBe('request/req-1');
  expect(runNowName('x'.repeat(52), 'req-1')).toHaveLength(63);
});

it('makes its pods gated, as the CronJob would', () => {
  const job = render([cronJobOf(workload)]);
  expect(job && podTemplateOf(job)).toMatchObject({
    metadata: { finalizers: [SINGLETON_FINALIZER] },
    spec: { schedulingGates: [{ name: PERMIT_GATE }] },
  });
});

it('gives it to the CronJob, so that it goes with it', () => {
  expect(render([cronJobOf(workload)])?.metadata.ownerReferences).toEqual([
    { apiVersion: 'batch/v1', kind: 'CronJob', name: 'report', uid: 'cronjob-uid', controller: true },
  ]);
  expect(render([])).toBeUndefined();
});

it('tells how far a request has come', () => {
  const record = {
    managedFrom: 'file',
    restarts: 0,
    ticks: [{ at: 'request/req-1', jobUid: 'j' }],
  } as const;
  const job = jobOf('j', undefined, { request: 'req-1' });
  const done = (type: string) => ({ ...job, status: { conditions: [{ type, status: 'True' }] } });
  const judge = (...objects: ManagedObject[]) => judgeRunNow({ objects, record }, 'req-1');
  expect(judgeRunNow({ objects: [] }, 'req-1')).toBe('absent');
  expect(judgeRunNow({ objects: [job] }, 'req-1')).toBe('waiting');
  expect(judge(job)).toBe('running');
  expect(judge(done('Complete'))).toBe('succeeded');
  expect(judge(done('Failed'))).toBe('failed');
  expect(judge()).toBe('lost');
});

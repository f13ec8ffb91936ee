import { expect, it } from 'vitest';
import {
  CRON_IDENTITY,
  cronInput,
  cronJobOf,
  hourly,
  jobOf,
  podOf,
  type CronOptions,
} from '../../../test/cron-fixture.ts';
import { podTemplateOf, type ManagedObject } from '../manifests/managed-object.ts';
import { PERMIT_GATE, SINGLETON_FINALIZER } from '../workload/names.ts';
import { enter, ledgerKey } from './ledger.ts';
import type { OpenRequest } from './observed.ts';
import { planWorkload } from './plan.ts';
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

const asked: OpenRequest = { id: 'r', action: 'run-now', by: 'eva', reason: '', expiresAt: Infinity };
const accepted: OpenRequest = { ...asked, state: 'accepted' };
const NOON = { at: '2026-01-01T12:00:00Z', jobUid: 'noon' };
const entered = [{ at: 'request/r', jobUid: 'own' }];
const ticks = [NOON, ...entered];
const own = jobOf('own', undefined, { request: 'r' });

const plan = (request: OpenRequest, options: CronOptions = {}) =>
  planWorkload(cronInput({ request, ...options })).actions;

it('accepts a request before anything is made for it', () => {
  expect(plan(asked)).toMatchObject([{ kind: 'answer', change: { state: 'accepted' } }]);
});

it('makes the Job of an accepted request, with the name that belongs to it', () => {
  expect(plan(accepted)).toMatchObject([
    { kind: 'createObject', object: { kind: 'Job', metadata: { name: runNowName('report', 'r') } } },
  ]);
});

it('makes no other while it is there, and permits its pod once it is entered', () => {
  expect(plan(accepted, { jobs: [own] })).toEqual([]);
  const instances = [podOf('own', { gated: true })];
  expect(plan(accepted, { jobs: [own], instances })).toMatchObject([{ kind: 'remember', entered }]);
  expect(plan(accepted, { jobs: [own], instances, ticks })).toMatchObject([{ kind: 'permit' }]);
});

it('is done when its pod may run, has ended, or is gone: it is not made again', () => {
  const done = [{ kind: 'answer', change: { state: 'done' } }];
  expect(plan(accepted, { jobs: [own], instances: [podOf('own')], ticks })).toMatchObject(done);
  const status = { conditions: [{ type: 'Complete', status: 'True' }] };
  const ended = jobOf('own', undefined, { request: 'r', status });
  expect(plan(accepted, { jobs: [ended], ticks })).toMatchObject(done);
  expect(plan(accepted, { ticks })).toMatchObject(done);
});

it('refuses what comes too late, and what is no request for a cron job', () => {
  const refused = [{ kind: 'answer', change: { state: 'refused' } }];
  expect(plan({ ...asked, expiresAt: 0 })).toMatchObject(refused);
  expect(plan({ ...asked, action: 'restart' })).toMatchObject(refused);
});

it('stays on the ledger however many ticks were missed after it', () => {
  const missed = Array.from({ length: 30 }, (_, n) => ({ at: `2026-01-01T${n}:00:00Z` }));
  const { ticks: kept = [] } = enter(workload, { managedFrom: 'file', restarts: 0, ticks: entered }, missed);
  expect(kept).toHaveLength(21);
  expect(kept[0]).toEqual(entered[0]);
});

/** What is rendered, as a real API server and the controllers of Kubernetes see it. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startSandbox, type Sandbox } from '../../sandbox/cluster.ts';
import { checkSchedule } from '../../src/core/cron.ts';
import { renderCronJob } from '../../src/core/manifests/cron-job.ts';
import { renderStatefulSet } from '../../src/core/manifests/persistent.ts';
import type { Pod } from '../../src/core/manifests/pod.ts';
import { renderProcessPod } from '../../src/core/manifests/process.ts';
import { renderDeployment, renderServices } from '../../src/core/manifests/service.ts';
import type { Workload } from '../../src/core/workload/model.ts';
import { LABEL } from '../../src/core/workload/names.ts';
import type { KubeObject } from '../../src/ports/cluster.ts';
import {
  IDENTITY,
  makeCronJob,
  makePersistent,
  makeProcess,
  makeService,
  type Extent,
} from '../workload-fixture.ts';

const scope = new AbortController();
let sandbox: Sandbox;

beforeAll(async () => {
  const progress = { line: () => undefined, moving: () => undefined };
  sandbox = await startSandbox({ nodes: 0, simulate: true, progress, signal: scope.signal });
  await sandbox.api.apply([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'runner', namespace: 'ns' } },
  ]);
});

afterAll(async () => {
  await sandbox.stop();
  scope.abort();
});

const COLLECTION: Readonly<Record<string, string>> = {
  Pod: '/api/v1/namespaces/ns/pods',
  Service: '/api/v1/namespaces/ns/services',
  Deployment: '/apis/apps/v1/namespaces/ns/deployments',
  StatefulSet: '/apis/apps/v1/namespaces/ns/statefulsets',
  CronJob: '/apis/batch/v1/namespaces/ns/cronjobs',
};

const collection = ({ kind = '' }: KubeObject): string => COLLECTION[kind] ?? '';

function rendered(extent: Extent): readonly KubeObject[] {
  const service = makeService(extent);
  const persistent = makePersistent(extent);
  return [
    renderProcessPod(makeProcess(extent), IDENTITY),
    renderCronJob(makeCronJob(extent), IDENTITY),
    renderDeployment(service, IDENTITY),
    ...renderServices(service, IDENTITY),
    renderStatefulSet(persistent, IDENTITY),
    ...renderServices(persistent, IDENTITY),
  ];
}

test.each(['small', 'full'] as const)(
  'every kind in its %s extent is accepted, with not a field that the API server does not know',
  async (extent) => {
    for (const object of rendered(extent)) {
      const path = `${collection(object)}?dryRun=All&fieldValidation=Strict`;
      const { status, body } = await sandbox.api.request('POST', path, { body: object });
      expect({ kind: object.kind, status, body }).toMatchObject({ kind: object.kind, status: 201 });
    }
  },
);

test('a field that the API server does not know would be refused', async () => {
  const deployment = renderDeployment(makeService('small'), IDENTITY);
  const body = { ...deployment, spec: { ...deployment.spec, surge: 0 } };
  const path = `${collection(deployment)}?dryRun=All&fieldValidation=Strict`;
  expect((await sandbox.api.request('POST', path, { body })).status).toBe(400);
});

/** Objects that were really made; their names differ from those of the other tests. */
function living(): readonly KubeObject[] {
  const named = <W extends Workload>(workload: W, name: string): W => ({
    ...workload,
    key: { ...workload.key, name },
  });
  const change = { annotations: { note: 'n' }, env: { A: '1' }, labels: { team: 'a' } };
  const volumes = [{ name: 'data', mountPath: '/data', size: '1024Mi', storageClassName: '' }];
  return [
    renderCronJob(named(makeCronJob('small', { ...change, schedule: '@every 1s' }), 'cron'), IDENTITY),
    renderDeployment(named(makeService('small', { ...change, replicas: 3 }), 'web'), IDENTITY),
    renderStatefulSet(
      named(makePersistent('small', { ...change, persistentVolumes: volumes }), 'db'),
      IDENTITY,
    ),
  ];
}

describe('in a living cluster', () => {
  beforeAll(() => sandbox.api.apply(living() as Parameters<Sandbox['api']['apply']>[0]));

  test.each([
    ['cronjob', 'cron'],
    ['service', 'web'],
    ['persistent', 'db'],
  ])('a %s makes one pod, which is gated and marked like a pod of ours', async (kind, name) => {
    const selector = `${LABEL.tenant}=default,${LABEL.kind}=${kind}`;
    const pods = await vi.waitFor(
      async () => {
        const path = `/api/v1/namespaces/ns/pods?labelSelector=${encodeURIComponent(selector)}`;
        const { body } = await sandbox.api.request<{ items: readonly Pod[] }>('GET', path);
        expect(body.items).not.toEqual([]);
        return body.items;
      },
      { timeout: 30_000, interval: 100 },
    );
    const like = renderProcessPod(
      makeProcess('small', { annotations: { note: 'n' }, env: { A: '1' }, labels: { team: 'a' } }),
      IDENTITY,
    );
    expect(pods).toHaveLength(1);
    const pod = pods[0];
    expect(pod?.spec.schedulingGates).toEqual(like.spec.schedulingGates);
    expect(pod?.metadata.finalizers).toEqual(expect.arrayContaining([...(like.metadata.finalizers ?? [])]));
    expect(Object.keys(pod?.metadata.annotations ?? {})).toEqual(
      expect.arrayContaining(Object.keys(like.metadata.annotations ?? {})),
    );
    expect(pod?.metadata.labels).toMatchObject({ app: name, team: 'a', 'managed-by': 'k8-highlander' });
  });

  test('what is applied a second time changes nothing: defaults and notation do not fight with ours', async () => {
    const generations = async () =>
      Promise.all(
        living().map(async (object) => {
          const path = `${collection(object)}/${object.metadata.name}`;
          const { body } = await sandbox.api.request<KubeObject>('GET', path);
          return body.metadata.generation;
        }),
      );
    const before = await generations();
    await sandbox.api.apply(living() as Parameters<Sandbox['api']['apply']>[0]);
    expect(await generations()).toEqual(before);
  });

  test('jobs carry the labels by which they are watched, and the name of their workload', async () => {
    const selector = encodeURIComponent(`${LABEL.tenant}=default`);
    const path = `/apis/batch/v1/namespaces/ns/jobs?labelSelector=${selector}`;
    const jobs = await vi.waitFor(
      async () => {
        const { body } = await sandbox.api.request<{ items: readonly KubeObject[] }>('GET', path);
        expect(body.items).not.toEqual([]);
        return body.items;
      },
      { timeout: 30_000, interval: 100 },
    );
    expect(jobs[0]?.metadata.annotations).toMatchObject({
      'highlander.plexobject.io/workload': 'cronjob/ns/cron',
    });
  });
});

test('a Deployment that rolls is made to recreate by replacing its strategy as a whole, and in no other way', async () => {
  const { metadata, spec } = renderDeployment(makeService('small', { replicas: 0 }), IDENTITY);
  const rolling = { metadata, spec: { ...spec, strategy: { type: 'RollingUpdate' } } };
  const path = COLLECTION['Deployment'] ?? '';
  await sandbox.api.request('POST', path, { body: rolling });
  const patch = (contentType: string, body: unknown) =>
    sandbox.api.request('PATCH', `${path}/report?dryRun=All`, { body, contentType });
  expect((await patch('application/merge-patch+json', { spec })).status).toBe(422);
  const operation = { op: 'replace', path: '/spec/strategy', value: spec.strategy };
  const { status, body } = await patch('application/json-patch+json', [operation]);
  expect({ status, body }).toMatchObject({ status: 200, body: { spec: { strategy: { type: 'Recreate' } } } });
});

test.each([
  '0 3 * * *',
  '*/5,7 1-5/2 ? jan-MAR MON,wed',
  '1,,2, * * * *',
  '50/4 * * * *',
  '*-5 * * * *',
  '+5 05 * * *',
  '0 0 31 2 *',
  '@midnight',
  '@every 1h30m',
  '@every 0',
  '@every 5',
  '@every  1h',
  '@DAILY',
  '@reboot',
  ' @daily',
  '',
  '* * * *',
  '0 0 * * * *',
  'TZ=UTC 0 3 * * *',
  'CRON_TZ=UTC 0 3 * * *',
  '60 * * * *',
  '60/5 * * * *',
  '* * 0 * *',
  '* * * january *',
  '* * * * 7',
  '* * L * *',
  '* * 15W * *',
  '* * * * mon#2',
  'H * * * *',
  '*/0 * * * *',
  '1/2/3 * * * *',
  '1-2-3 * * * *',
  '-1 * * * *',
  '1- * * * *',
  '* 22-5 * * *',
  '1.5 * * * *',
])('the API server judges the schedule %j as we do', async (schedule) => {
  const body = renderCronJob(makeCronJob('small', { schedule }), IDENTITY);
  const { status } = await sandbox.api.request('POST', `${COLLECTION['CronJob']}?dryRun=All`, { body });
  expect(status).toBe(checkSchedule(schedule) === undefined ? 201 : 422);
});

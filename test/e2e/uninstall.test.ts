/** `uninstall` on the real API server: nothing is held back afterwards, and nothing was started or stopped. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { refereedProcess } from '../../sandbox/referee.ts';
import { definitionsText } from '../../scripts/definitions.ts';
import { PERMIT_GATE, SINGLETON_FINALIZER, WORKLOAD_FINALIZER } from '../../src/core/workload/names.ts';
import { runLauncher } from '../launcher.ts';
import { eventually } from './eventually.ts';
import { controllerKubeconfig, enforcePolicies } from './shipped.ts';
import { openWorld, type World } from './world.ts';

const PODS = '/api/v1/namespaces/default/pods';
const RESOURCES = '/apis/highlander.plexobject.io/v1/namespaces/default/workloadprocesses';
const BINDINGS = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings';
const LABELS = { 'managed-by': 'k8-highlander', 'highlander.plexobject.io/tenant': 'default', app: 'x' };

let world: World;

beforeAll(async () => {
  world = await openWorld({ nodes: 1 });
  await enforcePolicies(world);
  await world.sandbox.api.apply(definitionsText());
  await eventually('the definitions are served', async () => (await get(RESOURCES)) !== undefined);
});

afterAll(async () => {
  await world?.stop();
});

async function get(path: string): Promise<any> {
  const { status, body } = await world.sandbox.api.request('GET', path);
  return status === 200 ? body : undefined;
}

const uninstall = (...args: readonly string[]) =>
  runLauncher(['uninstall', ...args], {
    cwd: world.sandbox.dir,
    env: { KUBECONFIG: world.sandbox.kubeconfig },
  });

const template = {
  metadata: { labels: LABELS, finalizers: [SINGLETON_FINALIZER, 'example.com/other'] },
  spec: {
    schedulingGates: [{ name: PERMIT_GATE }],
    containers: [{ name: 'main', image: 'busybox', command: ['sleep', '1000'] }],
  },
};

/** What makes pods, one of each kind; none makes one by itself. */
function owners(): readonly any[] {
  const selector = { matchLabels: { app: 'x' } };
  const job = { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } };
  const metadata = { name: 'x', namespace: 'default', labels: LABELS };
  return [
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { replicas: 0, selector, template } },
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata,
      spec: { replicas: 0, serviceName: 'x', selector, template },
    },
    {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata,
      spec: { schedule: '0 0 1 1 *', suspend: true, jobTemplate: { spec: job } },
    },
  ];
}

it('lets everything go: what runs goes on, what is gated stays gated, and deletions are not held back', async () => {
  const kubeconfig = await controllerKubeconfig(world);
  const workloads = { processes: [refereedProcess('filed', world.referee.dir)] };
  const controller = await world.controller('one', { leaderLockTTL: '2s', workloads }, { kubeconfig });
  const { name: _name, ...spec } = refereedProcess('stored', world.referee.dir);
  const metadata = { name: 'stored', namespace: 'default' };
  const apiVersion = 'highlander.plexobject.io/v1';
  await world.sandbox.api.apply([{ apiVersion, kind: 'WorkloadProcess', metadata, spec }]);
  const before = [await world.running('filed'), await world.running('stored')];
  const gated = { name: 'waiting', namespace: 'default', ...template.metadata, labels: LABELS };
  await world.sandbox.api.apply([
    { apiVersion: 'v1', kind: 'Pod', metadata: gated, spec: template.spec },
    ...owners(),
  ]);

  const early = await uninstall();
  expect(early.exit, early.stderr).toBe(1);
  expect(early.stderr).toContain('a controller is still running');
  await enforcePolicies(world);
  await eventually('it is put on again', async () =>
    (await get(`${RESOURCES}/stored`)).metadata.finalizers?.includes(WORKLOAD_FINALIZER),
  );
  controller.kill('SIGTERM');
  await controller.exited;

  const since = new Date();
  const dry = await uninstall('--dry-run');
  expect(dry.exit, dry.stderr).toBe(0);
  expect(dry.stdout).toContain('validatingadmissionpolicybindings/k8-highlander-terms would be deleted');
  expect(dry.stdout).toContain(`finalizer ${WORKLOAD_FINALIZER} would be dropped`);
  expect(dry.stderr).toContain('Nothing was changed.');
  const verbs = ['create', 'update', 'patch', 'delete'];
  for await (const event of world.sandbox.audit({ since, verbs, user: 'admin' }))
    throw new Error(`a dry run wrote: ${event.verb} ${event.requestURI}`);

  const { exit, stderr } = await uninstall();
  expect(exit, stderr).toBe(0);
  for (const title of ['pods/default/waiting', 'deployments/default/x', 'cronjobs/default/x'])
    expect(stderr).toContain(`${title} keeps the gate ${PERMIT_GATE}`);
  expect(stderr).toContain('What stays: ');
  expect((await get(BINDINGS)).items).toEqual([]);
  const waiting = await get(`${PODS}/waiting`);
  expect(waiting.spec.schedulingGates).toEqual([{ name: PERMIT_GATE }]);
  expect(waiting.metadata.finalizers).toEqual(['example.com/other']);
  const templates = [
    (await get('/apis/apps/v1/namespaces/default/statefulsets/x')).spec.template,
    (await get('/apis/batch/v1/namespaces/default/cronjobs/x')).spec.jobTemplate.spec.template,
  ];
  for (const changed of templates) expect(changed.metadata.finalizers).toEqual(['example.com/other']);
  for (const pod of before) {
    const after = await world.pod(pod.metadata.name);
    expect(after?.metadata.uid).toBe(pod.metadata.uid);
    expect(after?.status?.phase).toBe('Running');
    expect(after?.metadata.finalizers ?? []).toEqual([]);
    await world.deletePod(pod.metadata.name);
    await eventually('the pod is gone', async () => (await world.pod(pod.metadata.name)) === undefined);
  }
  await world.sandbox.api.request('DELETE', `${RESOURCES}/stored`);
  expect(await get(`${RESOURCES}/stored`)).toBeUndefined();
  expect((await uninstall()).stdout).toBe('');
});

it('says what it may not do, whom it cannot reach and what it does not know', async () => {
  const powerless = await world.sandbox.identity('powerless');
  const refused = await uninstall('--kubeconfig', powerless);
  expect(refused.exit).toBe(1);
  expect(refused.stderr).toContain('cannot get resource "validatingadmissionpolicybindings"');
  const closed = join(world.sandbox.dir, 'closed');
  const text = await readFile(world.sandbox.kubeconfig, 'utf8');
  await writeFile(closed, text.replace(world.sandbox.server, 'https://127.0.0.1:9'));
  expect((await uninstall(`--kubeconfig=${closed}`)).exit).toBe(4);
  for (const args of [['--force'], ['--kubeconfig'], ['x']]) expect((await uninstall(...args)).exit).toBe(2);
});

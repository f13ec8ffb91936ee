/** Pausing workloads from the command line: of the file and as custom resources, across a change of leader. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import type { ResourceStatus } from '../../src/core/reconcile/resource-status.ts';
import { definitionsText } from '../../scripts/definitions.ts';
import { runLauncher } from '../launcher.ts';
import { eventually } from './eventually.ts';
import { endAll, openWorld, type World } from './world.ts';

const COLLECTION = '/apis/highlander.plexobject.io/v1/namespaces/default/workloadprocesses';

let world: World;
let controllers: ControllerProcess[] = [];
let round = 0;

beforeAll(async () => {
  world = await openWorld();
  await world.sandbox.api.apply(definitionsText());
  await eventually('the type is served', async () => {
    const { status } = await world.sandbox.api.request('GET', COLLECTION);
    return status === 200;
  });
});

afterAll(async () => {
  await world?.stop();
});

afterEach(async () => {
  expect(world.referee.violations()).toEqual([]);
  await endAll(controllers);
  controllers = [];
});

async function start(...processes: unknown[]): Promise<ControllerProcess> {
  round += 1;
  const config = { leaderLockTTL: '2s', workloads: { processes } };
  const controller = await world.controller(`pauser-${round}`, config);
  controllers.push(controller);
  return controller;
}

/** Runs the program as an administrator would. */
function run(...args: readonly string[]) {
  return runLauncher(args, { cwd: world.referee.dir, env: { KUBECONFIG: world.sandbox.kubeconfig } });
}

async function statusOf(name: string): Promise<ResourceStatus | undefined> {
  const { body } = await world.sandbox.api.request<{ status?: ResourceStatus }>(
    'GET',
    `${COLLECTION}/${name}`,
  );
  return body.status;
}

async function apply(name: string, extra: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const { name: _, ...spec } = refereedProcess(name, world.referee.dir, extra);
  const metadata = { name, namespace: 'default' };
  await world.sandbox.api.apply([
    { apiVersion: 'highlander.plexobject.io/v1', kind: 'WorkloadProcess', metadata, spec },
  ]);
}

/** What the controller shows of a workload. */
async function shown(controller: ControllerProcess, name: string): Promise<string> {
  const { body } = await controller.get(`/api/v1/workloads/process/default/${name}`);
  return body;
}

describe('a paused workload', () => {
  it('of the file runs on, is not made anew, and goes on when it is resumed', async () => {
    const controller = await start(refereedProcess('filed', world.referee.dir));
    const before = await world.running('filed');
    expect(await run('pause', 'filed', '--reason', 'upgrade', '--dry-run')).toMatchObject({ exit: 0 });
    const paused = await run('pause', 'filed', '--reason', 'upgrade');
    expect(paused).toMatchObject({ exit: 0, stdout: 'process/default/filed paused\n' });
    await eventually('it is shown', async () => (await shown(controller, 'filed')).includes('"Paused"'));
    await world.deletePod('filed-pod');
    await eventually('the pod is gone', async () => (await world.pod('filed-pod')) === undefined);
    const next = await start(refereedProcess('filed', world.referee.dir));
    controller.kill('SIGTERM');
    await world.leader([next]);
    await next.waitForLog('the sweep', ({ msg }) => msg === 'all workloads looked at');
    expect(await world.pod('filed-pod')).toBeUndefined();
    expect(world.referee.starts('filed')).toBe(1);
    expect(await run('resume', 'filed')).toMatchObject({ exit: 0 });
    expect((await world.running('filed')).metadata.uid).not.toBe(before.metadata.uid);
  });

  it('as a custom resource keeps its instance through an edit, until the pause ends by itself', async () => {
    await start();
    await apply('stored');
    const before = await world.running('stored');
    const paused = await run('pause', 'stored', '--reason', 'upgrade', '--until', '6s', '--wait');
    expect(paused).toMatchObject({ exit: 0, stdout: 'process/default/stored paused\n' });
    await apply('stored', { resources: { cpuRequest: '20m' } });
    await eventually('the edit is seen', async () => (await statusOf('stored'))?.observedGeneration === 2);
    expect(await statusOf('stored')).toMatchObject({ reason: 'Paused', active: true, healthy: true });
    expect((await world.pod('stored-pod'))?.metadata.uid).toBe(before.metadata.uid);
    await eventually('a new pod', async () => {
      const uid = (await world.pod('stored-pod'))?.metadata.uid;
      return uid !== undefined && uid !== before.metadata.uid;
    });
    await world.running('stored');
  });

  it('by an annotation that cannot be read is not paused, and it says so', async () => {
    await start();
    await apply('garbled');
    await world.running('garbled');
    const body = { metadata: { annotations: { 'highlander.plexobject.io/paused': 'true' } } };
    const contentType = 'application/merge-patch+json';
    await world.sandbox.api.request('PATCH', `${COLLECTION}/garbled`, { body, contentType });
    const said = await eventually('it is told', async () =>
      (await statusOf('garbled'))?.conditions?.find(({ message }) => message.includes('not a JSON object')),
    );
    expect(said.reason).toBe('Active');
  });
});

it('says what is wrong with the command, and sends nothing', async () => {
  await start(refereedProcess('beside', world.referee.dir));
  await world.running('beside');
  expect(await run('pause', 'beside')).toMatchObject({ exit: 2 });
  expect(await run('pause', 'nobody', '--reason', 'x')).toMatchObject({ exit: 2 });
  expect((await run('pause', '--all', '--reason', 'night')).stdout).toContain(
    'all workloads of tenant default paused',
  );
  await eventually('all are', async () => (await shown(controllers[0]!, 'beside')).includes('"Paused"'));
  expect((await run('resume', '--all')).exit).toBe(0);
});

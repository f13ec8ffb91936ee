/** Workloads as custom resources, on the real control plane: from the definition to what kubectl shows. */
import { execFile } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import type { ResourceStatus } from '../../src/core/reconcile/resource-status.ts';
import type { WorkloadResource } from '../../src/core/workload/custom-resource.ts';
import { definitionsText } from '../../scripts/definitions.ts';
import { eventually } from './eventually.ts';
import { endAll, openWorld, staleWrites, type World } from './world.ts';

const TENANT = 'highlander.plexobject.io/tenant';
const FINALIZER = 'highlander.plexobject.io/workload';
const COLLECTION = '/apis/highlander.plexobject.io/v1/namespaces/default/workloadprocesses';

type Resource = WorkloadResource & { readonly status?: ResourceStatus };

let world: World;
let round = 0;
let tenant = '';
let controllers: ControllerProcess[] = [];

beforeAll(async () => {
  world = await openWorld();
});

afterAll(async () => {
  await world?.stop();
});

afterEach(async () => {
  expect(world.referee.violations()).toEqual([]);
  const users = controllers.map(({ id }) => id);
  expect(await staleWrites(world.sandbox.audit(), users)).toEqual([]);
  await endAll(controllers);
  controllers = [];
});

/** Another controller of the present tenant, or the first of a new one. */
async function start(options: { readonly again?: boolean; readonly processes?: unknown[] } = {}) {
  round += 1;
  if (options.again !== true) tenant = `round-${round}`;
  const config = { tenant, leaderLockTTL: '2s', workloads: { processes: options.processes ?? [] } };
  const controller = await world.controller(`controller-${round}`, config);
  controllers.push(controller);
  return controller;
}

async function stopAll(): Promise<void> {
  for (const controller of controllers) controller.kill('SIGTERM');
  await Promise.all(controllers.map(({ exited }) => exited));
}

/** Applies a resource of the present tenant whose instances report to the referee, unless `spec` says otherwise. */
async function apply(
  name: string,
  extra: Readonly<Record<string, unknown>> = {},
  labels = {},
): Promise<void> {
  const { name: _name, ...spec } = refereedProcess(name, world.referee.dir, extra);
  await world.sandbox.api.apply([
    {
      apiVersion: 'highlander.plexobject.io/v1',
      kind: 'WorkloadProcess',
      metadata: { name, namespace: 'default', labels: { [TENANT]: tenant, ...labels } },
      spec,
    },
  ]);
}

async function get(name: string): Promise<Resource | undefined> {
  const { status, body } = await world.sandbox.api.request<Resource>('GET', `${COLLECTION}/${name}`);
  return status === 200 ? body : undefined;
}

/** Waits for the status of a resource to say this, about its present generation. */
function says(name: string, reason: string): Promise<ResourceStatus> {
  return eventually(
    `${name} is ${reason}`,
    async () => {
      const resource = await get(name);
      const { status } = resource ?? {};
      const isCurrent = status?.observedGeneration === resource?.metadata.generation;
      return isCurrent && status?.reason === reason ? status : undefined;
    },
    30_000,
    () => controllers.map(({ id, log }) => `${id}: ${JSON.stringify(log.slice(-12), null, 1)}`).join('\n'),
  );
}

/** A script that leaves a line for each of its runs. */
function counted(name: string, ...commands: readonly string[]): Readonly<Record<string, unknown>> {
  return { script: { commands: [`echo run >> "$REFEREE_DIR/${name}.runs"`, ...commands] } };
}

function runs(name: string): number {
  const file = join(world.referee.dir, `${name}.runs`);
  appendFileSync(file, '');
  return readFileSync(file, 'utf8').split('\n').length - 1;
}

const deleteResource = (name: string): Promise<unknown> =>
  world.sandbox.api.request('DELETE', `${COLLECTION}/${name}`);

describe('the definition', () => {
  it('may be missing: one warning, the file works, and it is found within a minute once it is there', async () => {
    const controller = await start({ processes: [refereedProcess('filed', world.referee.dir)] });
    await world.running('filed');
    const isWarning = ({
      level,
      resource,
    }: {
      readonly level: string;
      readonly resource?: unknown;
    }): boolean => level === 'warn' && resource === 'workloadprocesses';
    await controller.waitForLog('the missing type', isWarning);
    await world.sandbox.api.apply(definitionsText());
    await eventually('the type is served', async () => {
      const { status } = await world.sandbox.api.request('GET', COLLECTION);
      return status === 200;
    });
    await apply('late');
    await world.running('late', 90_000);
    expect(controller.log.filter(isWarning).length).toBe(1);
  });

  it('shows in kubectl what matters', async () => {
    await start();
    await apply('shown');
    await world.running('shown');
    await says('shown', 'Active');
    const kubectl = async (...args: string[]): Promise<string> => {
      const options = { env: { ...process.env, KUBECONFIG: world.sandbox.kubeconfig } };
      return (await promisify(execFile)('kubectl', args, options)).stdout;
    };
    const [header, row] = (await kubectl('get', 'workloadprocesses', 'shown')).split('\n');
    expect(header?.trim().split(/\s+/)).toEqual(['NAME', 'ACTIVE', 'HEALTHY', 'AGE']);
    expect(row).toMatch(/^shown\s+true\s+true\s+\d+s/);
    const [wide, wideRow] = (await kubectl('get', 'wlp', 'shown', '-o', 'wide')).split('\n');
    expect(wide?.trim().split(/\s+/).slice(4)).toEqual(['NODE', 'TERM', 'TOKEN', 'REASON', 'IMAGE']);
    expect(wideRow).toMatch(/node-\d\s+1\s+1000001\s+Active\s+busybox:latest/);
    expect(await kubectl('get', 'highlander')).toMatch(/^(workloadprocess\S*\/)?shown /m);
    expect(await kubectl('describe', 'wproc', 'shown')).toMatch(/Started .*fencing token 1000001/);
  });

  it('accepts a resource as the Go program had it, and refuses a malformed one', async () => {
    const post = async (name: string, spec: unknown): Promise<number> => {
      const resource = {
        apiVersion: 'highlander.plexobject.io/v1',
        kind: 'WorkloadProcess',
        metadata: { name, labels: { [TENANT]: 'nobody' } },
        spec,
      };
      return (await world.sandbox.api.request('POST', COLLECTION, { body: resource })).status;
    };
    const resources = { cpuRequest: '50m', memoryRequest: '32Mi', cpuLimit: '100m', memoryLimit: '64Mi' };
    const script = { commands: ['sleep 10'], shell: '/bin/sh' };
    const old = { image: 'busybox', script, env: { A: 'b' }, resources, restartPolicy: 'Never' };
    expect(await post('old', { ...old, maxRestarts: 3, gracePeriod: '20s' })).toBe(201);
    expect(await post('seconds', { image: 'x', gracePeriod: 20, resources: { cpuLimit: 1 } })).toBe(201);
    expect(await post('no-image', {})).toBe(422);
    expect(await post('bad-policy', { image: 'x', restartPolicy: 'Sometimes' })).toBe(422);
    expect(await post('twin-sidecars', { image: 'x', sidecars: [{ name: 'main', image: 'x' }] })).toBe(422);
  });
});

it('a status written from an old version is a conflict', async () => {
  await start();
  await apply('stale');
  await says('stale', 'Active');
  const body = [
    { op: 'replace', path: '/metadata/resourceVersion', value: '1' },
    { op: 'add', path: '/status', value: { active: false } },
  ];
  const contentType = 'application/json-patch+json';
  const { status } = await world.sandbox.api.request('PATCH', `${COLLECTION}/stale/status`, {
    body,
    contentType,
  });
  expect(status).toBe(409);
  expect((await get('stale'))?.status?.active).toBe(true);
});

describe('a resource', () => {
  it('is replaced without overlap when its spec is edited, and not at all when its labels are', async () => {
    await start();
    await apply('edited');
    const before = await world.running('edited');
    await says('edited', 'Active');
    await apply('edited', {}, { team: 'blue' });
    await apply('edited', { resources: { cpuRequest: '20m' } }, { team: 'blue' });
    await eventually('a new pod', async () => {
      const uid = (await world.pod('edited-pod'))?.metadata.uid;
      return uid !== undefined && uid !== before.metadata.uid;
    });
    const after = await world.running('edited');
    expect(world.referee.starts('edited')).toBe(2);
    const status = await says('edited', 'Active');
    expect(status.instance).toMatchObject({ podName: 'edited-pod', podUID: after.metadata.uid });
    expect(status.fencingToken).toBe(1_000_002);
    expect(after.metadata.ownerReferences).toBeUndefined();
  });

  it('keeps its instance through an edit that cannot be used, also across a restart of the controller', async () => {
    await start();
    await apply('broken');
    await apply('sound');
    const before = await world.running('broken');
    const bad = { resources: { cpuRequest: '2', cpuLimit: '1' } };
    await says('broken', 'Active');
    await apply('broken', bad);
    const status = await says('broken', 'InvalidSpec');
    expect(status).toMatchObject({ active: true, healthy: true });
    expect(status.lastError).toMatch(/^spec\.resources\.cpuRequest: .*lower it, or raise cpuLimit/);
    expect(status.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
      status: 'False',
      reason: 'InvalidSpec',
      observedGeneration: 2,
    });
    await stopAll();
    await start({ again: true });
    await eventually('the next leader wrote', async () => (await get('broken'))?.status?.term === 2);
    await says('broken', 'InvalidSpec');
    expect((await world.running('broken')).metadata.uid).toBe(before.metadata.uid);
    await world.running('sound');
    await apply('broken');
    await says('broken', 'Active');
    expect(world.referee.starts('broken')).toBe(1);
    expect(world.referee.starts('sound')).toBe(1);
  });

  it('that never was usable harms nothing else', async () => {
    await start();
    await apply('never', { resources: { cpuLimit: 'much' } });
    await apply('beside');
    await world.running('beside');
    expect((await says('never', 'InvalidSpec')).lastError).toContain(
      'spec.resources.cpuLimit: "much" is not',
    );
    expect(await world.pod('never-pod')).toBeUndefined();
    await deleteResource('never');
    await eventually('it is gone', async () => (await get('never')) === undefined);
  });

  it('that is deleted goes when its instance is proven gone', async () => {
    await start();
    await apply('going');
    await world.running('going');
    expect((await get('going'))?.metadata.finalizers).toContain(FINALIZER);
    await deleteResource('going');
    await eventually('it is gone', async () => (await get('going')) === undefined);
    expect(await world.pod('going-pod')).toBeUndefined();
    expect(world.referee.isHeld('going')).toBe(false);
  });

  it('that is deleted while no controller runs leaves no orphan', async () => {
    await start();
    await apply('orphan');
    await world.running('orphan');
    await stopAll();
    await deleteResource('orphan');
    expect((await get('orphan'))?.metadata.deletionTimestamp).toBeDefined();
    expect(world.referee.isHeld('orphan')).toBe(true);
    await start({ again: true });
    await eventually('it is gone', async () => (await get('orphan')) === undefined);
    expect(await world.pod('orphan-pod')).toBeUndefined();
    expect(world.referee.isHeld('orphan')).toBe(false);
  });

  it('has no effect beside an entry of the file, and takes over without a restart when the entry leaves', async () => {
    await start({ processes: [refereedProcess('both', world.referee.dir)] });
    const before = await world.running('both');
    await apply('both', { resources: { cpuRequest: '20m' } });
    const status = await says('both', 'InvalidSpec');
    expect(status.lastError).toContain('also defined in the configuration file, which wins');
    expect((await get('both'))?.metadata.finalizers).toBeUndefined();
    expect((await world.running('both')).metadata.uid).toBe(before.metadata.uid);
    await stopAll();
    await apply('both');
    await start({ again: true });
    await says('both', 'Active');
    expect((await world.running('both')).metadata.uid).toBe(before.metadata.uid);
    await deleteResource('both');
    await eventually('it is gone', async () => (await get('both')) === undefined);
    expect(await world.pod('both-pod')).toBeUndefined();
  });
});

describe('an entry of the file that refers to a resource', () => {
  const refer = (name: string): object => ({
    name,
    workloadCRDRef: { apiVersion: 'highlander.plexobject.io/v1', kind: 'WorkloadProcess', name },
  });

  it('waits for it while the others run, and is one workload with it', async () => {
    const beside = refereedProcess('beside-reference', world.referee.dir);
    const controller = await start({ processes: [refer('referred'), beside] });
    await world.running('beside-reference');
    await controller.waitForLog(
      'the missing resource',
      ({ reason, detail }) =>
        reason === 'InvalidSpec' && String(detail).includes('WorkloadProcess default/referred is not there'),
    );
    await apply('referred');
    await world.running('referred');
    await says('referred', 'Active');
    expect(world.referee.starts('referred')).toBe(1);
  });

  it('runs its own spec until the resource is there', async () => {
    const own = { ...refereedProcess('fallen', world.referee.dir), ...refer('fallen') };
    await start({ processes: [own] });
    const before = await world.running('fallen');
    await apply('fallen');
    await says('fallen', 'Active');
    expect((await world.running('fallen')).metadata.uid).toBe(before.metadata.uid);
  });
});

describe('across a change of leader', () => {
  it('a completed one is not run again', async () => {
    await start();
    await apply('once', { ...counted('once'), restartPolicy: 'OnFailure' });
    const status = await says('once', 'Completed');
    expect(status).toMatchObject({ active: false, healthy: true, record: { outcome: 'Completed' } });
    await world.deletePod('once-pod');
    await stopAll();
    await start({ again: true });
    await eventually('the next leader wrote', async () => (await get('once'))?.status?.term === 2);
    await says('once', 'Completed');
    expect(runs('once')).toBe(1);
    expect(await world.pod('once-pod')).toBeUndefined();
    await apply('once', { ...counted('once', 'true'), restartPolicy: 'OnFailure' });
    await eventually('a new spec is a new run', () => runs('once') === 2);
  });

  it('one that exceeded its restarts stays stopped, and says so', async () => {
    await start();
    await apply('loop', { ...counted('loop', 'exit 1'), restartPolicy: 'Never', maxRestarts: 1 });
    const status = await says('loop', 'MaxRestartsExceeded');
    expect(status).toMatchObject({ active: false, healthy: false, restarts: 2 });
    await stopAll();
    await start({ again: true });
    await eventually('the next leader wrote', async () => (await get('loop'))?.status?.term === 2);
    await says('loop', 'MaxRestartsExceeded');
    expect(runs('loop')).toBe(2);
  });

  it('an instance goes on, and only the term of its status changes', async () => {
    await start();
    await apply('steady');
    const before = await world.running('steady');
    const { term: _term, ...was } = await says('steady', 'Active');
    await stopAll();
    await start({ again: true });
    await eventually('the next leader wrote', async () => (await get('steady'))?.status?.term === 2);
    const { term: _next, ...is } = await says('steady', 'Active');
    expect(is).toEqual(was);
    expect((await world.running('steady')).metadata.uid).toBe(before.metadata.uid);
    expect(world.referee.starts('steady')).toBe(1);
  });
});

it('a definition without the status subresource costs one warning and the status, nothing else', async () => {
  await world.sandbox.api.apply(definitionsText().replace(/\n *subresources:\n *status: \{\}/, ''));
  const first = await start();
  await apply('plain', { ...counted('plain'), restartPolicy: 'OnFailure' });
  await apply('beside-plain');
  await world.running('beside-plain');
  await eventually('it ran', () => runs('plain') === 1);
  const isWarning = ({ msg }: { readonly msg: string }): boolean =>
    msg.startsWith('the status of custom resources cannot be written');
  await first.waitForLog('the warning', isWarning);
  await eventually('it is completed', async () =>
    (await first.get('/status')).body.includes('"reason":"Completed"'),
  );
  await world.deletePod('plain-pod');
  await stopAll();
  const second = await start({ again: true });
  await eventually('it still is', async () =>
    (await second.get('/status')).body.includes('"reason":"Completed"'),
  );
  expect(runs('plain')).toBe(1);
  expect(first.log.filter(isWarning).length).toBe(1);
  expect((await get('plain'))?.status).toBeUndefined();
  await deleteResource('plain');
  await deleteResource('beside-plain');
  await eventually('both are gone', async () => !(await get('plain')) && !(await get('beside-plain')));
  expect(world.referee.isHeld('beside-plain')).toBe(false);
});

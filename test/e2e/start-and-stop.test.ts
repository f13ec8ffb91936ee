/** How a controller starts, fails to start, and leaves: each with a plain message, and never harming what runs. */
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import { eventually } from './eventually.ts';
import { endAll, openWorld, type World } from './world.ts';

let world: World;
let round = 0;
let started: ControllerProcess[] = [];

beforeAll(async () => {
  world = await openWorld({ nodes: 1 });
});

afterAll(async () => {
  await world?.stop();
});

afterEach(async () => {
  await endAll(started);
  started = [];
  expect(world.referee.violations()).toEqual([]);
});

async function start(
  config: Readonly<Record<string, unknown>>,
  options: { readonly id?: string; readonly kubeconfig?: string } = {},
): Promise<ControllerProcess> {
  round += 1;
  const id = options.id ?? `controller-${round}`;
  const controller = await world.controller(id, { leaderLockTTL: '2s', ...config }, options);
  started.push(controller);
  return controller;
}

const output = (controller: ControllerProcess): string => controller.log.map(({ msg }) => msg).join('\n');

describe('start', () => {
  it('ends with 1 before contending when the port is in use, naming port and remedy', async () => {
    const blocker = createServer().listen(0);
    const address = blocker.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const controller = await start({ tenant: 'port', port });
    expect(await controller.exited).toBe(1);
    blocker.close();
    expect(output(controller)).toContain(`PortInUse: port: port ${port} is already in use`);
    const { status } = await world.sandbox.api.request('GET', leasePath('port'));
    expect(status).toBe(404);
  });

  it('ends with 2 on a bad configuration, with every problem at once', async () => {
    const processes = [{ name: 'Bad_Name', image: 'busybox' }, { name: 'no-image' }];
    const cronJobs = [{ name: 'tick', schedule: 'TZ=UTC * * * * *', image: 'busybox' }];
    const controller = await start({ workloads: { processes, cronJobs } });
    expect(await controller.exited).toBe(2);
    expect(output(controller)).toMatch(/InvalidValue: .*workloads\.processes\[0\]\.name/);
    expect(output(controller)).toMatch(/MissingField: .*workloads\.processes\[1\]/);
    expect(output(controller)).toMatch(/InvalidValue: .*workloads\.cronJobs\[0\]\.schedule/);
  });

  it('says so and keeps trying when the controller namespace is missing, and leads once it is there', async () => {
    const controllerNamespace = 'late-namespace';
    const rules = [
      { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['*'] },
      { apiGroups: [''], resources: ['configmaps'], verbs: ['*'] },
      { apiGroups: [''], resources: ['namespaces'], verbs: ['get'] },
    ];
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'late' },
      rules,
    };
    await world.sandbox.api.apply([role]);
    const controller = await start({ tenant: 'late', controllerNamespace });
    const grants = [{ kind: 'ClusterRole', name: 'late' }] as const;
    await world.sandbox.identity(controller.id, { roles: grants });
    await controller.waitForLog(
      'the missing namespace',
      ({ msg, cause }) => msg === 'anchor-refused' && String(cause).includes(controllerNamespace),
    );
    expect((await controller.get('/readyz')).status).toBe(503);
    await world.sandbox.api.apply([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: controllerNamespace } },
    ]);
    await world.leader([controller]);
  });

  it('waits, not ready, for an API server that is down, and goes on when it is there', async () => {
    const kubeconfig = await world.identity('early');
    world.sandbox.controlPlane['kube-apiserver'].stop();
    const controller = await start({ tenant: 'down' }, { id: 'early', kubeconfig });
    await controller.waitForLog(
      'that it waits',
      ({ msg }) => msg === 'API server not usable yet, trying on',
      60_000,
    );
    expect((await controller.get('/healthz')).status).toBe(200);
    expect((await controller.get('/readyz')).status).toBe(503);
    world.sandbox.controlPlane['kube-apiserver'].cont();
    await world.leader([controller], 60_000);
  });
});

describe('while it runs', () => {
  it('stops acting when the API server hangs, leaves the instance alone and adopts it afterwards', async () => {
    const controller = await start({
      tenant: 'hang',
      workloads: { processes: [refereedProcess('hang', world.referee.dir)] },
    });
    const before = await world.running('hang');
    world.sandbox.controlPlane['kube-apiserver'].stop();
    await controller.waitForLog(
      'the loss',
      ({ msg, reason }) => msg === 'leadership-lost' && reason === 'Expired',
      60_000,
    );
    expect((await controller.get('/readyz')).status).toBe(503);
    expect(JSON.parse((await controller.get('/status')).body)).toMatchObject({ isLeader: false });
    world.sandbox.controlPlane['kube-apiserver'].cont();
    await world.leader([controller], 60_000);
    const after = await world.running('hang');
    expect(after.metadata.uid).toBe(before.metadata.uid);
    expect(world.referee.starts('hang')).toBe(1);
  });

  it('lets only one of two processes with the same id lead', async () => {
    const workloads = { processes: [refereedProcess('twins', world.referee.dir)] };
    const one = await start({ tenant: 'twins', workloads }, { id: 'twin' });
    await world.leader([one]);
    const other = await start({ tenant: 'twins', workloads }, { id: 'twin' });
    await eventually('the second one is ready', async () => (await other.get('/readyz')).status === 200);
    expect(JSON.parse((await other.get('/status')).body)).toMatchObject({
      isLeader: false,
      currentLeader: 'twin',
    });
    expect(JSON.parse((await one.get('/status')).body)).toMatchObject({ isLeader: true });
    await world.running('twins');
  });

  it('leaves a pod under its name alone that somebody else made, and says how to resolve it', async () => {
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'theirs-pod', namespace: 'default' } };
    const spec = { containers: [{ name: 'main', image: 'busybox', command: ['sleep', '1000'] }] };
    await world.sandbox.api.apply([{ ...pod, spec }]);
    const before = await world.pod('theirs-pod');
    const controller = await start({
      tenant: 'theirs',
      workloads: { processes: [refereedProcess('theirs', world.referee.dir)] },
    });
    await eventually('the reason', async () =>
      (await controller.get('/status')).body.includes('"reason":"ForeignOwner"'),
    );
    expect((await world.pod('theirs-pod'))?.metadata.uid).toBe(before?.metadata.uid);
  });

  it('says which right is missing, and goes on when it is there', async () => {
    const kubeconfig = await world.sandbox.identity('poor', {
      roles: [{ kind: 'Role', name: 'k8-highlander', namespace: 'k8-highlander' }],
    });
    const poor = {
      metadata: { name: 'poor' },
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
    };
    const rules = [
      { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch', 'patch', 'delete'] },
      { apiGroups: [''], resources: ['nodes'], verbs: ['list', 'watch'] },
      { apiGroups: [''], resources: ['namespaces'], verbs: ['get'] },
    ];
    await world.sandbox.api.apply([{ ...poor, rules }]);
    await world.sandbox.identity('poor', { roles: [{ kind: 'ClusterRole', name: 'poor' }] });
    const workloads = { processes: [refereedProcess('poor', world.referee.dir)] };
    const controller = await start({ tenant: 'poor', workloads }, { id: 'poor', kubeconfig });
    await controller.waitForLog(
      'the missing right',
      ({ msg, detail }) => msg === 'write refused' && String(detail).includes('cannot create resource'),
    );
    await eventually('the reason', async () =>
      (await controller.get('/status')).body.includes('refused to create the pod'),
    );
    expect((await controller.get('/readyz')).status).toBe(200);
    // Not by the world's own identity(): what this user was refused before is no right that is missing from the file.
    await world.sandbox.identity('poor', {
      roles: [
        { kind: 'ClusterRole', name: 'k8-highlander' },
        { kind: 'Role', name: 'k8-highlander', namespace: 'k8-highlander' },
      ],
    });
    await world.running('poor', 60_000);
  });

  it('says that the namespace of a workload is missing', async () => {
    const processes = [{ ...refereedProcess('nowhere', world.referee.dir), namespace: 'no-such-namespace' }];
    const controller = await start({ tenant: 'nowhere', workloads: { processes } });
    await eventually('the missing namespace', async () =>
      (await controller.get('/status')).body.includes('namespace no-such-namespace does not exist'),
    );
  });
});

describe('stop', () => {
  it('on SIGTERM releases the lock and ends with 0, and the instance runs on', async () => {
    const controller = await start({
      tenant: 'term',
      workloads: { processes: [refereedProcess('term', world.referee.dir)] },
    });
    const before = await world.running('term');
    controller.kill('SIGTERM');
    expect(await controller.exited).toBe(0);
    const { body } = await world.sandbox.api.request('GET', leasePath('term'));
    expect(body).toMatchObject({ spec: { holderIdentity: '' } });
    const after = await world.running('term');
    expect(after.metadata.uid).toBe(before.metadata.uid);
  });

  it('on a second SIGTERM ends with 1 at once', async () => {
    const controller = await start({ tenant: 'twice' });
    await world.leader([controller]);
    world.sandbox.controlPlane['kube-apiserver'].stop();
    controller.kill('SIGTERM');
    await controller.waitForLog('that it stops', ({ msg }) => msg === 'stopping');
    controller.kill('SIGTERM');
    expect(await controller.exited).toBe(1);
    world.sandbox.controlPlane['kube-apiserver'].cont();
  });

  it('stops an instance whose entry left the file, and only with proof', async () => {
    const processes = [
      refereedProcess('kept', world.referee.dir),
      refereedProcess('left', world.referee.dir),
    ];
    const one = await start({ tenant: 'orphan', workloads: { processes } });
    await world.running('kept');
    await world.running('left');
    one.kill('SIGTERM');
    await one.exited;
    await start({ tenant: 'orphan', workloads: { processes: processes.slice(0, 1) } });
    await eventually('the orphan is gone', async () => (await world.pod('left-pod')) === undefined);
    expect(world.referee.isHeld('left')).toBe(false);
    await world.running('kept');
    expect(world.referee.starts('kept')).toBe(1);
  });

  it('replaces an instance whose spec changed, and nothing else', async () => {
    const spec = (flag: string): Record<string, unknown>[] => [
      refereedProcess('still', world.referee.dir),
      refereedProcess('edited', world.referee.dir, { nodeSelector: {}, resources: { cpuRequest: flag } }),
    ];
    const one = await start({ tenant: 'edit', workloads: { processes: spec('10m') } });
    const before = await world.running('edited');
    await world.running('still');
    one.kill('SIGTERM');
    await one.exited;
    await start({ tenant: 'edit', workloads: { processes: spec('20m') } });
    await eventually('a new pod', async () => {
      const pod = await world.pod('edited-pod');
      return pod !== undefined && pod.metadata.uid !== before.metadata.uid;
    });
    await world.running('edited');
    expect(world.referee.starts('edited')).toBe(2);
    expect(world.referee.starts('still')).toBe(1);
  });
});

function leasePath(tenant: string): string {
  return `/apis/coordination.k8s.io/v1/namespaces/k8-highlander/leases/highlander-${tenant}`;
}

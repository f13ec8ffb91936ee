/** The sandbox's control plane: real programs, started here. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { openApi } from '../../sandbox/api.ts';
import type { Api } from '../../sandbox/api.ts';
import { startSandbox } from '../../sandbox/cluster.ts';
import type { Sandbox } from '../../sandbox/cluster.ts';
import type { AuditEvent, AuditFilter } from '../../sandbox/control-plane/audit.ts';
import { startProxy } from '../../sandbox/proxy.ts';
import { alive, processTree } from './process-tree.ts';

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const WAIT = { timeout: 20_000, interval: 50 };
const scope = new AbortController();
const apis: Api[] = [];
let sandbox: Sandbox;
let neighbour: Sandbox;

function start(dir?: string): Promise<Sandbox> {
  const progress = { line: () => undefined, moving: () => undefined };
  const kept = dir === undefined ? {} : { dir };
  return startSandbox({ nodes: 0, simulate: true, progress, signal: scope.signal, ...kept });
}

async function apiOf(name: string, options?: Parameters<Sandbox['identity']>[1]): Promise<Api> {
  const api = await openApi(await sandbox.identity(name, options));
  apis.push(api);
  return api;
}

async function audit(filter: AuditFilter): Promise<readonly AuditEvent[]> {
  const events: AuditEvent[] = [];
  for await (const event of sandbox.audit(filter)) events.push(event);
  return events;
}

const configMap = (name: string, data = {}): object => ({ metadata: { name }, data });

beforeAll(async () => {
  [sandbox, neighbour] = await Promise.all([start(), start()]);
});

afterEach(async () => {
  await Promise.all(apis.splice(0).map((api) => api.close()));
});

afterAll(async () => {
  await Promise.all([sandbox.stop(), neighbour.stop()]);
  scope.abort();
});

test('two sandboxes side by side know nothing of each other and trust different authorities', async () => {
  await sandbox.api.request('POST', CONFIG_MAPS, { body: configMap('only-here') });
  expect((await neighbour.api.request('GET', `${CONFIG_MAPS}/only-here`)).status).toBe(404);
  const stranger = await openApi(await sandbox.identity('stranger', { server: neighbour.server }));
  apis.push(stranger);
  await expect(stranger.request('GET', '/version')).rejects.toThrow(/certificate/);
});

test('the server says which version it is', async () => {
  const { body } = await sandbox.api.request<{ gitVersion: string; major: string }>('GET', '/version');
  expect(body).toMatchObject({ gitVersion: expect.stringMatching(/^v1\.\d+\.\d+$/), major: '1' });
});

test('an identity may do what its role says and nothing else', async () => {
  await sandbox.api.apply(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: default}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get, list]}]
`);
  const roles = [{ kind: 'Role', name: 'reader', namespace: 'default' }] as const;
  const api = await apiOf('reader-1', { roles });
  await vi.waitFor(async () => expect((await api.request('GET', CONFIG_MAPS)).status).toBe(200), WAIT);
  expect((await api.request('POST', CONFIG_MAPS, { body: configMap('x') })).status).toBe(403);
  expect((await api.request('GET', '/api/v1/namespaces/kube-system/configmaps')).status).toBe(403);
});

test('an identity without a role may do nothing', async () => {
  expect((await (await apiOf('nobody')).request('GET', CONFIG_MAPS)).status).toBe(403);
});

test('the audit log names the user, the object, the precondition, the body of the write and the answer', async () => {
  const api = await apiOf('auditor', { groups: ['system:masters'] });
  const created = await api.request<{ metadata: { resourceVersion: string } }>('POST', CONFIG_MAPS, {
    body: configMap('audited', { a: '1' }),
  });
  const { resourceVersion } = created.body.metadata;
  const next = { metadata: { name: 'audited', resourceVersion }, data: { a: '2' } };
  await api.request('PUT', `${CONFIG_MAPS}/audited`, { body: next });
  await api.request('PUT', `${CONFIG_MAPS}/audited`, { body: next });
  await api.request('GET', `${CONFIG_MAPS}/audited`);
  const events = await vi.waitFor(async () => {
    const found = await audit({ user: 'auditor' });
    expect(found).toHaveLength(4);
    return found;
  }, WAIT);
  const objectRef = { resource: 'configmaps', namespace: 'default', name: 'audited' };
  expect(events).toMatchObject([
    { verb: 'create', objectRef, responseStatus: { code: 201 }, requestObject: { data: { a: '1' } } },
    { verb: 'update', objectRef: { ...objectRef, resourceVersion }, responseStatus: { code: 200 } },
    {
      verb: 'update',
      responseStatus: { code: 409, reason: 'Conflict' },
      requestObject: { data: { a: '2' } },
    },
    { verb: 'get', responseStatus: { code: 200 } },
  ]);
  for (const event of events)
    expect(Date.parse(event.stageTimestamp)).toBeGreaterThanOrEqual(
      Date.parse(event.requestReceivedTimestamp),
    );
});

test('each controller of Kubernetes is told apart in the audit log', async () => {
  const found = await audit({ verbs: ['create'], resource: 'serviceaccounts' });
  expect(found.map(({ user }) => user.username)).toContain(
    'system:serviceaccount:kube-system:service-account-controller',
  );
});

test('a pod gets a service account, and waits for a node', async () => {
  const pod = {
    metadata: { name: 'waiting' },
    spec: { containers: [{ name: 'main', image: 'busybox' }] },
  };
  const path = '/api/v1/namespaces/default/pods';
  const { status, body } = await sandbox.api.request('POST', path, { body: pod });
  expect([status, body]).toMatchObject([201, { spec: { serviceAccountName: 'default' } }]);
  await vi.waitFor(async () => {
    const answer = await sandbox.api.request('GET', `${path}/waiting`);
    expect(answer.body).toMatchObject({ status: { conditions: [{ reason: 'Unschedulable' }] } });
  }, WAIT);
});

test('a stopped API server answers nothing until it may go on', async () => {
  const server = sandbox.controlPlane['kube-apiserver'];
  server.stop();
  const silence = sandbox.api.request('GET', '/version', { signal: AbortSignal.timeout(500) });
  await expect(silence).rejects.toThrow(/timeout/);
  server.cont();
  expect((await sandbox.api.request('GET', '/version')).status).toBe(200);
});

test.each(['etcd', 'kube-apiserver'] as const)(
  'after a kill and restart of %s everything is still there',
  async (name) => {
    await sandbox.api.request('POST', CONFIG_MAPS, { body: configMap(`before-${name}`) });
    const component = sandbox.controlPlane[name];
    const before = component.pid;
    await component.kill();
    expect(component.pid).toBeUndefined();
    await component.restart(AbortSignal.timeout(30_000));
    expect(component.pid).not.toBe(before);
    await vi.waitFor(async () => {
      expect((await sandbox.api.request('GET', `${CONFIG_MAPS}/before-${name}`)).status).toBe(200);
    }, WAIT);
  },
);

test('an identity can be sent through a proxy with faults', async () => {
  const target = { host: '127.0.0.1', port: Number(new URL(sandbox.server).port) };
  const proxy = await startProxy(target);
  const api = await apiOf('proxied', {
    groups: ['system:masters'],
    server: `https://127.0.0.1:${proxy.port}`,
  });
  expect((await api.request('GET', '/version')).status).toBe(200);
  proxy.blackhole();
  await expect(api.request('GET', '/version', { signal: AbortSignal.timeout(500) })).rejects.toThrow(
    /timeout/,
  );
  proxy.restore();
  await vi.waitFor(async () => expect((await api.request('GET', '/version')).status).toBe(200), WAIT);
  await proxy.close();
});

test('a kept folder holds the cluster for the next run, and is used by one at a time; stop leaves no process', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'kept-'));
  const others = new Set(processTree(process.pid).map(({ pid }) => pid));
  const first = await start(dir);
  const processes = processTree(process.pid).filter(({ pid }) => !others.has(pid));
  expect(processes.length).toBeGreaterThanOrEqual(4);
  await expect(start(dir)).rejects.toThrow(`the folder ${dir} cannot be used: another sandbox uses it`);
  await first.api.request('POST', CONFIG_MAPS, { body: configMap('kept') });
  await first.stop();
  expect(alive(processes)).toEqual([]);
  const second = await start(dir);
  expect((await second.api.request('GET', `${CONFIG_MAPS}/kept`)).status).toBe(200);
  await second.stop();
  await rm(dir, { recursive: true });
});

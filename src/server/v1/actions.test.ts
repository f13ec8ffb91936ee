import { beforeEach, describe, expect, it } from 'vitest';
import { memoryCluster, type MemoryCluster } from '../../../test/memory-cluster.ts';
import type { Facts } from '../../api/v1/facts.ts';
import { recordOfEntry } from '../../core/control/entries.ts';
import { readRequest } from '../../core/control/request.ts';
import { ANNOTATION } from '../../core/workload/names.ts';
import { CONFIG_MAPS, NODES, PODS, WORKLOAD_PROCESSES } from '../../ports/cluster.ts';
import type { Reply, Request } from '../route.ts';
import { actionRoutes } from './actions.ts';

const NOW = Date.parse('2026-01-01T12:00:00Z');
let cluster: MemoryCluster;
let asked: string[];

beforeEach(() => {
  cluster = memoryCluster();
  asked = [];
});

const SOURCES = new Map<string, 'file' | 'cr'>([
  ['process/default/filed', 'file'],
  ['process/default/stored', 'cr'],
  ['cronjob/default/report', 'file'],
]);

/** What the route of this pattern answers to a body. */
async function act(
  pattern: string,
  params: Readonly<Record<string, string>>,
  body: object,
  key = 'key-1',
  method = 'POST',
): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }> {
  const facts = {
    asked: () =>
      Object.entries(cluster.find(CONFIG_MAPS, 'here', 'highlander-control-default')?.data ?? {}).flatMap(
        ([name, text]) => recordOfEntry(name, text, 'default') ?? [],
      ),
    workload: (name: string) => {
      const source = SOURCES.get(name);
      return source === undefined ? undefined : { definition: { source } };
    },
  } as unknown as Facts;
  const scope = { tenant: 'default', controllerNamespace: 'here' };
  const routes = actionRoutes({ ...scope, facts, cluster, base: '', wall: () => NOW });
  const route = routes.find((one) => one.pattern === pattern && one.method === method);
  const request = {
    params,
    body,
    headers: { 'idempotency-key': key },
    id: 'r',
    path: pattern,
    principal: { name: 'eva' },
    authorize: ({ verb, resource, name }: Record<string, string>) => {
      asked.push(`${verb} ${resource}/${name}`);
      return Promise.resolve(undefined);
    },
  } as unknown as Request;
  const reply = (await route?.handle(request)) as Reply;
  return { status: reply.status, body: JSON.parse(String(reply.body)) as Record<string, unknown> };
}

const onWorkload = (name: string, body: object, key?: string, kind = 'process') =>
  act('/api/v1/workloads/{kind}/{namespace}/{name}/actions', { kind, namespace: 'default', name }, body, key);
const onTenant = (body: object, key?: string) => act('/api/v1/actions', {}, body, key);
const onController = (id: string, body: object) => act('/api/v1/controllers/{id}/actions', { id }, body);

const entry = (name: string): string | undefined =>
  cluster.find(CONFIG_MAPS, 'here', 'highlander-control-default')?.data?.[name];

describe('a request about a workload', () => {
  it.each([
    ['restart', 'filed', 'process'],
    ['run-now', 'report', 'cronjob'],
  ])('%s is written as the command writes it, with the name of the caller', async (action, name, kind) => {
    expect(await onWorkload(name, { action, reason: 'stuck' }, 'key-1', kind)).toMatchObject({
      status: 202,
      body: { action, id: 'key-1', by: 'eva', target: `${kind}/default/${name}` },
    });
    expect(readRequest(entry(`request.${kind}.default.${name}`) ?? '')).toEqual({
      id: 'key-1',
      action,
      by: 'eva',
      reason: 'stuck',
      at: '2026-01-01T12:00:00.000Z',
    });
    expect(asked).toEqual(['patch configmaps/highlander-control-default']);
  });

  it('goes to the custom resource where there is one, under the right to that', async () => {
    cluster.put(WORKLOAD_PROCESSES, { metadata: { name: 'stored', namespace: 'default' } });
    expect((await onWorkload('stored', { action: 'restart' })).status).toBe(202);
    const { metadata } = cluster.find(WORKLOAD_PROCESSES, 'default', 'stored') ?? {};
    expect(readRequest(metadata?.annotations?.[ANNOTATION.request] ?? '')).toMatchObject({
      action: 'restart',
    });
    expect(asked).toEqual(['patch workloadprocesses/stored']);
  });

  it('is one when it is sent twice, and refused while another one is open', async () => {
    await onWorkload('filed', { action: 'restart' });
    expect((await onWorkload('filed', { action: 'restart' })).status).toBe(202);
    expect(cluster.writes).toBe(1);
    expect(await onWorkload('filed', { action: 'restart' }, 'key-2')).toMatchObject({
      status: 409,
      body: { code: 'state-conflict', detail: expect.stringContaining('by eva and is not done yet') },
    });
  });

  it('about nothing that is known is not found', async () => {
    expect((await onWorkload('nobody', { action: 'restart' })).status).toBe(404);
  });
});

describe('a request that is taken back', () => {
  const cancel = (id: string) => act('/api/v1/actions/{id}', { id }, {}, undefined, 'DELETE');

  it('is gone, under the right that asking took', async () => {
    await onWorkload('filed', { action: 'restart', reason: 'stuck' });
    asked = [];
    expect(await cancel('key-1')).toMatchObject({ status: 200, body: { kind: 'Cancelled', id: 'key-1' } });
    expect(entry('request.process.default.filed')).toBeUndefined();
    expect(asked).toEqual(['patch configmaps/highlander-control-default']);
  });

  it('is not one that somebody has taken up, and none that lasts', async () => {
    const taken = { id: 'key-1', action: 'restart', at: '2026-01-01T12:00:00Z', state: 'accepted' };
    await onTenant({ action: 'pause', reason: 'night' }, 'key-2');
    await onWorkload('filed', { action: 'restart', reason: 'stuck' });
    const at = { resource: CONFIG_MAPS, namespace: 'here', name: 'highlander-control-default' };
    const value = JSON.stringify(taken);
    const path = '/data/request.process.default.filed';
    await cluster.patch(at, [{ op: 'add', path, value }], AbortSignal.abort());
    for (const id of ['key-1', 'key-2'])
      expect(await cancel(id)).toMatchObject({ status: 409, body: { code: 'state-conflict' } });
    expect(await cancel('key-3')).toMatchObject({ status: 404 });
  });
});

describe('leadership', () => {
  it('is asked to move, to whoever is named', async () => {
    expect((await onTenant({ action: 'failover', to: 'two', reason: 'night' })).status).toBe(202);
    expect(readRequest(entry('leader-request') ?? '')).toMatchObject({ action: 'failover', to: 'two' });
  });

  it('is kept from a controller that is drained, until it is undrained', async () => {
    expect((await onController('two', { action: 'drain', reason: 'old' })).status).toBe(202);
    expect(JSON.parse(entry('drained.two') ?? '')).toMatchObject({ by: 'eva', reason: 'old' });
    expect((await onController('two', { action: 'undrain' })).status).toBe(202);
    expect(entry('drained.two')).toBeUndefined();
    expect((await onController('no/such', { action: 'drain' })).status).toBe(400);
  });
});

describe('a word about a node', () => {
  const word = { action: 'fence-node', node: 'n1', confirmedOff: true, reason: 'power' };
  const node = (status: string) => ({
    metadata: { name: 'n1', uid: 'node-uid' },
    status: { conditions: [{ type: 'Ready', status }] },
  });

  it('is written for the pods that are on it now', async () => {
    cluster.put(NODES, node('Unknown'));
    for (const [name, nodeName] of [
      ['a', 'n1'],
      ['b', 'n2'],
    ])
      cluster.put(PODS, {
        metadata: { name: `${name}`, namespace: 'default', uid: `uid-${name}` },
        spec: { nodeName, containers: [] },
      } as never);
    expect((await onTenant(word)).status).toBe(202);
    expect(JSON.parse(entry('fenced.n1') ?? '')).toMatchObject({
      node: 'n1',
      nodeUid: 'node-uid',
      pods: ['uid-a'],
      by: 'eva',
    });
  });

  it('is refused while its kubelet reports, about a node that is not there, and unconfirmed', async () => {
    expect((await onTenant(word)).status).toBe(404);
    cluster.put(NODES, node('True'));
    expect((await onTenant(word)).status).toBe(409);
    const { confirmedOff: _, ...unconfirmed } = word;
    expect(await onTenant(unconfirmed)).toMatchObject({
      status: 400,
      body: { errors: [{ path: 'confirmedOff' }] },
    });
    expect(cluster.writes).toBe(0);
  });
});

it.each([
  ['workload', () => onWorkload('filed', { action: 'failover' }), 'action'],
  ['tenant', () => onTenant({ action: 'restart' }), 'action'],
  ['controller', () => onController('two', { action: 'pause', reason: 'x' }), 'action'],
  ['resume', () => onTenant({ action: 'resume', reason: 'x' }), 'reason'],
  ['failover', () => onTenant({ action: 'failover', to: 'a/b' }), 'to'],
  ['restart', () => onWorkload('filed', { action: 'restart', until: 'then' }), 'until'],
])('what is not possible for a %s is refused, and says where', async (_what, ask, path) => {
  expect(await ask()).toMatchObject({ status: 400, body: { code: 'invalid-body', errors: [{ path }] } });
  expect(cluster.writes).toBe(0);
});

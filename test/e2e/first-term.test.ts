/** The first term of all beside a leader of the Go program, with a real control plane and a real Redis. */
import { createClient } from '@redis/client';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { createProgress } from '../../sandbox/progress.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import { startRedis, type RedisServer } from '../../sandbox/servers/redis.ts';
import { endAll, openWorld, type World } from './world.ts';

const GO_RECORD = '{"value":"go-1","clusterName":"","ttl":100000000000,"version":1795365668846829846}';

let world: World;
let redis: RedisServer;
let client: ReturnType<typeof createClient>;
let started: ControllerProcess[] = [];
let round = 0;

beforeAll(async () => {
  const surroundings = { env: process.env, progress: createProgress(process.stderr) };
  redis = await startRedis(surroundings, new AbortController().signal);
  client = createClient({ url: `redis://${redis.address}` });
  client.on('error', () => {});
  await client.connect();
  world = await openWorld({ nodes: 1 });
});
afterAll(async () => {
  client?.destroy();
  await redis?.stop();
  await world?.stop();
});
beforeEach(() => client.flushAll());
afterEach(async () => {
  await endAll(started);
  started = [];
});

async function start(config: Readonly<Record<string, unknown>>): Promise<ControllerProcess> {
  round += 1;
  const common = { leaderLockTTL: '2s', redis: { addr: redis.address } };
  const controller = await world.controller(`first-${round}`, { ...common, ...config });
  started.push(controller);
  return controller;
}

const refusal = (controller: ControllerProcess, setting: string) =>
  controller.waitForLog(
    `that ${setting} differs`,
    ({ msg, cause }) => msg === 'anchor-refused' && String(cause).startsWith(`${setting} differs`),
  );

it('with a Lease waits, not ready, until the Go program no longer leads in Redis; from then on Redis is not asked', async () => {
  await client.set('highlander-leader-lock:default', GO_RECORD, { EX: 100 });
  const one = await start({ tenant: 'lease', storageType: 'lease' });
  const { cause } = await refusal(one, 'storageType');
  expect(cause).toContain(`go-1 of tenant default leads through Redis at ${redis.address}`);
  const ready = await one.get('/readyz');
  expect(ready.status).toBe(503);
  expect(ready.body).toContain('storageType differs');
  await client.del('highlander-leader-lock:default');
  await world.leader([one], 30_000);
  await endAll([one]);
  await client.set('highlander-leader-lock:default', GO_RECORD, { EX: 100 });
  await world.leader([await start({ tenant: 'lease', storageType: 'lease' })]);
});

it('with Redis waits while another tenant of it holds what is wanted here', async () => {
  await client.set('highlander-leader-lock:default', GO_RECORD, { EX: 100 });
  const labels = { 'managed-by': 'k8-highlander', app: 'wanted', 'controller-id': 'go-1' };
  const metadata = { name: 'wanted-pod', namespace: 'default', labels };
  const spec = { containers: [{ name: 'main', image: 'busybox', command: ['sleep', '1000'] }] };
  await world.sandbox.api.apply([{ apiVersion: 'v1', kind: 'Pod', metadata, spec }]);
  const workloads = { processes: [refereedProcess('wanted', world.referee.dir)] };
  const one = await start({ tenant: 'blue', workloads });
  const { cause } = await refusal(one, 'tenant');
  expect(cause).toContain('pod default/wanted-pod');
  expect(cause).toContain('set tenant: default, or stop that program');
  expect(await client.exists('highlander-leader-lock:blue')).toBe(0);
  await client.del('highlander-leader-lock:default');
  await world.leader([one], 30_000);
});

it('with Redis leads beside another tenant that has nothing to do with it', async () => {
  await client.set('highlander-leader-lock:default', GO_RECORD, { EX: 100 });
  const one = await start({
    tenant: 'green',
    workloads: { processes: [refereedProcess('apart', world.referee.dir)] },
  });
  await world.leader([one], 30_000);
  expect(one.log.filter(({ msg }) => msg === 'anchor-refused')).toEqual([]);
});

/**
 * The lock moves to another store while controllers with the old and the new configuration are alive, and a lock that
 * somebody removes from the store. Judged by the audit log: whoever writes is the one that began to lead last.
 */
import { createClient } from '@redis/client';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { createProgress } from '../../sandbox/progress.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import { startPostgres, type PostgresServer } from '../../sandbox/servers/postgres.ts';
import { startRedis, type RedisServer } from '../../sandbox/servers/redis.ts';
import { leaseName } from '../../src/core/workload/names.ts';
import { eventually } from './eventually.ts';
import { endAll, openWorld, type World } from './world.ts';

const TTL_MS = 2000;

let world: World;
let redis: RedisServer;
let postgres: PostgresServer;
let round = 0;
let controllers: ControllerProcess[] = [];
/** The workload of the present test, and its tenant. */
let name = '';

beforeAll(async () => {
  const surroundings = { env: process.env, progress: createProgress(process.stderr) };
  const { signal } = new AbortController();
  redis = await startRedis(surroundings, signal);
  postgres = await startPostgres(surroundings, signal);
  world = await openWorld();
});

afterAll(async () => {
  await world?.stop();
  await postgres?.stop();
  await redis?.stop();
});

afterEach(async () => {
  expect(world.referee.violations()).toEqual([]);
  expect(await writesOfOthers()).toEqual([]);
  await endAll(controllers);
});

const LEASE = { storageType: 'lease' };
const inRedis = () => ({ storageType: 'redis', redis: { addr: redis.address } });
const inPostgres = () => ({ storageType: 'db', databaseURL: postgres.url });

function begin(): void {
  round += 1;
  name = `moved-${round}`;
  controllers = [];
}

async function start(store: Readonly<Record<string, unknown>>): Promise<ControllerProcess> {
  const config = {
    tenant: name,
    leaderLockTTL: `${TTL_MS}ms`,
    workloads: { processes: [refereedProcess(name, world.referee.dir)] },
    ...store,
  };
  const controller = await world.controller(`${name}-${controllers.length + 1}`, config);
  controllers.push(controller);
  return controller;
}

const isElected = ({ msg }: { readonly msg: string }): boolean => msg === 'leader-elected';

/**
 * Accepted writes to workloads and their records by somebody else than the controller that began its term last. The
 * anchor is left out: it is raised before a term begins, and that is how the others learn of it.
 */
async function writesOfOthers(): Promise<readonly string[]> {
  const terms = controllers
    .flatMap(({ id, log }) => log.filter(isElected).map(({ time }) => ({ id, at: Date.parse(time) })))
    .toSorted((a, b) => a.at - b.at);
  const users = new Set(controllers.map(({ id }) => id));
  const others: string[] = [];
  for await (const { verb, user, responseStatus, objectRef, ...event } of world.sandbox.audit()) {
    const isChange = ['create', 'update', 'patch', 'delete'].includes(verb);
    if (!isChange || !users.has(user.username) || (responseStatus?.code ?? 500) >= 300) continue;
    if (objectRef?.resource === 'leases' || objectRef?.resource === 'events') continue;
    if (objectRef?.name?.startsWith('highlander-fence-') === true) continue;
    const actor = terms.findLast(({ at }) => at <= Date.parse(event.requestReceivedTimestamp))?.id;
    if (actor !== user.username)
      others.push(`${user.username}: ${verb} ${event.requestURI}, while ${actor ?? 'nobody'} led`);
  }
  return others;
}

/** Deletes the instance and waits for the next one: somebody looks after it, and writes. */
async function replace(): Promise<void> {
  const before = (await world.running(name)).metadata.uid;
  await world.deletePod(`${name}-pod`);
  await eventually('a new instance', async () => {
    const pod = await world.pod(`${name}-pod`);
    return pod !== undefined && pod.metadata.uid !== before && pod.metadata.deletionTimestamp === undefined;
  });
  await world.running(name);
}

describe('a rolling change of the store', () => {
  it.each([
    ['from the Lease to Redis', () => LEASE, inRedis],
    ['from Redis to PostgreSQL', inRedis, inPostgres],
  ] as const)(
    '%s: the newcomers lead after one wait, the old ones yield, the instance runs on',
    async (_title, from, to) => {
      begin();
      const first = await start(from());
      await world.leader([first]);
      const second = await start(from());
      const before = (await world.running(name)).metadata.uid;
      await eventually('the second is ready', async () => (await second.get('/readyz')).status === 200);

      const third = await start(to());
      await third.waitForLog('that it waits', (line) => line['reason'] === 'StoreChanged');
      await first.waitForLog('that it does not lead', ({ msg }) => msg === 'leadership-lost');
      // Old and new are alive, and the old ones let the new one lead.
      await third.waitForLog('that it leads', isElected, 3 * TTL_MS);
      for (const old of [first, second])
        await old.waitForLog('that it yields', ({ msg }) => msg === 'store-replaced');
      await replace();
      const fourth = await start(to());
      await eventually('the fourth is ready', async () => (await fourth.get('/readyz')).status === 200);
      for (const old of [first, second]) old.kill('SIGTERM');
      await Promise.all([first.exited, second.exited]);
      const after = (await world.running(name)).metadata.uid;
      expect(after).not.toBe(before);
      expect(await world.leader([third, fourth])).toBe(third);

      third.kill('SIGTERM');
      await world.leader([fourth], 5 * TTL_MS);
      expect((await world.running(name)).metadata.uid).toBe(after);
      expect(world.referee.starts(name)).toBe(2);
      expect(third.log.filter(isElected)).toHaveLength(1);
    },
  );

  it('that is taken back: the old ones lead again when they have yielded for their time', async () => {
    begin();
    const old = await start(LEASE);
    await world.leader([old]);
    await world.running(name);
    const newcomer = await start(inRedis());
    await newcomer.waitForLog('that it leads', isElected, 10 * TTL_MS);
    newcomer.kill('SIGKILL');
    await newcomer.exited;
    await eventually('the old one leads again', () => old.log.filter(isElected).length === 2, 60_000);
    await replace();
  });
});

/** No term may begin before the holder's time is up, although its lock is gone. */
async function removeUnderLeader(
  store: Readonly<Record<string, unknown>>,
  remove: () => Promise<unknown>,
): Promise<void> {
  begin();
  const leader = await start(store);
  await world.leader([leader]);
  const second = await start(store);
  const before = (await world.running(name)).metadata.uid;
  await eventually('the second is ready', async () => (await second.get('/readyz')).status === 200);
  // A leader that sleeps cannot notice, and would act again if it woke up in time.
  leader.kill('SIGSTOP');
  const stoppedAt = Date.now();
  await remove();
  const elected = await second.waitForLog('that it leads', isElected, 10 * TTL_MS);
  // Its last renewal was sent at most R = T/5 before, and so it might act until 0.88 T after that.
  expect(Date.parse(elected.time) - stoppedAt).toBeGreaterThanOrEqual((0.88 - 0.2) * TTL_MS);
  leader.kill('SIGCONT');
  await leader.waitForLog('that it does not lead', ({ msg }) => msg === 'leadership-lost');
  expect((await world.running(name)).metadata.uid).toBe(before);
  await replace();
}

describe('a lock that somebody removes', () => {
  it('a key evicted from Redis', () =>
    removeUnderLeader(inRedis(), async () => {
      const client = createClient({ url: `redis://${redis.address}` });
      await client.connect();
      expect(await client.del(`highlander-leader-lock:${name}`)).toBe(1);
      client.destroy();
    }));

  it('a row deleted from PostgreSQL', () =>
    removeUnderLeader(inPostgres(), async () => {
      const client = new pg.Client({ connectionString: postgres.url });
      await client.connect();
      const { rowCount } = await client.query('DELETE FROM highlander_lease WHERE name = $1', [name]);
      expect(rowCount).toBe(1);
      await client.end();
    }));

  it('a deleted Lease', () =>
    removeUnderLeader(LEASE, async () => {
      const path = `/apis/coordination.k8s.io/v1/namespaces/k8-highlander/leases/${leaseName(name)}`;
      expect((await world.sandbox.api.request('DELETE', path)).status).toBe(200);
    }));
});

/** A client of each lock store beside the bare driver on the same server, for measuring the one against the other. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createClient } from '@redis/client';
import { createConnection, type ResultSetHeader } from 'mysql2/promise';
import pg from 'pg';
import { startSandbox } from '../sandbox/cluster.ts';
import { createProgress } from '../sandbox/progress.ts';
import { startMariadb } from '../sandbox/servers/mariadb.ts';
import { startPostgres } from '../sandbox/servers/postgres.ts';
import { startRedis } from '../sandbox/servers/redis.ts';
import { isConnectProblem, readKubeconfig } from '../src/adapters/kube/connect.ts';
import { openLeaseLock } from '../src/adapters/kube/lease-lock.ts';
import { openDatabaseStore } from '../src/adapters/lock/database.ts';
import { openRedisLock } from '../src/adapters/lock/redis.ts';
import { createSystem } from '../src/adapters/system.ts';
import type { LockStore } from '../src/ports/lock-store.ts';
import type { System } from '../src/ports/system.ts';

/**
 * The least that a fenced lock costs on this server: who holds it, an epoch that rises, an expiry by the server's clock
 * and a notice of the release where the server has such, in as few requests as it allows.
 */
export interface BareLock {
  /** Each answers whether it was done. */
  readonly take: () => Promise<boolean>;
  readonly renew: () => Promise<boolean>;
  readonly free: () => Promise<boolean>;
}

export interface LockPair {
  readonly store: LockStore;
  readonly bare: BareLock;
  /** Ends the bare driver and the server; the store is closed before. */
  stop(): Promise<void>;
}

const TIMEOUT_MS = 5000;
const CREATE =
  'CREATE TABLE bench_lock (name varchar(40) PRIMARY KEY, holder varchar(40), epoch bigint, expires_at ';
const INSERT = "INSERT INTO bench_lock VALUES ('bench', '', 0, ";
const MINE = "WHERE name = 'bench' AND holder = 'me'";

/** The same statements for each SQL server, with its words for now and for five seconds later. */
function bareSql(now: string, later: string) {
  return {
    take: `UPDATE bench_lock SET holder = 'me', epoch = epoch + 1, expires_at = ${later}
WHERE name = 'bench' AND (holder = '' OR expires_at <= ${now})`,
    renew: `UPDATE bench_lock SET expires_at = ${later} ${MINE} AND expires_at > ${now}`,
    free: `UPDATE bench_lock SET holder = '' ${MINE} AND expires_at > ${now}`,
  };
}

/** A key can be evicted: a record beside the lock tells for how long it is held, and on which server (`run_id`) that was said. */
const TAKE_KEY = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local record = redis.call('HMGET', KEYS[2], 'epoch', 'until', 'released')
if redis.call('EXISTS', KEYS[1]) == 1 or (record[3] == '0' and tonumber(record[2]) > now) then return 0 end
local epoch = (record[1] or 0) + 1
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
redis.call('HSET', KEYS[2], 'epoch', epoch, 'until', now + 5000, 'released', '0', 'run', run)
redis.call('SET', KEYS[1], ARGV[1], 'PX', 5000)
redis.call('PUBLISH', 'bench', 'a')
return epoch`;
const RENEW_KEY = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
redis.call('HSET', KEYS[2], 'until', time[1] * 1000 + math.floor(time[2] / 1000) + 5000, 'run', run)
return redis.call('PEXPIRE', KEYS[1], 5000)`;
const FREE_KEY = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], 'released', '1')
redis.call('PUBLISH', 'bench', 'r')
return redis.call('DEL', KEYS[1])`;

export async function openRedisPair(): Promise<LockPair> {
  const server = await startRedis(surroundings(), new AbortController().signal);
  const client = await createClient({ url: `redis://${server.address}` }).connect();
  const keys = { keys: ['bench', 'bench-epoch'], arguments: ['me'] };
  const load = (script: string): Promise<string> => client.scriptLoad(script);
  const [take, renew, free] = [await load(TAKE_KEY), await load(RENEW_KEY), await load(FREE_KEY)];
  return {
    store: openRedisLock({ address: server.address, database: 0, timeout: TIMEOUT_MS }, quietSystem()),
    bare: {
      take: async () => (await client.evalSha(take, keys)) !== 0,
      renew: async () => (await client.evalSha(renew, keys)) !== 0,
      free: async () => (await client.evalSha(free, keys)) !== 0,
    },
    async stop() {
      client.destroy();
      await server.stop();
    },
  };
}

export async function openPostgresPair(): Promise<LockPair> {
  const server = await startPostgres(surroundings(), new AbortController().signal);
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query(`${CREATE} timestamptz); ${INSERT} clock_timestamp())`);
  const sql = bareSql('clock_timestamp()', "clock_timestamp() + interval '5 s'");
  const told = (text: string): string =>
    `WITH w AS (${text} RETURNING epoch) SELECT epoch, pg_notify('bench', epoch::text) FROM w`;
  return {
    store: await openDatabase(server.url),
    bare: {
      take: async () => (await client.query(told(sql.take))).rowCount === 1,
      renew: async () => (await client.query(sql.renew)).rowCount === 1,
      free: async () => (await client.query(told(sql.free))).rowCount === 1,
    },
    async stop() {
      await client.end();
      await server.stop();
    },
  };
}

export async function openMariadbPair(): Promise<LockPair> {
  const server = await startMariadb(surroundings(), new AbortController().signal);
  const where = { host: '127.0.0.1', port: server.port, user: 'root', database: 'test' };
  const client = await createConnection(where);
  await client.query(`${CREATE} datetime(6))`);
  await client.query(`${INSERT} UTC_TIMESTAMP(6))`);
  const sql = bareSql('UTC_TIMESTAMP(6)', 'UTC_TIMESTAMP(6) + INTERVAL 5 SECOND');
  // The epoch comes back with the answer to the write.
  const take = sql.take.replace('epoch + 1', 'LAST_INSERT_ID(epoch + 1)');
  const change = async (text: string): Promise<boolean> =>
    (await client.execute<ResultSetHeader>(text))[0].affectedRows === 1;
  return {
    store: await openDatabase(`mysql://root@${server.address}/test`),
    bare: {
      take: () => change(take),
      renew: () => change(sql.renew),
      free: () => change(sql.free),
    },
    async stop() {
      client.destroy();
      await server.stop();
    },
  };
}

export async function openSqlitePair(): Promise<LockPair> {
  const folder = await mkdtemp(join(tmpdir(), 'k8-highlander-bench-'));
  const database = new DatabaseSync(join(folder, 'bare.db'));
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; ${CREATE} bigint); ${INSERT} 0)`);
  const now = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";
  // Within one millisecond a renewal would change nothing, and so cost nothing.
  const sql = bareSql(now, `${now} + 5000 + (random() & 255)`);
  const [take, renew, free] = [`${sql.take} RETURNING epoch`, sql.renew, sql.free].map((text) =>
    database.prepare(text),
  );
  return {
    store: await openDatabase(`sqlite:${join(folder, 'lock.db')}`),
    bare: {
      take: async () => take?.get() !== undefined,
      renew: async () => renew?.run().changes === 1,
      free: async () => free?.run().changes === 1,
    },
    async stop() {
      database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** With a subscription, as an elector has it; the bare lock is a PUT of the version that was answered before. */
export async function openLeasePair(): Promise<LockPair> {
  const { signal } = new AbortController();
  const { progress } = surroundings();
  const sandbox = await startSandbox({ nodes: 0, simulate: false, progress, signal });
  const connection = await readKubeconfig(sandbox.kubeconfig);
  if (isConnectProblem(connection)) throw new Error(connection.message);
  const store = openLeaseLock(connection, {
    namespace: 'default',
    system: quietSystem(),
    userAgent: 'bench',
  });
  const over = new AbortController();
  const up = Promise.withResolvers<void>();
  const listening = store.subscribe(
    'bench',
    () => {},
    () => up.resolve(),
    over.signal,
  );
  await up.promise;
  const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
  const fresh = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'bare' }, spec: {} };
  let lease = (await sandbox.api.request('POST', path, { body: fresh })).body as typeof fresh;
  const put = async (holderIdentity: string): Promise<boolean> => {
    const spec = { holderIdentity, renewTime: new Date().toISOString().replace('Z', '000Z') };
    const answer = await sandbox.api.request('PUT', `${path}/bare`, { body: { ...lease, spec } });
    if (answer.status !== 200) throw new Error(`the bare Lease: ${answer.status}`);
    lease = answer.body as typeof fresh;
    return true;
  };
  return {
    store,
    bare: { take: () => put('me'), renew: () => put('me'), free: () => put('') },
    async stop() {
      over.abort();
      await listening;
      await sandbox.stop();
    },
  };
}

function surroundings() {
  return { env: process.env, progress: createProgress(process.stderr) };
}

function quietSystem(): System {
  return createSystem({ level: 'error', format: 'text', fields: {} });
}

async function openDatabase(url: string): Promise<LockStore> {
  const store = await openDatabaseStore(url, { timeout: TIMEOUT_MS }, quietSystem());
  if ('code' in store) throw new Error(store.message);
  return store;
}

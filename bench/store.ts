/** The lock stores that rows are run with: how a controller is told, and how a release is seen from outside. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import pg from 'pg';
import type { AuditEvent } from '../sandbox/control-plane/audit.ts';
import { createProgress } from '../sandbox/progress.ts';
import { startMariadb } from '../sandbox/servers/mariadb.ts';
import { startPostgres } from '../sandbox/servers/postgres.ts';
import { startRedis } from '../sandbox/servers/redis.ts';
import { openSqliteLock } from '../src/adapters/lock/sqlite.ts';
import { createSystem } from '../src/adapters/system.ts';
import { leaseName, redisChannel } from '../src/core/workload/names.ts';
import type { Hint } from '../src/ports/lock-store.ts';
import type { World } from '../test/e2e/world.ts';

/** Microseconds since the Unix epoch, by the clock of this machine, which the API server uses too. */
export type Micros = number;

export interface BenchStore {
  readonly name: string;
  readonly ttlMs: number;
  /** The part of the configuration that chooses it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** When the lock was released, so far, in order. */
  releases(world: World): Promise<readonly Micros[]>;
  stop(): Promise<void>;
}

/** The Lease store: a release is the update that clears the holder, as completed in the audit log. */
export async function openLeaseStore(): Promise<BenchStore> {
  return {
    name: 'lease',
    ttlMs: 8000,
    config: { storageType: 'lease', leaderLockTTL: '8s' },
    async releases({ sandbox }) {
      const times: Micros[] = [];
      for await (const event of sandbox.audit())
        if (isRelease(event)) times.push(micros(event.stageTimestamp));
      return times.toSorted((a, b) => a - b);
    },
    stop: async () => {},
  };
}

/** A real Redis: a release is the notice that it publishes with it. */
export async function openRedisStore(): Promise<BenchStore> {
  const surroundings = { env: process.env, progress: createProgress(process.stderr) };
  const redis = await startRedis(surroundings, new AbortController().signal);
  const client = createClient({ url: `redis://${redis.address}` });
  await client.connect();
  const times: Micros[] = [];
  await client.subscribe(redisChannel('default'), (message) => {
    if (message.startsWith('r:')) times.push(presentMicros());
  });
  return {
    name: 'redis',
    ttlMs: 5000,
    config: { storageType: 'redis', redis: { addr: redis.address }, leaderLockTTL: '5s' },
    releases: async () => times,
    async stop() {
      client.destroy();
      await redis.stop();
    },
  };
}

/** A real PostgreSQL: a release is the notice that it sends when the release is committed. */
export async function openPostgresStore(): Promise<BenchStore> {
  const surroundings = { env: process.env, progress: createProgress(process.stderr) };
  const server = await startPostgres(surroundings, new AbortController().signal);
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  const times: Micros[] = [];
  client.on('notification', ({ payload = '' }) => {
    if (payload.startsWith('r:')) times.push(presentMicros());
  });
  await client.query('LISTEN highlander_lease');
  return {
    name: 'postgres',
    ttlMs: 5000,
    config: { storageType: 'db', databaseURL: server.url, leaderLockTTL: '5s' },
    releases: async () => times,
    async stop() {
      await client.end();
      await server.stop();
    },
  };
}

/** A real MariaDB, which logs each statement when it begins: a release is that of the release. */
export async function openMariadbStore(): Promise<BenchStore> {
  const surroundings = { env: process.env, progress: createProgress(process.stderr) };
  const server = await startMariadb(surroundings, new AbortController().signal);
  const client = await createConnection({ host: '127.0.0.1', port: server.port, user: 'root' });
  await client.query("SET GLOBAL log_output = 'TABLE', general_log = ON");
  return {
    name: 'mariadb',
    ttlMs: 5000,
    config: { storageType: 'db', databaseURL: `mysql://root@${server.address}/test`, leaderLockTTL: '5s' },
    async releases() {
      const [rows] = await client.query<RowDataPacket[]>(
        `SELECT UNIX_TIMESTAMP(event_time) AS at FROM mysql.general_log
         WHERE command_type = 'Execute' AND argument LIKE 'UPDATE highlander\\_lease SET released = 1%' ORDER BY event_time`,
      );
      return rows.map((row) => Number(row['at']) * 1e6);
    },
    async stop() {
      client.destroy();
      await server.stop();
    },
  };
}

/** A file of SQLite: a release is seen as a follower sees it, by a notice and a look, one or two milliseconds late. */
export async function openSqliteStore(): Promise<BenchStore> {
  const folder = await mkdtemp(join(tmpdir(), 'k8-highlander-bench-'));
  const path = join(folder, 'lock.db');
  const system = createSystem({ level: 'error', format: 'text', fields: {} });
  const store = openSqliteLock({ path, timeout: 1000 }, system);
  const times: Micros[] = [];
  const over = new AbortController();
  const onHint = (hint: Hint): void => {
    if (hint === 'released') times.push(presentMicros());
  };
  const listening = store.subscribe('default', onHint, () => {}, over.signal);
  return {
    name: 'sqlite',
    ttlMs: 5000,
    config: { storageType: 'db', databaseURL: `sqlite:${path}`, leaderLockTTL: '5s' },
    releases: async () => times,
    async stop() {
      over.abort();
      await listening;
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function presentMicros(): Micros {
  return (performance.timeOrigin + performance.now()) * 1000;
}

function isRelease({ objectRef, verb, requestObject, responseStatus, stage }: AuditEvent): boolean {
  const accepted = stage === 'ResponseComplete' && (responseStatus?.code ?? 500) < 300;
  if (!accepted || objectRef?.resource !== 'leases' || verb !== 'update') return false;
  if (objectRef.name !== leaseName('default')) return false;
  const { spec } = requestObject as { readonly spec?: { readonly holderIdentity?: string } };
  return (spec?.holderIdentity ?? '') === '';
}

/** RFC 3339 with microseconds. */
export function micros(timestamp: string): Micros {
  const [seconds = '', fraction = ''] = timestamp.replace('Z', '').split('.');
  return Date.parse(`${seconds}Z`) * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6));
}

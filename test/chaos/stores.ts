/** The real stores of a chaos run: each with what can be done to it, and with a witness of what it held. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import pg from 'pg';
import { createProgress } from '../../sandbox/progress.ts';
import { startMariadb } from '../../sandbox/servers/mariadb.ts';
import { startPostgres } from '../../sandbox/servers/postgres.ts';
import { startRedis } from '../../sandbox/servers/redis.ts';
import { mysqlSchema } from '../../src/adapters/lock/mysql-statements.ts';
import { postgresSchema } from '../../src/adapters/lock/postgres-schema.ts';
import { sqliteSchema } from '../../src/adapters/lock/sqlite-statements.ts';
import { leaseName } from '../../src/core/workload/names.ts';
import type { World } from '../e2e/world.ts';
import { openDoor, type Door } from './door.ts';
import type { StoreFact } from './history.ts';
import type { StoreName } from './schedule.ts';
import {
  factOfRow,
  leaseFacts,
  MYSQL_ROWS,
  MYSQL_WITNESS,
  POSTGRES_ROWS,
  POSTGRES_WITNESS,
  RedisWitness,
  SQLITE_ROWS,
  SQLITE_WITNESS,
  type WitnessRow,
} from './witness.ts';

export interface ChaosStore {
  /** The part of the configuration that chooses it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Between the controllers and the store; absent where there is no wire of its own. */
  readonly door?: Door;
  /** Nobody is answered until `resume`. */
  pause(): void;
  resume(): void;
  /** Ends it without warning and starts it again; absent where nothing can be restarted. */
  restart?(): Promise<void>;
  /** A restart empties it. */
  readonly forgets: boolean;
  /** While it is paused, requests to the API server wait too. */
  readonly isApiServer: boolean;
  /** What it held, in order. */
  facts(): Promise<readonly StoreFact[]>;
  stop(): Promise<void>;
}

interface Setting {
  readonly world: World;
  readonly tenant: string;
  readonly controllers: number;
  /** Process ids of the controllers, by their numbers. */
  readonly pids: () => readonly number[];
}

/** Starts the store, or takes the cluster's own. */
export function openChaosStore(name: StoreName, setting: Setting): Promise<ChaosStore> {
  return OPENERS[name](setting);
}

const OPENERS: Readonly<Record<StoreName, (setting: Setting) => Promise<ChaosStore>>> = {
  lease: openLease,
  redis: openRedis,
  postgres: openPostgres,
  mariadb: openMariadb,
  sqlite: openSqlite,
};

async function openLease({ world, tenant }: Setting): Promise<ChaosStore> {
  const server = world.sandbox.controlPlane['kube-apiserver'];
  return {
    config: { storageType: 'lease' },
    pause: () => server.stop(),
    resume: () => server.cont(),
    forgets: false,
    isApiServer: true,
    facts: () => leaseFacts(world.sandbox.audit(), leaseName(tenant)),
    stop: () => Promise.resolve(),
  };
}

async function openRedis({ tenant, controllers, pids }: Setting): Promise<ChaosStore> {
  const server = await startRedis(surroundings(), new AbortController().signal);
  const door = await openDoor({ host: '127.0.0.1', port: server.port }, controllers, pids);
  const witness = new RedisWitness(server.port, tenant);
  const listening = witness.run();
  return {
    config: { storageType: 'redis', redis: { addr: `127.0.0.1:${door.port}` } },
    door,
    pause: () => server.pause(),
    resume: () => server.resume(),
    restart: () => server.restart(),
    forgets: true,
    isApiServer: false,
    facts: () => Promise.resolve(witness.facts),
    async stop() {
      witness.close();
      await listening;
      await door.close();
      await server.stop();
    },
  };
}

async function openPostgres({ controllers, pids }: Setting): Promise<ChaosStore> {
  const server = await startPostgres(surroundings(), new AbortController().signal);
  const ask = async (sql: string): Promise<readonly unknown[]> => {
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    try {
      return (await client.query(sql)).rows as readonly unknown[];
    } finally {
      await client.end();
    }
  };
  await ask(postgresSchema() + POSTGRES_WITNESS);
  const door = await openDoor({ host: '127.0.0.1', port: server.port }, controllers, pids);
  const url = new URL(server.url);
  url.port = String(door.port);
  return {
    config: { storageType: 'db', databaseURL: url.href },
    door,
    pause: () => server.pause(),
    resume: () => server.resume(),
    restart: () => server.restart(),
    forgets: false,
    isApiServer: false,
    facts: async () => ((await ask(POSTGRES_ROWS)) as WitnessRow[]).map((row) => factOfRow(row, 0)),
    async stop() {
      await door.close();
      await server.stop();
    },
  };
}

async function openMariadb({ controllers, pids }: Setting): Promise<ChaosStore> {
  // What was committed is handed to the kernel, so that it survives the end of the process.
  const durable = ['--innodb-flush-log-at-trx-commit=2'];
  const server = await startMariadb(surroundings(), new AbortController().signal, durable);
  const ask = async (statements: readonly string[]): Promise<WitnessRow[]> => {
    const client = await createConnection({
      host: '127.0.0.1',
      port: server.port,
      user: 'root',
      database: 'test',
    });
    try {
      let rows: RowDataPacket[] = [];
      for (const sql of statements) [rows] = await client.query<RowDataPacket[]>(sql);
      return rows as unknown as WitnessRow[];
    } finally {
      await client.end();
    }
  };
  const schema = mysqlSchema()
    .split(';')
    .filter((statement) => /\w/.test(statement));
  await ask([...schema, ...MYSQL_WITNESS]);
  const door = await openDoor({ host: '127.0.0.1', port: server.port }, controllers, pids);
  return {
    config: { storageType: 'db', databaseURL: `mysql://root:@127.0.0.1:${door.port}/test?ssl-mode=DISABLED` },
    door,
    pause: () => server.pause(),
    resume: () => server.resume(),
    restart: () => server.restart(),
    forgets: false,
    isApiServer: false,
    facts: async () => (await ask([MYSQL_ROWS])).map((row) => factOfRow(row, 0)),
    async stop() {
      await door.close();
      await server.stop();
    },
  };
}

async function openSqlite(): Promise<ChaosStore> {
  const folder = await mkdtemp(join(tmpdir(), 'k8-highlander-chaos-'));
  const path = join(folder, 'lock.db');
  const database = new DatabaseSync(path, { timeout: 2_000 });
  database.exec('PRAGMA journal_mode = WAL');
  database.exec(sqliteSchema() + SQLITE_WITNESS);
  const offset = Date.now() - Number(process.hrtime.bigint()) / 1e6;
  return {
    config: { storageType: 'db', databaseURL: `sqlite:${path}` },
    pause: () => database.exec('BEGIN IMMEDIATE'),
    resume: () => {
      if (database.isTransaction) database.exec('ROLLBACK');
    },
    forgets: false,
    isApiServer: false,
    facts: async () => {
      const rows = database.prepare(SQLITE_ROWS).all() as unknown as WitnessRow[];
      return rows.map((row) => factOfRow(row, offset));
    },
    async stop() {
      database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function surroundings() {
  return { env: process.env, progress: createProgress(process.stderr) };
}

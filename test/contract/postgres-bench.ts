/** What the tests of the lock in PostgreSQL share: stores and servers that are ended with the test, and an operator. */
import pg from 'pg';
import { createProgress } from '../../sandbox/progress.ts';
import { startPostgres, type PostgresOptions, type PostgresServer } from '../../sandbox/servers/postgres.ts';
import { openDatabaseStore, type DatabaseOptions } from '../../src/adapters/lock/database.ts';
import { createSystem } from '../../src/adapters/system.ts';
import type { AcquireRequest, Grant, LockStore } from '../../src/ports/lock-store.ts';
import { eventually } from '../e2e/eventually.ts';

export const TTL = 1500;
const never = new AbortController().signal;
const system = createSystem({ level: 'error', format: 'text', fields: {} });

/** How a store is opened: another user, password, port or parameters of the URL. */
export interface Opening extends Partial<DatabaseOptions> {
  readonly user?: string;
  readonly secret?: string;
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
  readonly query?: string;
}

type Row = Readonly<Record<string, unknown>>;

export class PostgresBench {
  readonly #stores: LockStore[] = [];
  readonly #servers: PostgresServer[] = [];

  /** A server of this test's own. */
  async start(options: PostgresOptions = {}): Promise<PostgresServer> {
    const surroundings = { env: process.env, progress: createProgress(process.stderr) };
    const server = await startPostgres(surroundings, never, options);
    this.#servers.push(server);
    return server;
  }

  async open({ port }: PostgresServer, opening: Opening = {}): Promise<LockStore> {
    const {
      user = 'postgres',
      secret,
      host = '127.0.0.1',
      database = 'postgres',
      query = '',
      ...rest
    } = opening;
    const { port: through = port, timeout = 1_000, ...credentials } = rest;
    const name = secret === undefined ? user : `${user}:${secret}`;
    const url = `postgres://${name}@${host}:${through}/${database}${query}`;
    const store = await openDatabaseStore(url, { ...credentials, timeout }, system);
    if ('code' in store) throw new Error(store.message);
    this.#stores.push(store);
    return store;
  }

  /** Runs statements as the superuser; answers the rows of the last. */
  async sql({ url }: PostgresServer, text: string): Promise<readonly Row[]> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      const results: unknown = await client.query(text);
      const last: unknown = Array.isArray(results) ? results.at(-1) : results;
      return last instanceof pg.Result ? (last.rows as Row[]) : [];
    } finally {
      await client.end();
    }
  }

  /** A role that can log in, and what it is given. */
  async role(server: PostgresServer, name: string, ...grants: readonly string[]): Promise<void> {
    await this.sql(server, [`CREATE ROLE ${name} LOGIN PASSWORD 'right-secret'`, ...grants].join(';'));
  }

  /** How often the table of the lock was read and written so far, as the server counts. */
  async tableUse(server: PostgresServer): Promise<{ readonly scans: number; readonly written: number }> {
    const [row] = await this.sql(
      server,
      `SELECT seq_scan + coalesce(idx_scan, 0) AS scans, n_tup_ins + n_tup_upd + n_tup_del AS written
       FROM pg_stat_user_tables WHERE relname = 'highlander_lease'`,
    );
    return { scans: Number(row?.['scans']), written: Number(row?.['written']) };
  }

  /** The first reply that is not `unavailable`. */
  eventually<Reply extends { readonly kind: string }>(ask: () => Promise<Reply>): Promise<Reply> {
    return eventually(
      'the server answers',
      async () => {
        const reply = await ask();
        return reply.kind === 'unavailable' ? undefined : reply;
      },
      5_000,
    );
  }

  async close(): Promise<void> {
    for (const store of this.#stores.splice(0)) await store.close();
    for (const server of this.#servers.splice(0)) await server.stop();
  }
}

export function request(nonce: string, options: Partial<AcquireRequest> = {}): AcquireRequest {
  return { name: 'blue', holder: `node-a/uid/${nonce}`, nonce, ttl: TTL, floor: 0, ...options };
}

export async function win(store: LockStore, nonce: string, floor = 0): Promise<Grant & { ttl: number }> {
  const reply = await store.acquire(request(nonce, { floor }), never);
  if (reply.kind !== 'granted') throw new Error(`not granted: ${JSON.stringify(reply)}`);
  return { name: 'blue', nonce, epoch: reply.epoch, ttl: TTL };
}

/**
 * The lock in PostgreSQL (10 or newer), in one row of a table that is made on first use. The name of a lock is the
 * tenant. Everything is judged by the server's clock, in single statements: see `postgres-statements.ts`.
 *
 * Replication to standbys is asynchronous unless the server is told otherwise, so a failover may lose the last commits:
 * that is seen as amnesia, by the identity of the data where the server tells it and by the floor, and the anchor keeps
 * the order.
 */
import type { Client } from 'pg';
import type { LockView } from '../../core/election/record.ts';
import type { Duration } from '../../core/time.ts';
import type {
  AcquireReply,
  AcquireRequest,
  Grant,
  LockStore,
  ReleaseReply,
  RenewReply,
  Unavailable,
} from '../../ports/lock-store.ts';
import type { System } from '../../ports/system.ts';
import type { DatabaseCredentials } from './database-password.ts';
import { errorCode } from './error-code.ts';
import { addressOf, causeOf, READ_ONLY } from './postgres-cause.ts';
import { openPostgresClient, runTogether, type PostgresConnectOptions } from './postgres-connection.ts';
import { migrationsAfter, SCHEMA_VERSION } from './postgres-schema.ts';
import { CHANNEL, IDENTITY, Statements, type ServerFacts } from './postgres-statements.ts';
import { listen } from './postgres-subscription.ts';
import type { PostgresTarget } from './postgres-url.ts';
import { SerialConnection } from './serial-connection.ts';

export interface PostgresLockOptions extends DatabaseCredentials {
  readonly target: PostgresTarget;
  /** The bound of one operation, connecting included: the election's `opTimeout`. */
  readonly timeout: Duration;
}

/** Connects on first use. Needs SELECT, INSERT and UPDATE on its tables, and CREATE on the schema if they are missing. */
export function openPostgresLock(options: PostgresLockOptions, system: System): LockStore {
  return new PostgresLock(options, system);
}

type Row = Readonly<Record<string, unknown>>;

/** A connected client with what was found out about its server. */
interface Session {
  readonly client: Client;
  facts: ServerFacts;
}

/** The statements of one request; the last of them answers the view. */
type Ask = (sql: Statements) => readonly string[];

/** From the row of a change, if there was one, and the row of the view; undefined where it is to be asked again. */
type Interpret<Reply> = (changed: Row | undefined, seen: Row) => Reply | undefined;

class PostgresLock implements LockStore {
  readonly kind = 'postgres';
  readonly address: string;
  readonly #options: PostgresConnectOptions;
  readonly #system: System;
  readonly #connection: SerialConnection<Session>;
  readonly #closed = new AbortController();

  constructor({ target, timeout, ...credentials }: PostgresLockOptions, system: System) {
    this.address = addressOf(target);
    this.#options = { target, credentials, timeout };
    this.#system = system;
    this.#connection = new SerialConnection({
      clock: system.clock,
      timeout,
      open: async (signal, onEnd) => {
        const client = await openPostgresClient(this.#options, signal, onEnd);
        return { client, facts: await this.#greet(client) };
      },
    });
  }

  acquire(request: AcquireRequest, signal: AbortSignal): Promise<AcquireReply> {
    return this.#run(
      request.name,
      (sql) => [sql.acquire(request)],
      signal,
      (_changed, seen) => {
        if (seen['won_epoch'] !== null)
          return {
            kind: 'granted',
            epoch: Number(seen['won_epoch']),
            remaining: Number(seen['won_remaining']),
            amnesia: seen['won_amnesia'] === true,
          };
        const view = viewOf(seen);
        // It was free, and somebody else was faster.
        if (view.kind === 'free') return undefined;
        if (view.nonce !== request.nonce) return { kind: 'held', view };
        const { epoch, remaining, amnesia = false } = view;
        return { kind: 'granted', epoch, remaining, amnesia };
      },
    );
  }

  renew(grant: Grant & { readonly ttl: Duration }, signal: AbortSignal): Promise<RenewReply> {
    return this.#run(
      grant.name,
      (sql) => [sql.renew(grant), sql.view()],
      signal,
      (renewed, seen) => {
        if (renewed !== undefined) return { kind: 'ok', remaining: Number(renewed['remaining']) };
        const view = viewOf(seen);
        return view.kind === 'held' ? { kind: 'lost', holder: view.holder } : { kind: 'lost' };
      },
    );
  }

  release(grant: Grant, signal: AbortSignal): Promise<ReleaseReply> {
    return this.#run(
      grant.name,
      (sql) => [sql.release(grant), sql.view()],
      signal,
      (freed) => ({
        kind: freed === undefined ? 'not-ours' : 'released',
      }),
    );
  }

  read(name: string, signal: AbortSignal): Promise<LockView | Unavailable> {
    return this.#run(
      name,
      (sql) => [sql.view()],
      signal,
      (_changed, seen) => viewOf(seen),
    );
  }

  async subscribe(...[name, onHint, onState, signal]: Parameters<LockStore['subscribe']>): Promise<void> {
    const announce = (text: string): Promise<unknown> =>
      this.#connection.request(
        ({ client }) => client.query(`SELECT pg_notify('${CHANNEL}', ${client.escapeLiteral(text)})`),
        this.#closed.signal,
      );
    await listen(this.#options, this.#system, name, { onHint, onState, announce }, [
      signal,
      this.#closed.signal,
    ]);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#connection.drop();
  }

  /** What requests rely on; the tables are made here if they are missing. */
  async #greet(client: Client): Promise<ServerFacts> {
    const [first] = await runTogether(client, this.#options, [
      `SELECT current_setting('transaction_read_only') = 'on' AS read_only,
  to_regclass('highlander_lease') IS NOT NULL AS has_lease, to_regclass('highlander_schema') IS NOT NULL AS has_schema,
  to_regclass('leader_locks') IS NOT NULL AS has_old_table`,
    ]);
    const facts = first?.rows[0] ?? {};
    refuseReadOnly(facts);
    const isKnown = facts['has_lease'] === true && facts['has_schema'] === true;
    const version = isKnown ? await this.#schemaVersion(client) : 0;
    if (version < SCHEMA_VERSION) await runTogether(client, this.#options, [migrationsAfter(version)]);
    return { hasIdentity: await canIdentify(client), hasOldTable: facts['has_old_table'] === true };
  }

  async #schemaVersion(client: Client): Promise<number> {
    const [versions] = await runTogether(client, this.#options, [
      'SELECT coalesce(max(version), 0) AS version FROM highlander_schema',
    ]);
    return Number(versions?.rows[0]?.['version'] ?? 0);
  }

  async #run<Reply>(
    name: string,
    ask: Ask,
    signal: AbortSignal,
    interpret: Interpret<Reply>,
  ): Promise<Reply | Unavailable> {
    try {
      if (this.#closed.signal.aborted) throw new Error('the store is closed');
      const send = (session: Session): Promise<Reply> => this.#send(session, name, ask, interpret);
      return await this.#connection.request(send, signal);
    } catch (error) {
      const { target, credentials } = this.#options;
      const code = errorCode(error);
      const cause = causeOf(error, target, [target.password, credentials.password]);
      return { kind: 'unavailable', cause, ...(code === undefined ? {} : { code }) };
    }
  }

  async #send<Reply>(session: Session, name: string, ask: Ask, interpret: Interpret<Reply>): Promise<Reply> {
    const { client, facts } = session;
    const sql = new Statements(name, facts, (text) => client.escapeLiteral(text));
    const results = await runTogether(client, this.#options, ask(sql));
    const seen = results.at(-1)?.rows[0];
    if (seen === undefined) throw new Error('a statement answered in an unknown form');
    refuseReadOnly(seen);
    const changed = results.length > 1 ? results[0]?.rows[0] : undefined;
    if (changed === undefined && seen['has_old_table'] === true && !facts.hasOldTable) {
      session.facts = { ...facts, hasOldTable: true };
      return this.#send(session, name, ask, interpret);
    }
    return interpret(changed, seen) ?? this.#send(session, name, ask, interpret);
  }
}

/** What is read there may be old, and what is asked for cannot be granted. */
function refuseReadOnly(row: Row): void {
  if (row['read_only'] === true) throw Object.assign(new Error('read-only'), { code: READ_ONLY });
}

/** Some providers and roles do not have it; then only the floor tells of lost data. */
async function canIdentify(client: Client): Promise<boolean> {
  try {
    await client.query(`SELECT ${IDENTITY}`);
    return true;
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return false;
  }
}

/** The Go program's lock comes first: beside it nobody of ours leads, whatever our row says. */
function viewOf(seen: Row): LockView {
  const epoch = Number(seen['epoch'] ?? 0);
  const holder = typeof seen['holder'] === 'string' ? seen['holder'] : undefined;
  if (seen['old_remaining'] !== null)
    return {
      kind: 'held',
      holder: String(seen['old_holder']),
      epoch,
      remaining: Number(seen['old_remaining']),
      isStranger: true,
    };
  if (holder === undefined) return { kind: 'free', epoch };
  const remaining = Number(seen['remaining']);
  if (seen['released'] === true || remaining <= 0) return { kind: 'free', epoch, lastHolder: holder };
  return {
    kind: 'held',
    holder,
    nonce: String(seen['nonce']),
    epoch,
    remaining,
    amnesia: seen['amnesia'] === true,
  };
}

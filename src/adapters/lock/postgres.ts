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
  Hint,
  LockStore,
  ReleaseReply,
  RenewReply,
  Unavailable,
} from '../../ports/lock-store.ts';
import type { System } from '../../ports/system.ts';
import type { DatabaseCredentials } from './database-password.ts';
import { errorCode } from './error-code.ts';
import { addressOf, causeOf, READ_ONLY } from './postgres-cause.ts';
import {
  openPostgresClient,
  runTogether,
  settleSession,
  type PostgresConnectOptions,
} from './postgres-connection.ts';
import { migrationsAfter, SCHEMA_VERSION } from './postgres-schema.ts';
import {
  CHANNEL,
  IDENTITY,
  literals,
  ParameterList,
  Statements,
  type ServerFacts,
} from './postgres-statements.ts';
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
  /** It is ours alone: see `settleSession`. */
  readonly isPrivate: boolean;
  /** By their texts, the names of the statements that the server has prepared for this session. */
  readonly prepared: Map<string, string>;
  facts: ServerFacts;
}

/** One request: a statement that mostly does it, and one that tells what else there is to it. */
interface Ask<Reply> {
  /** Answers a row if it did what is asked. */
  readonly attempt?: { readonly sql: (sql: Statements) => string; readonly done: (row: Row) => Reply };
  /** Always answers the row of the view. */
  readonly look: (sql: Statements) => string;
  /** Undefined where it is to be asked again. */
  readonly seen: (row: Row) => Reply | undefined;
}

class PostgresLock implements LockStore {
  readonly kind = 'postgres';
  readonly address: string;
  readonly #options: PostgresConnectOptions;
  readonly #system: System;
  readonly #connection: SerialConnection<Session>;
  readonly #closed = new AbortController();
  /** Locks that were free when they were last seen, or released as somebody told. */
  readonly #seenFree = new Set<string>();

  constructor({ target, timeout, ...credentials }: PostgresLockOptions, system: System) {
    this.address = addressOf(target);
    this.#options = { target, credentials, timeout };
    this.#system = system;
    this.#connection = new SerialConnection({
      clock: system.clock,
      timeout,
      open: async (signal, onEnd) => {
        const client = await openPostgresClient(this.#options, signal, onEnd);
        return this.#greet(client);
      },
    });
  }

  acquire(request: AcquireRequest, signal: AbortSignal): Promise<AcquireReply> {
    const { name } = request;
    const take = { sql: (sql: Statements) => sql.take(request), done: grantedBy };
    const ask: Ask<AcquireReply> = {
      // In vain it would be one look more: who only asks whether the lock has run out must not pay it.
      ...(this.#seenFree.delete(name) ? { attempt: take } : {}),
      look: (sql) => sql.acquire(request),
      seen: (row) => {
        if (row['won_epoch'] !== null) return grantedBy(row);
        const view = viewOf(row);
        // It was free, and somebody else was faster.
        if (view.kind === 'free') return undefined;
        if (view.nonce !== request.nonce) return { kind: 'held', view };
        const { epoch, remaining, amnesia = false } = view;
        return { kind: 'granted', epoch, remaining, amnesia };
      },
    };
    return this.#run(name, ask, signal);
  }

  renew(grant: Grant & { readonly ttl: Duration }, signal: AbortSignal): Promise<RenewReply> {
    const ask: Ask<RenewReply> = {
      attempt: {
        sql: (sql) => sql.renew(grant),
        done: (row) => ({ kind: 'ok', remaining: Number(row['remaining']) }),
      },
      look: (sql) => sql.view(),
      seen: (row) => {
        const view = viewOf(row);
        return view.kind === 'held' ? { kind: 'lost', holder: view.holder } : { kind: 'lost' };
      },
    };
    return this.#run(grant.name, ask, signal);
  }

  release(grant: Grant, signal: AbortSignal): Promise<ReleaseReply> {
    const ask: Ask<ReleaseReply> = {
      attempt: { sql: (sql) => sql.release(grant), done: () => this.#freed(grant.name) },
      look: (sql) => sql.view(),
      seen: () => ({ kind: 'not-ours' }),
    };
    return this.#run(grant.name, ask, signal);
  }

  read(name: string, signal: AbortSignal): Promise<LockView | Unavailable> {
    const seen = (row: Row): LockView => {
      const view = viewOf(row);
      if (view.kind === 'free') this.#seenFree.add(name);
      return view;
    };
    return this.#run(name, { look: (sql) => sql.view(), seen }, signal);
  }

  async subscribe(...[name, onHint, onState, signal]: Parameters<LockStore['subscribe']>): Promise<void> {
    const announce = (text: string): Promise<unknown> =>
      this.#connection.request(
        ({ client }) => client.query(`SELECT pg_notify('${CHANNEL}', ${client.escapeLiteral(text)})`),
        this.#closed.signal,
      );
    const hear = (hint: Hint): void => {
      if (hint === 'released') this.#seenFree.add(name);
      onHint(hint);
    };
    await listen(this.#options, this.#system, name, { onHint: hear, onState, announce }, [
      signal,
      this.#closed.signal,
    ]);
  }

  #freed(name: string): ReleaseReply {
    this.#seenFree.add(name);
    return { kind: 'released' };
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#connection.drop();
  }

  /** What requests rely on; the tables are made here if they are missing. */
  async #greet(client: Client): Promise<Session> {
    const isPrivate = await settleSession(client, this.#options);
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
    const known = await identityOf(client);
    const identity = known === '' || isPrivate ? client.escapeLiteral(known) : IDENTITY;
    return {
      client,
      isPrivate,
      prepared: new Map(),
      facts: { identity, hasOldTable: facts['has_old_table'] === true },
    };
  }

  async #schemaVersion(client: Client): Promise<number> {
    const [versions] = await runTogether(client, this.#options, [
      'SELECT coalesce(max(version), 0) AS version FROM highlander_schema',
    ]);
    return Number(versions?.rows[0]?.['version'] ?? 0);
  }

  async #run<Reply>(name: string, ask: Ask<Reply>, signal: AbortSignal): Promise<Reply | Unavailable> {
    try {
      if (this.#closed.signal.aborted) throw new Error('the store is closed');
      const send = (session: Session): Promise<Reply> => this.#send(session, name, ask);
      return await this.#connection.request(send, signal);
    } catch (error) {
      const { target, credentials } = this.#options;
      const code = errorCode(error);
      const cause = causeOf(error, target, [target.password, credentials.password]);
      return { kind: 'unavailable', cause, ...(code === undefined ? {} : { code }) };
    }
  }

  async #send<Reply>(session: Session, name: string, ask: Ask<Reply>): Promise<Reply> {
    const { facts } = session;
    const row = ask.attempt && (await this.#rowOf(session, name, ask.attempt.sql));
    if (ask.attempt !== undefined && row !== undefined) return ask.attempt.done(row);
    const seen = await this.#rowOf(session, name, ask.look);
    if (seen === undefined) throw new Error('a statement answered in an unknown form');
    refuseReadOnly(seen);
    if (seen['has_old_table'] === true && !facts.hasOldTable) {
      session.facts = { ...facts, hasOldTable: true };
      return this.#send(session, name, ask);
    }
    return ask.seen(seen) ?? this.#send(session, name, ask);
  }

  /** Prepared where the session is our own: to plan a statement takes longer than to run it. */
  async #rowOf(session: Session, lock: string, sql: (sql: Statements) => string): Promise<Row | undefined> {
    const { client, facts, isPrivate, prepared } = session;
    if (!isPrivate) {
      const values = literals((text) => client.escapeLiteral(text));
      const [result] = await runTogether(client, this.#options, [sql(new Statements(lock, facts, values))]);
      return result?.rows[0];
    }
    const values = new ParameterList();
    const text = sql(new Statements(lock, facts, values));
    const name = prepared.get(text) ?? `lock_${prepared.size}`;
    prepared.set(text, name);
    return (await client.query<Row>({ name, text, values: values.list })).rows[0];
  }
}

/** What is read there may be old, and what is asked for cannot be granted. */
function refuseReadOnly(row: Row): void {
  if (row['read_only'] === true) throw Object.assign(new Error('read-only'), { code: READ_ONLY });
}

/** Empty where some providers and roles do not have it; then only the floor tells of lost data. */
async function identityOf(client: Client): Promise<string> {
  try {
    const { rows } = await client.query<{ identity: string | null }>(`SELECT ${IDENTITY} AS identity`);
    return rows[0]?.identity ?? '';
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return '';
  }
}

function grantedBy(row: Row): AcquireReply {
  return {
    kind: 'granted',
    epoch: Number(row['won_epoch']),
    remaining: Number(row['won_remaining']),
    amnesia: row['won_amnesia'] === true,
  };
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

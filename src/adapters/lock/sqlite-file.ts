/**
 * A lock file, opened when it is needed. `node:sqlite` works synchronously, so nothing here waits inside a call: a file
 * that another process uses just now is asked again a little later, until the deadline.
 *
 * A file that was deleted or replaced would still be there for who has it open. So before each statement the path must
 * still lead to the file that was opened; what was written just before that changed is known to its holder alone, which
 * the anchor's floor turns into amnesia for the next one.
 */
import { statSync } from 'node:fs';
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { Duration } from '../../core/time.ts';
import type { System } from '../../ports/system.ts';
import { wait, within } from './deadline.ts';
import { isBusy, SqliteRefusal } from './sqlite-cause.ts';
import type { HostClock } from './sqlite-clock.ts';
import { checkPlace } from './sqlite-place.ts';
import { APPLICATION_ID, CREATE_TABLES } from './sqlite-statements.ts';

/** Named parameters of a statement. */
export type Values = Readonly<Record<string, SQLInputValue>>;
export type Row = Readonly<Record<string, unknown>>;

/** Runs statements on the file. */
export interface Session {
  /** The name of the clock that `now()` in a statement asks. */
  readonly clock: string;
  /** The first row. */
  read(statement: string, values: Values): Row | undefined;
  /** Whether it changed a row. */
  change(statement: string, values: Values): boolean;
}

interface Opened {
  readonly database: DatabaseSync;
  readonly clock: HostClock;
  /** Those that were used before: to prepare one takes longer than to run it. */
  readonly statements: Map<string, StatementSync>;
  /** Device and inode. */
  readonly identity: string;
}

/** The last answer, if it was that another process has the file. */
interface Busy {
  error?: Error | undefined;
}

/** A file that is in use is asked again after 5 to 20 ms. */
const FIRST_AGAIN: Duration = 5;
const AGAIN_SPREAD: Duration = 15;

export class SqliteFile {
  readonly #path: string;
  readonly #timeout: Duration;
  readonly #openClock: () => Promise<HostClock>;
  readonly #system: System;
  #opened: Opened | undefined;
  #opening: Promise<Opened> | undefined;
  #isClosed = false;

  constructor(path: string, timeout: Duration, openClock: () => Promise<HostClock>, system: System) {
    this.#path = path;
    this.#timeout = timeout;
    this.#openClock = openClock;
    this.#system = system;
  }

  /**
   * Runs `ask`, which must be safe to repeat, with a way to run statements.
   *
   * @throws what SQLite throws, SqliteRefusal, or an Error that says that time ran out or the caller gave up.
   */
  async request<Reply>(ask: (session: Session) => Reply, signal: AbortSignal): Promise<Reply> {
    // Nothing is waited for where the file is open and not in use, so there is nothing to bound.
    if (this.#opened === undefined || signal.aborted) return this.#requestLater(ask, signal);
    try {
      return this.#ask(this.#opened, ask);
    } catch (error) {
      if (isBusy(error)) return this.#requestLater(ask, signal);
      this.#leave();
      throw error;
    }
  }

  async #requestLater<Reply>(ask: (session: Session) => Reply, signal: AbortSignal): Promise<Reply> {
    const over = new AbortController();
    const busy: Busy = {};
    try {
      const work = (): Promise<Reply> => this.#repeat(ask, busy, over.signal);
      return await within(this.#system.clock, this.#timeout, signal, work);
    } catch (error) {
      if (!isBusy(error)) this.#leave();
      if (busy.error !== undefined && !signal.aborted) throw busy.error;
      throw error;
    } finally {
      over.abort();
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#leave();
  }

  /** Until it is done, or `over`. */
  async #repeat<Reply>(ask: (session: Session) => Reply, busy: Busy, over: AbortSignal): Promise<Reply> {
    const { clock, random } = this.#system;
    for (;;) {
      try {
        const opened = this.#opened ?? (await (this.#opening ??= this.#open()));
        over.throwIfAborted();
        return this.#ask(opened, ask);
      } catch (error) {
        busy.error = isBusy(error) && error instanceof Error ? error : undefined;
        if (!isBusy(error)) throw error;
        await wait(clock, FIRST_AGAIN + AGAIN_SPREAD * random.uniform(), over);
        over.throwIfAborted();
      }
    }
  }

  #ask<Reply>(opened: Opened, ask: (session: Session) => Reply): Reply {
    if (identityOf(this.#path) !== opened.identity) throw new SqliteRefusal('REPLACED');
    return ask({
      clock: opened.clock.name,
      read: (statement, values) => prepared(opened, statement).get(values),
      change: (statement, values) => Number(prepared(opened, statement).run(values).changes) > 0,
    });
  }

  async #open(): Promise<Opened> {
    try {
      return await this.#openOnce();
    } finally {
      this.#opening = undefined;
    }
  }

  async #openOnce(): Promise<Opened> {
    await checkPlace(this.#path);
    const clock = await this.#openClock();
    const { DatabaseSync: Database } = await import('node:sqlite');
    if (this.#isClosed) throw new Error('the store is closed');
    const database = new Database(this.#path, { timeout: 0, allowBareNamedParameters: true });
    try {
      prepare(database);
      database.function('now', () => clock.now());
      this.#opened = { database, clock, statements: new Map(), identity: identityOf(this.#path) };
      return this.#opened;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  #leave(): void {
    this.#opened?.database.close();
    this.#opened = undefined;
  }
}

function prepared({ database, statements }: Opened, sql: string): StatementSync {
  const known = statements.get(sql);
  if (known !== undefined) return known;
  const statement = database.prepare(sql);
  statements.set(sql, statement);
  return statement;
}

/** WAL, so that readers and the writer do not hold up each other; FULL, so that what was answered survives a power cut. */
function prepare(database: DatabaseSync): void {
  const id = Number(database.prepare('PRAGMA application_id').get()?.['application_id']);
  const isEmpty = database.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
  if (id !== APPLICATION_ID && !isEmpty) throw new SqliteRefusal('FOREIGN');
  if (database.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode'] !== 'wal')
    throw new SqliteRefusal('NO_WAL');
  database.exec('PRAGMA synchronous = FULL');
  if (readVersion(database) === 0) create(database);
}

/** Several processes may come at once: who gets the file second finds it done. */
function create(database: DatabaseSync): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    if (readVersion(database) === 0) database.exec(CREATE_TABLES);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function readVersion(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
}

function identityOf(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? '' : `${found.dev}:${found.ino}`;
}

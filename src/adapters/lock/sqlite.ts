/**
 * The lock in a file of SQLite, for several controllers on one host. Who holds it is judged by the host's clock since boot,
 * which all of them share and nobody can set; after a reboot a lock that was not released is held for one TTL more.
 */
import { isHoldOf, type LockView } from '../../core/election/record.ts';
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
import { errorCode } from './error-code.ts';
import { causeOf, SqliteRefusal } from './sqlite-cause.ts';
import { openHostClock, type HostClock } from './sqlite-clock.ts';
import { SqliteFile, type Row, type Session, type Values } from './sqlite-file.ts';
import { awaitNotice, giveNotice } from './sqlite-notice.ts';
import { INSERT, READ, REBASE, RELEASE, RENEW, TAKE } from './sqlite-statements.ts';

export interface SqliteLockOptions {
  /** The file; it is made where it is missing, its folder is not. */
  readonly path: string;
  /** The bound of one operation: the election's `opTimeout`. */
  readonly timeout: Duration;
  /** The host's clock, unless it is another one for tests. */
  readonly openClock?: () => Promise<HostClock>;
}

/** These follow each other without a pause, so they are bounded. */
const ATTEMPTS = 3;

/** Opens the file on first use. */
export function openSqliteLock(options: SqliteLockOptions, system: System): LockStore {
  return new SqliteLock(options, system);
}

class SqliteLock implements LockStore {
  readonly kind = 'sqlite';
  readonly address: string;
  readonly #system: System;
  readonly #file: SqliteFile;
  readonly #closed = new AbortController();

  constructor({ path, timeout, openClock = openHostClock }: SqliteLockOptions, system: System) {
    this.address = path;
    this.#system = system;
    this.#file = new SqliteFile(path, timeout, openClock, system);
  }

  async acquire(request: AcquireRequest, signal: AbortSignal): Promise<AcquireReply> {
    const reply = await this.#ask(signal, (session) => acquire(session, request));
    if (reply.kind === 'granted') giveNotice(this.address);
    return reply;
  }

  renew(grant: Grant & { readonly ttl: Duration }, signal: AbortSignal): Promise<RenewReply> {
    const { name, ttl } = grant;
    return this.#ask(signal, (session): RenewReply => {
      const values = { ...valuesOf(grant), clock: session.clock, ttl: microseconds(ttl) };
      if (session.change(RENEW, values)) return { kind: 'ok', remaining: ttl };
      const view = viewOf(look(session, name));
      return view.kind === 'held' ? { kind: 'lost', holder: view.holder } : { kind: 'lost' };
    });
  }

  async release(grant: Grant, signal: AbortSignal): Promise<ReleaseReply> {
    const reply = await this.#ask(signal, (session): ReleaseReply => {
      const isReleased = session.change(RELEASE, { ...valuesOf(grant), clock: session.clock });
      return { kind: isReleased ? 'released' : 'not-ours' };
    });
    if (reply.kind === 'released') giveNotice(this.address);
    return reply;
  }

  read(name: string, signal: AbortSignal): Promise<LockView | Unavailable> {
    return this.#ask(signal, (session) => viewOf(look(session, name)));
  }

  async subscribe(...[name, onHint, onState, signal]: Parameters<LockStore['subscribe']>): Promise<void> {
    const over = AbortSignal.any([signal, this.#closed.signal]);
    const tell = async (): Promise<void> => {
      const view = await this.read(name, over);
      if (!over.aborted) onHint(view.kind === 'free' ? 'released' : 'changed');
    };
    const onNotice = (): void => void tell();
    await awaitNotice(this.address, this.#system.clock, onNotice, onState, over);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#file.close();
  }

  async #ask<Reply>(signal: AbortSignal, ask: (session: Session) => Reply): Promise<Reply | Unavailable> {
    try {
      if (this.#closed.signal.aborted) throw new Error('the store is closed');
      return await this.#file.request(ask, signal);
    } catch (error) {
      const code = errorCode(error);
      const cause = causeOf(error, this.address);
      return { kind: 'unavailable', cause, ...(code === undefined ? {} : { code }) };
    }
  }
}

function acquire(session: Session, request: AcquireRequest): AcquireReply {
  const { name, nonce, holder, ttl, floor, supersedes } = request;
  const { clock } = session;
  if (floor >= Number.MAX_SAFE_INTEGER) throw new SqliteRefusal('EPOCH_SPENT');
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    // Read first: only one process can write at a time.
    const row = look(session, name);
    const view = viewOf(row);
    if (view.kind === 'held' && !isHoldOf(supersedes, view)) {
      if (view.nonce !== nonce) return { kind: 'held', view };
      const { epoch, remaining, amnesia = false } = view;
      return { kind: 'granted', epoch, remaining, amnesia };
    }
    if (view.epoch >= Number.MAX_SAFE_INTEGER) throw new SqliteRefusal('EPOCH_SPENT');
    const epoch = Math.max(view.epoch, floor) + 1;
    const amnesia = view.epoch < floor;
    const won = {
      name,
      nonce,
      holder,
      clock,
      ttl: microseconds(ttl),
      epoch: BigInt(epoch),
      amnesia: Number(amnesia),
    };
    const isWon =
      row === undefined
        ? session.change(INSERT, won)
        : session.change(TAKE, { ...won, ...expected(row, supersedes) });
    if (isWon) return { kind: 'granted', epoch, remaining: ttl, amnesia };
    // Somebody else was faster.
  }
  throw new Error('the lock changes hands faster than it can be taken');
}

/** No row has the epoch -1. */
function expected(row: Row, dead: AcquireRequest['supersedes']): Values {
  return {
    seenNonce: String(row['nonce']),
    seenEpoch: BigInt(Number(row['epoch'])),
    deadNonce: dead?.nonce ?? '',
    deadEpoch: BigInt(dead?.epoch ?? -1),
  };
}

/** The row of the lock. What a holder by the clock of another boot has is protected from now on. */
function look(session: Session, name: string): Row | undefined {
  const values = { name, clock: session.clock };
  const row = session.read(READ, values);
  if (row?.['released'] !== 0 || row['comparable'] !== 0) return row;
  session.change(REBASE, values);
  return session.read(READ, values);
}

function viewOf(row: Row | undefined): LockView {
  if (row === undefined) return { kind: 'free', epoch: 0 };
  const holder = String(row['holder']);
  const epoch = Number(row['epoch']);
  const remaining = Number(row['remaining']) / 1000;
  if (row['released'] === 1 || remaining <= 0) return { kind: 'free', epoch, lastHolder: holder };
  const amnesia = row['amnesia'] === 1;
  return { kind: 'held', holder, nonce: String(row['nonce']), epoch, remaining, amnesia };
}

function valuesOf({ name, nonce, epoch }: Grant): Values {
  return { name, nonce, epoch: BigInt(epoch) };
}

function microseconds(ttl: Duration): bigint {
  return BigInt(Math.ceil(ttl * 1000));
}

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
import { SqliteFile, type Run, type Values } from './sqlite-file.ts';
import { awaitNotice, giveNotice } from './sqlite-notice.ts';
import { ACQUIRE, READ, REBASE, RELEASE, RENEW } from './sqlite-statements.ts';

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
    const reply = await this.#ask(signal, (run, clock) => acquire(run, clock, request));
    if (reply.kind === 'granted') giveNotice(this.address);
    return reply;
  }

  renew(grant: Grant & { readonly ttl: Duration }, signal: AbortSignal): Promise<RenewReply> {
    const { name, ttl } = grant;
    return this.#ask(signal, (run, clock): RenewReply => {
      const renewed = run(RENEW, { ...valuesOf(grant), clock, ttl: microseconds(ttl) });
      if (renewed !== undefined) return { kind: 'ok', remaining: ttl };
      const view = read(run, clock, name);
      return view.kind === 'held' ? { kind: 'lost', holder: view.holder } : { kind: 'lost' };
    });
  }

  async release(grant: Grant, signal: AbortSignal): Promise<ReleaseReply> {
    const reply = await this.#ask(signal, (run, clock): ReleaseReply => {
      const released = run(RELEASE, { ...valuesOf(grant), clock });
      return { kind: released === undefined ? 'not-ours' : 'released' };
    });
    if (reply.kind === 'released') giveNotice(this.address);
    return reply;
  }

  read(name: string, signal: AbortSignal): Promise<LockView | Unavailable> {
    return this.#ask(signal, (run, clock) => read(run, clock, name));
  }

  async subscribe(...[name, onHint, onState, signal]: Parameters<LockStore['subscribe']>): Promise<void> {
    const over = AbortSignal.any([signal, this.#closed.signal]);
    const look = async (): Promise<void> => {
      const view = await this.read(name, over);
      if (!over.aborted) onHint(view.kind === 'free' ? 'released' : 'changed');
    };
    const onNotice = (): void => void look();
    await awaitNotice(this.address, this.#system.clock, onNotice, onState, over);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#file.close();
  }

  async #ask<Reply>(
    signal: AbortSignal,
    ask: (run: Run, clock: string) => Reply,
  ): Promise<Reply | Unavailable> {
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

function acquire(run: Run, clock: string, request: AcquireRequest): AcquireReply {
  const { name, nonce, holder, ttl, floor, supersedes } = request;
  if (floor >= Number.MAX_SAFE_INTEGER) throw new SqliteRefusal('EPOCH_SPENT');
  // No row has the epoch -1.
  const dead = { deadNonce: supersedes?.nonce ?? '', deadEpoch: BigInt(supersedes?.epoch ?? -1) };
  const values = { name, nonce, holder, clock, ttl: microseconds(ttl), floor: BigInt(floor), ...dead };
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    // Read first: only one process can write at a time.
    const view = read(run, clock, name);
    if (view.kind === 'held' && !isHoldOf(supersedes, view)) {
      if (view.nonce !== nonce) return { kind: 'held', view };
      const { epoch, remaining, amnesia = false } = view;
      return { kind: 'granted', epoch, remaining, amnesia };
    }
    if (view.epoch >= Number.MAX_SAFE_INTEGER) throw new SqliteRefusal('EPOCH_SPENT');
    const won = run(ACQUIRE, values);
    if (won !== undefined)
      return { kind: 'granted', epoch: Number(won['epoch']), remaining: ttl, amnesia: won['amnesia'] === 1 };
    // Somebody else was faster.
  }
  throw new Error('the lock changes hands faster than it can be taken');
}

function read(run: Run, clock: string, name: string): LockView {
  let row = run(READ, { name, clock });
  if (row?.['released'] === 0 && row['comparable'] === 0) {
    run(REBASE, { name, clock });
    row = run(READ, { name, clock });
  }
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

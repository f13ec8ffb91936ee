/**
 * The lock in MySQL (8 or newer) or MariaDB (10.6 or newer): a row in `highlander_lease`, on one server that takes the
 * writes. Replication is asynchronous, so a failover may lose the last writes: the row names the server it was written on,
 * and another one answering for it is amnesia (a MariaDB before 10.11.9 has no name, and there only the counter tells).
 *
 * An acquisition that did not change the row is answered by what the row says, so that a first attempt and its repetition
 * after a lost reply are answered alike.
 */
import { isHoldOf, type DeadHold, type LockView } from '../../core/election/record.ts';
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
import { causeOf, MysqlRefusal } from './mysql-cause.ts';
import { openMysqlStore, type MysqlConnectOptions, type MysqlSession } from './mysql-connection.ts';
import { awaitNotice } from './mysql-notice.ts';
import { MysqlNoticeboard } from './mysql-noticeboard.ts';
import { viewOf } from './mysql-row.ts';
import { ACQUIRE, BOOTSTRAP, READ, RELEASE, RENEW } from './mysql-statements.ts';
import { SerialConnection } from './serial-connection.ts';

/** Connects on first use, and makes its tables then where they are missing. */
export function openMysqlLock(options: MysqlConnectOptions, system: System): LockStore {
  return new MysqlLock(options, system);
}

class MysqlLock implements LockStore {
  readonly kind = 'mysql';
  readonly address: string;
  readonly #options: MysqlConnectOptions;
  readonly #system: System;
  readonly #connection: SerialConnection<MysqlSession>;
  readonly #notices: MysqlNoticeboard;
  readonly #closed = new AbortController();
  /** The locks that were free when we last looked at them or released them: likely to be had without another look. */
  readonly #free = new Set<string>();

  constructor(options: MysqlConnectOptions, system: System) {
    this.address = options.address;
    this.#options = options;
    this.#system = system;
    this.#connection = new SerialConnection({
      clock: system.clock,
      timeout: options.timeout,
      open: (signal, onEnd) => openMysqlStore(options, system.clock, signal, onEnd),
    });
    this.#notices = new MysqlNoticeboard(options, system);
  }

  async acquire(request: AcquireRequest, signal: AbortSignal): Promise<AcquireReply> {
    const wasFree = this.#free.delete(request.name);
    const reply = await this.#ask(signal, (session) => {
      const isYoung = this.#system.clock.now() - session.startedAt < request.ttl;
      return acquire(session, request, isYoung, wasFree);
    });
    if (reply.kind === 'granted') this.#notices.hold(request.name, reply.remaining);
    return reply;
  }

  async renew(grant: Grant & { readonly ttl: Duration }, signal: AbortSignal): Promise<RenewReply> {
    const reply = await this.#ask(signal, (session) => renew(session, grant));
    if (reply.kind === 'ok') this.#notices.hold(grant.name, reply.remaining);
    return reply;
  }

  async release({ name, nonce, epoch }: Grant, signal: AbortSignal): Promise<ReleaseReply> {
    const reply = await this.#ask<ReleaseReply>(signal, async (session) => {
      const { rows } = await session.change(RELEASE, [name, nonce, String(epoch)]);
      return { kind: rows === 1 ? 'released' : 'not-ours' };
    });
    if (reply.kind === 'released') {
      this.#notices.drop(name);
      this.#free.add(name);
    }
    return reply;
  }

  async read(name: string, signal: AbortSignal): Promise<LockView | Unavailable> {
    const view = await this.#ask(signal, async (session) => viewOf(await session.rows(READ, [name])));
    if (view.kind === 'free') this.#free.add(name);
    else this.#free.delete(name);
    return view;
  }

  async subscribe(...[name, onHint, onState, signal]: Parameters<LockStore['subscribe']>): Promise<void> {
    const over = AbortSignal.any([signal, this.#closed.signal]);
    await awaitNotice(this.#options, this.#system, name, { onHint, onState }, over);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#connection.drop();
    await this.#notices.close();
  }

  async #ask<Reply>(
    signal: AbortSignal,
    ask: (session: MysqlSession) => Promise<Reply>,
  ): Promise<Reply | Unavailable> {
    try {
      if (this.#closed.signal.aborted) throw new Error('the store is closed');
      return await this.#connection.request(ask, signal);
    } catch (error) {
      const code = errorCode(error);
      const cause = causeOf(error, this.#options);
      return { kind: 'unavailable', cause, ...(code === undefined ? {} : { code }) };
    }
  }
}

/** No row has this epoch. */
const NOBODY: DeadHold = { nonce: '', epoch: -1 };

/** Ends with the session at the latest: its deadline is the request's. */
async function acquire(
  session: MysqlSession,
  request: AcquireRequest,
  isYoung: boolean,
  wasFree: boolean,
): Promise<AcquireReply> {
  const { name, nonce, holder, supersedes } = request;
  const { server } = session;
  const dead = supersedes ?? NOBODY;
  const floor = String(request.floor);
  const suspicion = [floor, server, server, isYoung ? '1' : '0'];
  const grant = [floor, nonce, holder, microseconds(request.ttl), server];
  for (let isLikely = wasFree; ; isLikely = false) {
    // Unless it was free a moment ago, read first: a refused write would wait for as long as anybody has locked the row.
    if (!isLikely) {
      const view = viewOf(await session.rows(READ, [name]));
      if (view.kind === 'held' && !isHoldOf(supersedes, view)) {
        if (view.nonce !== nonce) return { kind: 'held', view };
        const { epoch, remaining, amnesia = false } = view;
        return { kind: 'granted', epoch, remaining, amnesia };
      }
      if (Math.max(view.epoch, request.floor) >= Number.MAX_SAFE_INTEGER)
        throw new MysqlRefusal('EPOCH_SPENT');
    }
    const { rows, told } = await session.change(ACQUIRE, [
      ...suspicion,
      ...grant,
      name,
      dead.nonce,
      String(dead.epoch),
      floor,
    ]);
    if (rows === 1 && told > 0)
      return { kind: 'granted', epoch: told, remaining: request.ttl, amnesia: false };
    // No row yet, or somebody else was faster.
    if (rows === 0 && !isLikely) await session.change(BOOTSTRAP, [name]);
  }
}

async function renew(
  session: MysqlSession,
  { name, nonce, epoch, ttl }: Grant & { readonly ttl: Duration },
): Promise<RenewReply> {
  const values = [microseconds(ttl), session.server, name, nonce, String(epoch)];
  if ((await session.change(RENEW, values)).rows === 1) return { kind: 'ok', remaining: ttl };
  const view = viewOf(await session.rows(READ, [name]));
  return view.kind === 'held' ? { kind: 'lost', holder: view.holder } : { kind: 'lost' };
}

function microseconds(ttl: Duration): string {
  return String(Math.ceil(ttl * 1000));
}

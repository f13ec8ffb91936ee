/**
 * The lock in Redis (6 or newer) or Valkey: one server, or the master of a replicated one; not Redis Cluster. The name
 * of a lock is the tenant; the keys are those of the Go program (`redisLockKey` and its siblings), so that during a
 * migration neither leads beside the other.
 *
 * Whatever stands under the lock key without our nonce is somebody else's lock and is honoured until it is gone. The
 * server's identity, its `run_id`, is kept with the record: see `ACQUIRE`. Replication is asynchronous, so a failover may
 * lose the last writes: that is seen as amnesia, and the anchor keeps the order.
 */
import type { LockView } from '../../core/election/record.ts';
import { HOUR, MILLISECOND } from '../../core/time.ts';
import type { Duration } from '../../core/time.ts';
import { redisChannel, redisLockKey, redisRecordKey } from '../../core/workload/names.ts';
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
import { causeOf } from './redis-cause.ts';
import { RedisConnection, type RedisClient, type RedisConnectOptions } from './redis-connection.ts';
import { ACQUIRE, READ, RELEASE, RENEW, type Script } from './redis-scripts.ts';
import { isAlone } from './redis-strangers.ts';
import { listen } from './redis-subscription.ts';

export interface RedisLockOptions {
  /** `host:port`; an IPv6 address in brackets. */
  readonly address: string;
  readonly username?: string;
  readonly password?: string;
  readonly database: number;
  readonly tls?: boolean;
  /** The bound of one operation, connecting included: the election's `opTimeout`. */
  readonly timeout: Duration;
}

/** Connects on first use. Needs the commands that `redis-cause.ts` names under NOPERM. */
export function openRedisLock(options: RedisLockOptions, system: System): LockStore {
  return new RedisLock({ ...options, tls: options.tls ?? false }, system);
}

/** Stands for "no expiry" (PTTL -1): such a lock is held until somebody deletes it. */
const NO_EXPIRY: Duration = 24 * HOUR;

class RedisLock implements LockStore {
  readonly kind = 'redis';
  readonly address: string;
  readonly meetsStrangers = true;
  readonly #options: RedisConnectOptions;
  readonly #system: System;
  readonly #connection: RedisConnection;
  readonly #closed = new AbortController();
  /** Nobody who could be the Go program was connected when the lock was last seen free. */
  #wasAlone = false;

  constructor(options: RedisConnectOptions, system: System) {
    this.address = `${options.address}/${options.database}`;
    this.#options = options;
    this.#system = system;
    this.#connection = new RedisConnection(options, system.clock);
  }

  acquire(request: AcquireRequest, signal: AbortSignal): Promise<AcquireReply> {
    const { name, nonce, holder, floor } = request;
    const ttl = Math.ceil(request.ttl);
    const wall = this.#system.clock.wall();
    const args = [nonce, holder, ttl, floor, timestamp(wall), timestamp(wall + ttl), redisChannel(name)];
    return this.#run(ACQUIRE, name, args, signal, async (reply, client) => {
      if (reply[0] !== 'granted') return { kind: 'held', view: heldView(reply) };
      const [, epoch, remaining, amnesia] = reply;
      return {
        kind: 'granted',
        epoch: Number(epoch),
        remaining: remainingOf(remaining),
        amnesia: amnesia === '1',
        // Where the wait for strangers was not left out, it is over.
        ...(this.#wasAlone && { isAlone: await isAlone(client) }),
      };
    });
  }

  renew(grant: Grant & { readonly ttl: Duration }, signal: AbortSignal): Promise<RenewReply> {
    const { name, nonce, epoch } = grant;
    const args = [nonce, epoch, Math.ceil(grant.ttl)];
    return this.#run(RENEW, name, args, signal, async ([kind, fact = '']) => {
      if (kind === 'ok') return { kind, remaining: Number(fact) };
      return fact === '' ? { kind: 'lost' } : { kind: 'lost', holder: fact };
    });
  }

  release({ name, nonce, epoch }: Grant, signal: AbortSignal): Promise<ReleaseReply> {
    return this.#run(RELEASE, name, [nonce, epoch, redisChannel(name)], signal, async ([kind]) => ({
      kind: kind === 'released' ? kind : 'not-ours',
    }));
  }

  read(name: string, signal: AbortSignal): Promise<LockView | Unavailable> {
    return this.#run(READ, name, [], signal, async (reply, client) => {
      if (reply[0] === 'held') return heldView(reply);
      const [, epoch, lastHolder = ''] = reply;
      this.#wasAlone = await isAlone(client);
      const alone = this.#wasAlone ? { isAlone: true } : {};
      return { kind: 'free', epoch: Number(epoch), ...(lastHolder !== '' && { lastHolder }), ...alone };
    });
  }

  async subscribe(...[name, onHint, onState, signal]: Parameters<LockStore['subscribe']>): Promise<void> {
    await listen(this.#options, this.#system, redisChannel(name), { onHint, onState }, [
      signal,
      this.#closed.signal,
    ]);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#connection.close();
  }

  async #run<Reply>(
    script: Script,
    name: string,
    args: readonly (string | number)[],
    signal: AbortSignal,
    interpret: (reply: readonly string[], client: RedisClient) => Promise<Reply>,
  ): Promise<Reply | Unavailable> {
    const keys = [redisLockKey(name), redisRecordKey(name)];
    try {
      if (this.#closed.signal.aborted) throw new Error('the store is closed');
      const send = async (client: RedisClient): Promise<Reply> => {
        const reply = await evaluate(client, script, keys, args.map(String));
        if (!isStrings(reply)) throw new Error('a script answered in an unknown form');
        return interpret(reply, client);
      };
      return await this.#connection.request(send, signal);
    } catch (error) {
      const code = errorCode(error);
      const cause = causeOf(error, this.#options);
      return { kind: 'unavailable', cause, ...(code === undefined ? {} : { code }) };
    }
  }
}

/** By its digest; a server that does not know the script has not run it and is given the text. */
async function evaluate(
  client: RedisClient,
  script: Script,
  keys: string[],
  args: string[],
): Promise<unknown> {
  try {
    return await client.evalSha(script.sha1, { keys, arguments: args });
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return client.eval(script.text, { keys, arguments: args });
  }
}

function isStrings(reply: unknown): reply is readonly string[] {
  return Array.isArray(reply) && reply.length > 0 && reply.every((part) => typeof part === 'string');
}

function heldView(reply: readonly string[]): Extract<LockView, { kind: 'held' }> {
  const [, holder = '', nonce = '', epoch, remaining, amnesia] = reply;
  return {
    kind: 'held',
    holder,
    epoch: Number(epoch),
    remaining: remainingOf(remaining),
    ...(nonce !== '' && { nonce, amnesia: amnesia === '1' }),
  };
}

function remainingOf(text: string | undefined): Duration {
  const remaining = Number(text) * MILLISECOND;
  return remaining < 0 ? NO_EXPIRY : remaining;
}

/** RFC 3339 with nanoseconds, for the Go program's record. By this process's clock; nobody decides by it. */
function timestamp(wall: number): string {
  return new Date(wall).toISOString().replace('Z', '000000Z');
}

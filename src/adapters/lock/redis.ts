/**
 * The lock in Redis (6 or newer) or Valkey: one server, or the master of a replicated one, with or without Sentinels; not
 * Redis Cluster. The name of a lock is the tenant; the keys are those of the Go program (`redisLockKey` and its siblings),
 * so that during a migration neither leads beside the other.
 *
 * Whatever stands under the lock key without our nonce is somebody else's lock and is honoured until it is gone. The
 * server's identity, its `run_id`, is kept with the record: see `ACQUIRE`.
 *
 * Replication is asynchronous. Where replicas are connected, an acquisition or renewal counts only once a majority of them
 * has confirmed it (`WAIT`); until then its outcome is unknown, also for who reads its own nonce. What a failover loses all
 * the same is seen as amnesia, and the anchor keeps the order.
 */
import type { LockView } from '../../core/election/record.ts';
import { HOUR, MILLISECOND } from '../../core/time.ts';
import type { Duration, Instant } from '../../core/time.ts';
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
import type { RedisClient } from './redis-client.ts';
import { openRedisClient, type RedisConnectOptions } from './redis-connection.ts';
import { ACQUIRE, READ, RELEASE, RENEW, type Script } from './redis-scripts.ts';
import { connectSentinel, SentinelError } from './redis-sentinel.ts';
import { isAlone } from './redis-strangers.ts';
import { listen } from './redis-subscription.ts';
import { SerialConnection } from './serial-connection.ts';

/** `timeout` is the bound of one operation, connecting included: the election's `opTimeout`. */
export type RedisLockOptions = RedisConnectOptions;

/** Connects on first use. Needs the commands that `redis-cause.ts` names under NOPERM. */
export function openRedisLock(options: RedisLockOptions, system: System): LockStore {
  if (options.tls?.insecureSkipVerify === true)
    system.log.warn(
      'the certificate of Redis is not verified: redis.tls.insecureSkipVerify is for tests only',
    );
  return new RedisLock(options, system);
}

/** Stands for "no expiry" (PTTL -1): such a lock is held until somebody deletes it. */
const NO_EXPIRY: Duration = 24 * HOUR;

/** What is left of an operation's time for its reply when the replicas must have confirmed. */
const REPLY_SHARE = 1 / 5;

/** A reply of a script, the client it came on, and when the operation began. */
interface Answer {
  readonly reply: readonly string[];
  readonly client: RedisClient;
  readonly since: Instant;
}

class RedisLock implements LockStore {
  readonly kind = 'redis';
  readonly address: string;
  readonly meetsStrangers = true;
  readonly #options: RedisConnectOptions;
  readonly #system: System;
  readonly #connection: SerialConnection<RedisClient>;
  readonly #closed = new AbortController();
  /** Aborted when the master has changed, which ends the subscription to the former one. */
  #master = new AbortController();
  /** Nobody who could be the Go program was connected when the lock was last seen free. */
  #wasAlone = false;
  /** The nonce of an acquisition that no majority of the replicas is known to have. */
  #unconfirmed = '';
  #isUnguardedTold = false;

  constructor(options: RedisConnectOptions, system: System) {
    const { address, database, sentinel } = options;
    const where =
      sentinel === undefined ? address : `${sentinel.masterName}@${sentinel.addresses.toSorted().join()}`;
    this.address = `${where}/${database}`;
    this.#options = options;
    this.#system = system;
    this.#connection = new SerialConnection({
      clock: system.clock,
      timeout: options.timeout,
      open: (signal, onEnd) => openRedisClient(options, signal, onEnd),
    });
  }

  acquire(request: AcquireRequest, signal: AbortSignal): Promise<AcquireReply> {
    const { name, nonce, holder, floor, supersedes } = request;
    const ttl = Math.ceil(request.ttl);
    const wall = this.#system.clock.wall();
    const dead = [supersedes?.nonce ?? '', supersedes?.epoch ?? ''];
    const times = [timestamp(wall), timestamp(wall + ttl)];
    const args = [nonce, holder, ttl, floor, ...times, redisChannel(name), ...dead];
    this.#unconfirmed = nonce;
    return this.#run(ACQUIRE, name, args, signal, async (answer) => {
      const { reply, client } = answer;
      if (reply[0] !== 'granted') return { kind: 'held', view: heldView(reply) };
      const [, epoch, remaining, amnesia, replicas, isGuarded] = reply;
      await this.#confirm(answer, replicas, isGuarded);
      this.#unconfirmed = '';
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
    return this.#run(RENEW, name, args, signal, async (answer) => {
      const [kind, fact = '', replicas, isGuarded] = answer.reply;
      if (kind !== 'ok') return fact === '' ? { kind: 'lost' } : { kind: 'lost', holder: fact };
      await this.#confirm(answer, replicas, isGuarded);
      return { kind, remaining: Number(fact) };
    });
  }

  release({ name, nonce, epoch }: Grant, signal: AbortSignal): Promise<ReleaseReply> {
    return this.#run(
      RELEASE,
      name,
      [nonce, epoch, redisChannel(name)],
      signal,
      async ({ reply: [kind] }) => ({
        kind: kind === 'released' ? kind : 'not-ours',
      }),
    );
  }

  read(name: string, signal: AbortSignal): Promise<LockView | Unavailable> {
    return this.#run(READ, name, [this.#unconfirmed], signal, async (answer) => {
      const { reply, client } = answer;
      if (reply[0] === 'held') {
        const [, , nonce, , , , replicas, isGuarded] = reply;
        if (nonce === this.#unconfirmed && nonce !== '') {
          await this.#confirm(answer, replicas, isGuarded);
          this.#unconfirmed = '';
        }
        return heldView(reply);
      }
      const [, epoch, lastHolder = ''] = reply;
      this.#wasAlone = await isAlone(client);
      const alone = this.#wasAlone ? { isAlone: true } : {};
      return { kind: 'free', epoch: Number(epoch), ...(lastHolder !== '' && { lastHolder }), ...alone };
    });
  }

  async subscribe(...[name, onHint, onState, signal]: Parameters<LockStore['subscribe']>): Promise<void> {
    const { timeout, sentinel } = this.#options;
    const signals = [signal, this.#closed.signal];
    const hints = listen(
      {
        open: (_attempt, scope, onEnd) => openRedisClient(this.#options, scope, onEnd),
        channel: redisChannel(name),
        timeout,
        onMessage: (message) => onHint(message.startsWith('r:') ? 'released' : 'changed'),
        onState,
        left: () => this.#master.signal,
      },
      this.#system,
      signals,
    );
    await (sentinel === undefined ? hints : Promise.all([hints, this.#watchMaster(sentinel, signals)]));
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#connection.drop();
  }

  /** Leaves a master that the Sentinels replaced, also where it still answers; what was missed meanwhile counts as a change. */
  #watchMaster(
    sentinel: NonNullable<RedisConnectOptions['sentinel']>,
    signals: readonly AbortSignal[],
  ): Promise<void> {
    const leave = (): void => {
      this.#connection.drop();
      this.#master.abort();
      this.#master = new AbortController();
    };
    let wasUp = false;
    const subscription = {
      open: (attempt: number, scope: AbortSignal, onEnd: () => void) =>
        connectSentinel(this.#options, sentinel, attempt, scope, onEnd),
      channel: '+switch-master',
      timeout: this.#options.timeout,
      onMessage: (message: string): void => {
        if (message.startsWith(`${sentinel.masterName} `)) leave();
      },
      onState: (up: boolean): void => {
        if (up && wasUp) leave();
        wasUp ||= up;
      },
    };
    return listen(subscription, this.#system, signals);
  }

  /** @throws where a majority of the connected replicas does not confirm what was just written, in time. */
  async #confirm({ client, since }: Answer, online = '0', isGuarded = '0'): Promise<void> {
    const replicas = Number(online);
    if (replicas === 0) return;
    if (isGuarded !== '1' && !this.#isUnguardedTold) {
      this.#isUnguardedTold = true;
      this.#system.log.warn(
        'Redis accepts writes without its replicas, so a failover can lose the lock: set min-replicas-to-write to 1 or more',
        { replicas },
      );
    }
    const needed = Math.floor(replicas / 2) + 1;
    const { timeout } = this.#options;
    const left = since + timeout * (1 - REPLY_SHARE) - this.#system.clock.now();
    const confirmed = await client.wait(needed, Math.max(1, Math.floor(left)));
    if (confirmed < needed) throw new Error(`NOTACKED ${confirmed} of ${needed}`);
  }

  async #run<Reply>(
    script: Script,
    name: string,
    args: readonly (string | number)[],
    signal: AbortSignal,
    interpret: (answer: Answer) => Promise<Reply>,
  ): Promise<Reply | Unavailable> {
    const keys = [redisLockKey(name), redisRecordKey(name)];
    const since = this.#system.clock.now();
    try {
      if (this.#closed.signal.aborted) throw new Error('the store is closed');
      const send = async (client: RedisClient): Promise<Reply> => {
        const reply = await evaluate(client, script, keys, args.map(String));
        if (!isStrings(reply)) throw new Error('a script answered in an unknown form');
        return interpret({ reply, client, since });
      };
      return await this.#connection.request(send, signal);
    } catch (error) {
      const code = errorCode(error instanceof SentinelError ? error.cause : error);
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
  const [, holder = '', nonce = '', epoch, remaining, amnesia, stranger] = reply;
  return {
    kind: 'held',
    holder,
    epoch: Number(epoch),
    remaining: remainingOf(remaining),
    ...(nonce !== '' && { nonce, amnesia: amnesia === '1' }),
    ...(stranger === 'stranger' && { isStranger: true }),
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

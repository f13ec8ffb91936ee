/**
 * A connection to Redis with sharp deadlines: a request that runs out of time takes its connection along. Its reply can
 * then never arrive, and the next request does not stand behind it.
 *
 * Nothing reconnects on its own. The elector asks again on a schedule of its own, and the next request connects, to the
 * master that the Sentinels name at that moment.
 */
import type { RedisAddress } from '../../core/redis-address.ts';
import type { Duration } from '../../core/time.ts';
import type { Clock } from '../../ports/system.ts';
import { within } from './deadline.ts';
import { connectRedis, type RedisClient } from './redis-client.ts';
import { connectMaster } from './redis-sentinel.ts';

export interface RedisConnectOptions extends RedisAddress {
  /** The bound of one request, connecting included. */
  readonly timeout: Duration;
}

/** One connection at a time, made when it is needed. */
export class RedisConnection {
  readonly #options: RedisConnectOptions;
  readonly #clock: Clock;
  #client: Promise<RedisClient> | undefined;
  /** Ends the present connection; an aborted one is being left. */
  #scope = new AbortController();

  constructor(options: RedisConnectOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** @throws what the client throws, or an Error that says that time ran out or the caller gave up. */
  async request<Reply>(send: (client: RedisClient) => Promise<Reply>, signal: AbortSignal): Promise<Reply> {
    const scope = this.#scope;
    const work = async (): Promise<Reply> => send(await (this.#client ??= this.#open(scope)));
    try {
      return await within(this.#clock, this.#options.timeout, signal, work);
    } catch (error) {
      // A refusal too: behind the same name there may be another server by now.
      this.#leave(scope);
      throw error;
    }
  }

  /** Ends the present connection, and with it what is asked on it; the next request makes a new one. */
  drop(): void {
    this.#leave(this.#scope);
  }

  async #open(scope: AbortController): Promise<RedisClient> {
    try {
      return await openRedisClient(this.#options, scope.signal, () => this.#leave(scope));
    } catch (error) {
      this.#leave(scope);
      throw error;
    }
  }

  #leave(scope: AbortController): void {
    scope.abort();
    if (this.#scope !== scope) return;
    this.#scope = new AbortController();
    this.#client = undefined;
  }
}

/** A client of the server, or of the master that the Sentinels name; see `connectRedis`. */
export function openRedisClient(
  options: RedisConnectOptions,
  signal: AbortSignal,
  onEnd: () => void,
): Promise<RedisClient> {
  const { sentinel } = options;
  return sentinel === undefined
    ? connectRedis(options, signal, onEnd)
    : connectMaster(options, sentinel, signal, onEnd);
}

/**
 * Connections to Redis with sharp deadlines. The client of `@redis/client` queues while offline and has no time limit
 * for a command that was written, so here nothing is queued, and a request that runs out of time takes its connection
 * along: its reply can then never arrive, and the next request does not stand behind it.
 *
 * Nothing reconnects on its own. The elector asks again on a schedule of its own, and the next request connects.
 */
import type { createClient } from '@redis/client';
import { SECOND } from '../../core/time.ts';
import type { Duration } from '../../core/time.ts';
import type { Clock } from '../../ports/system.ts';
import { within } from './deadline.ts';
import type { RedisTarget } from './redis-cause.ts';

export interface RedisConnectOptions extends RedisTarget {
  readonly tls: boolean;
  /** The bound of one request, connecting included. */
  readonly timeout: Duration;
}

/** The name of every connection of this program. */
export const CLIENT_NAME = 'k8-highlander';

export type RedisClient = ReturnType<typeof createClient>;

/** An unanswered ping ends a connection after PING_EVERY + SILENCE at the latest, also one that only listens. */
const PING_EVERY: Duration = 4 * SECOND;
const SILENCE: Duration = 6 * SECOND;

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

  close(): void {
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

/**
 * A client that is connected, and destroyed when the signal aborts. `onEnd` is called when the connection breaks.
 *
 * @throws when the server cannot be reached or refuses us.
 */
export async function openRedisClient(
  options: RedisConnectOptions,
  signal: AbortSignal,
  onEnd: () => void,
): Promise<RedisClient> {
  const { address, username, password, database, tls, timeout } = options;
  const where = socketAddress(address);
  const limits = { connectTimeout: timeout, socketTimeout: SILENCE, reconnectStrategy: false } as const;
  const { createClient: create } = await import('@redis/client');
  signal.throwIfAborted();
  const client: RedisClient = create({
    name: CLIENT_NAME,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    database,
    disableOfflineQueue: true,
    commandsQueueMaxLength: 100,
    pingInterval: PING_EVERY,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    socket: tls ? { ...where, ...limits, tls: true, servername: where.host } : { ...where, ...limits },
  });
  client.on('error', onEnd);
  signal.addEventListener('abort', () => client.destroy(), { once: true });
  await client.connect();
  // Destroyed while connecting, a client forgets the socket that it was about to get: it is destroyed again.
  if (signal.aborted) client.destroy();
  signal.throwIfAborted();
  return client;
}

/** Host and port of `host:port`, where the host of an IPv6 address stands in brackets. */
export function socketAddress(address: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(`redis://${address}`);
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 6379) };
}

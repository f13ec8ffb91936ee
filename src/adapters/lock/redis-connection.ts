/** Connections to Redis, to the master that the Sentinels name at that moment where they are asked. */
import type { RedisAddress } from '../../core/redis-address.ts';
import type { Duration } from '../../core/time.ts';
import { connectRedis, type RedisClient } from './redis-client.ts';
import { connectMaster } from './redis-sentinel.ts';

export interface RedisConnectOptions extends RedisAddress {
  /** The bound of one request, connecting included. */
  readonly timeout: Duration;
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

/**
 * Finds the master of a replicated Redis by asking its Sentinels (the protocol for clients is described at
 * https://redis.io/docs/latest/develop/reference/sentinel-clients/).
 *
 * All are asked at once. One that was cut off together with an old master still names it, so the answer counts whose
 * configuration epoch is the highest, as soon as a majority has answered, or all have that ever will. Whoever is named
 * must then say itself that it is a master: Sentinels learn of some changes later than the servers.
 */
import type { RedisSentinels } from '../../core/redis-address.ts';
import { connectRedis, type RedisClient, type RedisEndpoint } from './redis-client.ts';

/** A Sentinel could not be asked; `cause` is what its client threw. */
export class SentinelError extends Error {
  readonly sentinel: string;

  constructor(sentinel: string, cause: unknown) {
    super('a Sentinel could not be asked', { cause });
    this.sentinel = sentinel;
  }
}

const PATIENCE_SHARE = 1 / 3;

interface NamedMaster {
  readonly address: string;
  readonly configEpoch: number;
}

/** Where the Sentinels say it is, with the options given. @throws as `connectRedis`, or a `SentinelError`. */
export async function connectMaster(
  options: RedisEndpoint,
  sentinels: RedisSentinels,
  signal: AbortSignal,
  onEnd: () => void,
): Promise<RedisClient> {
  const { address } = await findMaster(options, sentinels, signal);
  const client = await connectRedis({ ...options, address }, signal, onEnd);
  const role: unknown = await client.sendCommand(['ROLE']);
  if (!Array.isArray(role) || role[0] !== 'master') throw new Error(`NOTMASTER ${address}`);
  return client;
}

/** A connection to the Sentinel of this number, counted round. */
export function connectSentinel(
  { timeout, tls }: RedisEndpoint,
  { addresses, username, password, passwordFile }: RedisSentinels,
  number: number,
  signal: AbortSignal,
  onEnd: () => void,
): Promise<RedisClient> {
  const endpoint = {
    address: addresses[number % addresses.length] ?? '',
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(passwordFile !== undefined && { passwordFile }),
    ...(tls !== undefined && { tls }),
    database: 0,
    timeout,
  };
  return connectRedis(endpoint, signal, onEnd);
}

async function findMaster(
  options: RedisEndpoint,
  sentinels: RedisSentinels,
  signal: AbortSignal,
): Promise<NamedMaster> {
  const { addresses } = sentinels;
  const answers: NamedMaster[] = [];
  const errors: SentinelError[] = [];
  const enough = Promise.withResolvers<void>();
  const over = new AbortController();
  // A part of the time, so that one that hangs leaves enough for the master.
  const patience = AbortSignal.timeout(Math.ceil(options.timeout * PATIENCE_SHARE));
  patience.addEventListener('abort', () => enough.resolve(), { once: true });
  const ask = async (sentinel: string, number: number): Promise<void> => {
    try {
      answers.push(await askOne(options, sentinels, number, AbortSignal.any([signal, over.signal])));
    } catch (cause) {
      errors.push(new SentinelError(sentinel, cause));
    }
    if (answers.length > addresses.length / 2 || answers.length + errors.length === addresses.length)
      enough.resolve();
  };
  addresses.forEach((sentinel, number) => void ask(sentinel, number));
  await enough.promise;
  over.abort();
  const [latest] = answers.toSorted((one, other) => other.configEpoch - one.configEpoch);
  if (latest === undefined)
    throw errors[0] ?? new SentinelError(addresses.join(), new Error('no answer in time'));
  return latest;
}

async function askOne(
  options: RedisEndpoint,
  sentinels: RedisSentinels,
  number: number,
  signal: AbortSignal,
): Promise<NamedMaster> {
  const over = new AbortController();
  try {
    const both = AbortSignal.any([signal, over.signal]);
    const client = await connectSentinel(options, sentinels, number, both, () => {});
    const reply: unknown = await client.sendCommand(['SENTINEL', 'MASTER', sentinels.masterName]);
    const { ip, port, 'config-epoch': configEpoch } = fieldsOf(reply);
    if (ip === undefined || port === undefined) throw new Error('a Sentinel answered in an unknown form');
    return { address: `${ip.includes(':') ? `[${ip}]` : ip}:${port}`, configEpoch: Number(configEpoch ?? 0) };
  } finally {
    over.abort();
  }
}

/** A map of RESP 3, or a list of names and values. */
function fieldsOf(reply: unknown): Readonly<Record<string, string | undefined>> {
  const entries = Array.isArray(reply)
    ? reply.flatMap((name: unknown, index) =>
        index % 2 === 0 ? [[String(name), String(reply[index + 1])]] : [],
      )
    : Object.entries(typeof reply === 'object' && reply !== null ? reply : {}).map(([name, value]) => [
        name,
        String(value),
      ]);
  return Object.fromEntries(entries);
}

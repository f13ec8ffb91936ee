/**
 * One connection to a Redis or a Sentinel. The client of `@redis/client` queues while offline, reconnects by itself and
 * has no time limit for a command that was written; here nothing is queued and nothing reconnects.
 *
 * Passwords and certificates that stand in files are read for each connection, so that a rotation needs no restart.
 */
import type { createClient } from '@redis/client';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { RedisTls } from '../../core/redis-address.ts';
import { SECOND } from '../../core/time.ts';
import type { Duration } from '../../core/time.ts';

export type RedisClient = ReturnType<typeof createClient>;

/** The name of every connection of this program. */
export const CLIENT_NAME = 'k8-highlander';

/** Where to connect and as whom. */
export interface RedisEndpoint {
  /** `host:port`; an IPv6 address in brackets. */
  readonly address: string;
  readonly username?: string;
  readonly password?: string;
  /** Wins over `password`. */
  readonly passwordFile?: string;
  readonly database: number;
  readonly tls?: RedisTls;
  /** The bound of connecting. */
  readonly timeout: Duration;
}

/** A file that the configuration names cannot be read. */
export class UnreadableFile extends Error {}

/** An unanswered ping ends a connection after PING_EVERY + SILENCE at the latest, also one that only listens. */
const PING_EVERY: Duration = 4 * SECOND;
const SILENCE: Duration = 6 * SECOND;

/**
 * A client that is connected, and destroyed when the signal aborts. `onEnd` is called when the connection breaks.
 *
 * @throws when the server cannot be reached or refuses us; the message holds no password.
 */
export async function connectRedis(
  endpoint: RedisEndpoint,
  signal: AbortSignal,
  onEnd: () => void,
): Promise<RedisClient> {
  const { username, database, timeout } = endpoint;
  const where = socketAddress(endpoint.address);
  const [{ createClient: create }, password, tls] = await Promise.all([
    import('@redis/client'),
    readPassword(endpoint),
    endpoint.tls && readTls(endpoint.tls, where.host),
  ]);
  const limits = { connectTimeout: timeout, socketTimeout: SILENCE, reconnectStrategy: false } as const;
  signal.throwIfAborted();
  const client: RedisClient = create({
    name: CLIENT_NAME,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    database,
    disableOfflineQueue: true,
    commandsQueueMaxLength: 100,
    pingInterval: PING_EVERY,
    // It would bound the time until a command is written, at the cost of a timer for each. Our requests have a deadline.
    commandOptions: { timeout: 0 },
    disableClientInfo: true,
    maintNotifications: 'disabled',
    socket: tls === undefined ? { ...where, ...limits } : { ...where, ...limits, ...tls },
  });
  client.on('error', onEnd);
  signal.addEventListener('abort', () => client.destroy(), { once: true });
  try {
    await client.connect();
  } catch (error) {
    if (error instanceof Error && password) error.message = error.message.replaceAll(password, '***');
    throw error;
  }
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

/** Without the line break at its end, which editors write and nobody means. */
async function readPassword({ password, passwordFile }: RedisEndpoint): Promise<string | undefined> {
  return passwordFile === undefined ? password : (await read(passwordFile))?.replace(/\r?\n$/, '');
}

async function readTls(tls: RedisTls, host: string) {
  const [ca, cert, key] = await Promise.all([read(tls.caFile), read(tls.certFile), read(tls.keyFile)]);
  const servername = tls.serverName ?? (isIP(host) === 0 ? host : undefined); // RFC 6066 §3: never an address
  return {
    tls: true as const,
    rejectUnauthorized: !tls.insecureSkipVerify,
    ...(servername !== undefined && { servername }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

async function read(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new UnreadableFile(`${file} cannot be read${code}: check its path and rights`);
  }
}

/** Looks through one database of Redis for locks of the Go program: SCAN and MGET, on a connection that is then closed. */
import { connect } from 'node:net';
import { LOCK_KEYS, readOldLock, type OldLock } from '../../core/election/old-lock.ts';
import type { Duration } from '../../core/time.ts';
import type { LockSurvey, SurveyReply } from '../../ports/lock-survey.ts';
import type { Clock } from '../../ports/system.ts';
import { within } from './deadline.ts';
import { causeOf } from './redis-cause.ts';
import { SentinelError } from './redis-sentinel.ts';
import { socketAddress, type RedisClient } from './redis-client.ts';
import { openRedisClient, type RedisConnectOptions } from './redis-connection.ts';

/** Keys that the server looks at in one step of SCAN: about a millisecond of its time. */
const SCAN_STEP = 5_000;

/** Does nothing before the first look. */
export function openRedisSurvey(options: RedisConnectOptions, clock: Clock): LockSurvey {
  return {
    address: options.sentinel === undefined ? options.address : `master ${options.sentinel.masterName}`,
    async look(signal): Promise<SurveyReply> {
      const scope = new AbortController();
      try {
        return await within(clock, options.timeout, signal, async () => {
          // Asked first, so that the client is not even loaded where nobody listens.
          const patience = options.timeout / 2;
          const isNamed = options.sentinel === undefined;
          if (isNamed && !(await isListening(options.address, clock, patience, scope.signal)))
            return { kind: 'nobody' };
          const end = (): void => scope.abort();
          const client = await openRedisClient(options, scope.signal, end);
          return { kind: 'found', locks: await findLocks(client) };
        });
      } catch (error) {
        return { kind: await isRefusal(error), cause: causeOf(error, options) };
      } finally {
        scope.abort();
      }
    },
  };
}

/** Whether a connection is accepted in time. */
function isListening(
  address: string,
  clock: Clock,
  timeout: Duration,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketAddress(address));
    const settle = (answer: boolean): void => {
      timer.cancel();
      socket.destroy();
      resolve(answer);
    };
    const timer = clock.timer(clock.now() + timeout, () => settle(false));
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
    signal.addEventListener('abort', () => settle(false), { once: true });
  });
}

async function findLocks(client: RedisClient): Promise<readonly OldLock[]> {
  const keys = new Set<string>();
  let cursor = '0';
  do {
    const step = await client.scan(cursor, { MATCH: LOCK_KEYS, COUNT: SCAN_STEP });
    for (const key of step.keys) keys.add(key);
    ({ cursor } = step);
  } while (cursor !== '0');
  if (keys.size === 0) return [];
  const names = [...keys];
  const texts = await client.mGet(names);
  return names.flatMap((name, index) => {
    const text = texts[index] ?? undefined;
    return (text === undefined ? undefined : readOldLock(name, text)) ?? [];
  });
}

/** An error that the server sent, not one of the way to it. */
async function isRefusal(error: unknown): Promise<'refused' | 'unavailable'> {
  const { ErrorReply } = await import('@redis/client');
  const said = error instanceof SentinelError ? error.cause : error;
  return said instanceof ErrorReply ? 'refused' : 'unavailable';
}

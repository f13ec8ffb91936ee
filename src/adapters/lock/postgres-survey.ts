/** Looks for locks of the Go program in its table, on a connection that is then closed. */
import { readOldLock, type OldLock } from '../../core/election/old-lock.ts';
import { redisLockKey } from '../../core/workload/names.ts';
import type { LockSurvey, SurveyReply } from '../../ports/lock-survey.ts';
import type { Clock } from '../../ports/system.ts';
import { within } from './deadline.ts';
import { errorCode } from './error-code.ts';
import { addressOf, causeOf } from './postgres-cause.ts';
import { openPostgresClient, runTogether, type PostgresConnectOptions } from './postgres-connection.ts';
import { OLD_LOCK_IS_LIVE } from './postgres-statements.ts';

/** Does nothing before the first look. `timeout` bounds one look, connecting included. */
export function openPostgresSurvey(options: PostgresConnectOptions, clock: Clock): LockSurvey {
  const { target, credentials, timeout } = options;
  return {
    address: addressOf(target),
    async look(signal): Promise<SurveyReply> {
      const scope = new AbortController();
      try {
        return await within(clock, timeout, signal, async () => ({
          kind: 'found',
          locks: await findLocks(options, scope),
        }));
      } catch (error) {
        if (errorCode(error) === 'ECONNREFUSED') return { kind: 'nobody' };
        const cause = causeOf(error, target, [target.password, credentials.password]);
        return { kind: isRefusal(error) ? 'refused' : 'unavailable', cause };
      } finally {
        scope.abort();
      }
    },
  };
}

async function findLocks(
  options: PostgresConnectOptions,
  scope: AbortController,
): Promise<readonly OldLock[]> {
  const client = await openPostgresClient(options, scope.signal, () => scope.abort());
  const [table] = await runTogether(client, options, [
    `SELECT to_regclass('leader_locks') IS NOT NULL AS is_there`,
  ]);
  if (table?.rows[0]?.['is_there'] !== true) return [];
  const prefix = client.escapeLiteral(redisLockKey(''));
  const [found] = await runTogether(client, options, [
    `SELECT key, value FROM leader_locks WHERE starts_with(key, ${prefix}) AND ${OLD_LOCK_IS_LIVE}`,
  ]);
  return (found?.rows ?? []).flatMap(({ key, value }) => readOldLock(String(key), String(value)) ?? []);
}

/** An SQLSTATE: the server answered. */
function isRefusal(error: unknown): boolean {
  return /^[0-9A-Z]{5}$/.test(errorCode(error) ?? '');
}

/**
 * How followers learn of a release without asking all the time. MySQL sends no notices, but it has named locks that a
 * session waits for (GET_LOCK) and that end with the session. The holder of the lease holds such a lock on a connection
 * of its own; each follower waits for it, which is one statement a minute. When the holder releases, or dies, the first
 * follower gets the named lock, passes it on at once, reads the row and says what it saw.
 *
 * It is a hint and nothing else: who holds the lease is what the row says by the server's clock. A named lock that is
 * lost, or held by somebody else, makes the next take-over slow (it then waits for the expiry), never wrong.
 */
import { createHash } from 'node:crypto';
import { SECOND } from '../../core/time.ts';
import type { Duration } from '../../core/time.ts';
import type { Hint } from '../../ports/lock-store.ts';
import type { Clock, System } from '../../ports/system.ts';
import { openMysqlSession, type MysqlConnectOptions, type MysqlSession } from './mysql-connection.ts';
import { READ } from './mysql-statements.ts';
import { viewOf } from './mysql-row.ts';
import { wait, within } from './deadline.ts';

/** What is heard. */
export interface Listener {
  readonly onHint: (hint: Hint) => void;
  readonly onState: (up: boolean) => void;
}

/** One wait in the server; then the connection has proved that it lives, and the wait begins again. */
const WAIT: Duration = 60 * SECOND;
const FIRST_RETRY = 0.05 * SECOND;
const LAST_RETRY = SECOND;
/**
 * Where nobody holds the named lock, a follower gets it at once each time; it then lets time pass, longer each time. The
 * first time is about as long as a new holder needs to put up its notice.
 */
const FIRST_PAUSE = 0.15 * SECOND;
const LAST_PAUSE = 8 * SECOND;

const GET = 'SELECT GET_LOCK(?, CAST(? AS SIGNED)) AS got';
const PASS_ON = 'DO RELEASE_LOCK(?)';

/** Holds the named lock until the signal aborts, on connections of its own; then resolves. */
export async function giveNotice(
  options: MysqlConnectOptions,
  system: System,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  await onSessions(options, system, signal, async (session, scope, onUp) => {
    while (!(await waitForLock(session, options, system.clock, name, scope)));
    onUp();
    await aborted(scope);
  });
}

/** Tells of releases until the signal aborts; then resolves. */
export async function awaitNotice(
  options: MysqlConnectOptions,
  system: System,
  name: string,
  { onHint, onState }: Listener,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = system;
  await onSessions(options, system, signal, async (session, scope, onUp) => {
    onState(true);
    try {
      for (let pause = FIRST_PAUSE; !scope.aborted;) {
        const isOurs = await waitForLock(session, options, clock, name, scope);
        onUp();
        if (!isOurs) {
          pause = FIRST_PAUSE;
          continue;
        }
        const isFree = await within(clock, options.timeout, scope, async () => {
          await session.change(PASS_ON, [lockName(options.database, name)]);
          return viewOf(await session.rows(READ, [name])).kind === 'free';
        });
        onHint(isFree ? 'released' : 'changed');
        await wait(clock, pause, scope);
        pause = Math.min(2 * pause, LAST_PAUSE);
      }
    } finally {
      if (!signal.aborted) onState(false);
    }
  });
}

/** Work on one session, and again on a new one after each failure, until the signal aborts. */
async function onSessions(
  options: MysqlConnectOptions,
  { clock, random }: System,
  signal: AbortSignal,
  work: (session: MysqlSession, scope: AbortSignal, onUp: () => void) => Promise<void>,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const broken = new AbortController();
    const scope = AbortSignal.any([signal, broken.signal]);
    try {
      const open = (): Promise<MysqlSession> => openMysqlSession(options, clock, scope, () => broken.abort());
      const session = await within(clock, options.timeout, scope, open);
      await work(session, scope, () => {
        failures = 0;
      });
    } catch {
      // Why is told by the requests, which meet the same server.
    } finally {
      broken.abort();
    }
    const pause = Math.min(FIRST_RETRY * 2 ** failures, LAST_RETRY);
    failures += 1;
    if (!signal.aborted) await wait(clock, pause * (0.8 + 0.2 * random.uniform()), signal);
  }
}

/** Answers whether the named lock is ours now; `false` after a wait in vain. */
async function waitForLock(
  session: MysqlSession,
  { database, timeout }: MysqlConnectOptions,
  clock: Clock,
  name: string,
  scope: AbortSignal,
): Promise<boolean> {
  const values = [lockName(database, name), String(WAIT / SECOND)];
  const [row] = await within(clock, WAIT + timeout, scope, () => session.rows(GET, values));
  return Number(row?.['got']) === 1;
}

/** Named locks belong to the server, not to a database, and their names are short. */
export function lockName(database: string, name: string): string {
  const digest = createHash('sha256').update(`${database}/${name}`).digest('hex');
  return `highlander-${digest.slice(0, 40)}`;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

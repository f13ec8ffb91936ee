/**
 * Listens for hints on a connection of its own. A pooler between us and the server may accept LISTEN and lose what it
 * brings, so a subscription counts as up only once a word of our own, sent through the other connection, was heard.
 */
import { SECOND, type Duration } from '../../core/time.ts';
import type { Hint } from '../../ports/lock-store.ts';
import type { System } from '../../ports/system.ts';
import { wait, within } from './deadline.ts';
import { openPostgresClient, type PostgresConnectOptions } from './postgres-connection.ts';
import { CHANNEL } from './postgres-statements.ts';

/** What is heard, and how to be heard. */
export interface Listener {
  readonly onHint: (hint: Hint) => void;
  readonly onState: (up: boolean) => void;
  /** Notifies the channel of this text, through another connection. */
  readonly announce: (text: string) => Promise<unknown>;
}

const FIRST_RETRY = 0.05 * SECOND;
const LAST_RETRY = SECOND;
/** Where LISTEN does not work now, it will hardly work soon. */
const DEAF_RETRY = 30 * SECOND;

/** A connection on which nothing comes any more is noticed after ALIVE_EVERY and the time of a request. */
const ALIVE_EVERY: Duration = 15 * SECOND;

/** How one connection's life went: it was up, it was never up, or it was up and nothing was heard on it. */
type Life = 'was-up' | 'failed' | 'deaf';

/** Subscribes, and again after each failure, until one of the signals aborts; then resolves. */
export async function listen(
  options: PostgresConnectOptions,
  system: System,
  name: string,
  listener: Listener,
  signals: readonly AbortSignal[],
): Promise<void> {
  const { clock, random } = system;
  const over = AbortSignal.any([...signals]);
  let failures = 0;
  while (!over.aborted) {
    const life = await listenOnce(options, system, name, listener, over);
    if (life === 'was-up') {
      failures = 0;
      if (!over.aborted) listener.onState(false);
    }
    const pause = life === 'deaf' ? DEAF_RETRY : Math.min(FIRST_RETRY * 2 ** failures, LAST_RETRY);
    failures += 1;
    if (!over.aborted) await wait(clock, pause * (0.8 + 0.2 * random.uniform()), over);
  }
}

async function listenOnce(
  options: PostgresConnectOptions,
  { clock, random }: System,
  name: string,
  { onHint, onState, announce }: Listener,
  over: AbortSignal,
): Promise<Life> {
  const broken = new AbortController();
  const scope = AbortSignal.any([over, broken.signal]);
  const probe = `probe:${random.uuid()}`;
  const heard = Promise.withResolvers<void>();
  const hear = (text: string): void => {
    if (text === probe) heard.resolve();
    if (scope.aborted) return;
    const [, what, about] = /^([ar]):\d+:(.*)$/s.exec(text) ?? [];
    if (about === name) onHint(what === 'r' ? 'released' : 'changed');
  };
  let life: Life = 'failed';
  try {
    const client = await within(clock, options.timeout, over, async () => {
      const opened = await openPostgresClient(options, scope, () => broken.abort());
      opened.on('notification', ({ payload = '' }) => hear(payload));
      await opened.query(`LISTEN ${CHANNEL}`);
      return opened;
    });
    await announce(probe);
    life = 'deaf';
    await within(clock, options.timeout, scope, () => heard.promise);
    life = 'was-up';
    onState(true);
    while (!scope.aborted) {
      await wait(clock, ALIVE_EVERY, scope);
      if (!scope.aborted) await within(clock, options.timeout, scope, () => client.query('SELECT 1'));
    }
  } catch {
    // Why is told by the requests, which meet the same server.
    if (life === 'deaf' && broken.signal.aborted) life = 'failed';
  } finally {
    broken.abort();
  }
  return life;
}

/** Listens for hints on a connection of its own: one that is subscribed may carry nothing else. */
import { SECOND } from '../../core/time.ts';
import type { Hint } from '../../ports/lock-store.ts';
import type { Clock, System } from '../../ports/system.ts';
import { wait, within } from './deadline.ts';
import { openRedisClient, type RedisConnectOptions } from './redis-connection.ts';

/** What is heard. */
export interface Listener {
  readonly onHint: (hint: Hint) => void;
  readonly onState: (up: boolean) => void;
}

const FIRST_RETRY = 0.05 * SECOND;
const LAST_RETRY = SECOND;

/** Subscribes, and again after each failure, until one of the signals aborts; then resolves. */
export async function listen(
  options: RedisConnectOptions,
  { clock, random }: System,
  channel: string,
  listener: Listener,
  signals: readonly AbortSignal[],
): Promise<void> {
  const over = AbortSignal.any([...signals]);
  let failures = 0;
  while (!over.aborted) {
    const onUp = (): void => {
      failures = 0;
      listener.onState(true);
    };
    const wasUp = await listenOnce(options, clock, channel, { ...listener, onUp }, over);
    if (wasUp && !over.aborted) listener.onState(false);
    const pause = Math.min(FIRST_RETRY * 2 ** failures, LAST_RETRY);
    failures += 1;
    if (!over.aborted) await wait(clock, pause * (0.8 + 0.2 * random.uniform()), over);
  }
}

/** One connection's life. Answers whether the subscription was ever up. */
async function listenOnce(
  options: RedisConnectOptions,
  clock: Clock,
  channel: string,
  { onHint, onUp }: Pick<Listener, 'onHint'> & { readonly onUp: () => void },
  over: AbortSignal,
): Promise<boolean> {
  const broken = new AbortController();
  const scope = AbortSignal.any([over, broken.signal]);
  const ended = new Promise<void>((resolve) => {
    scope.addEventListener('abort', () => resolve(), { once: true });
  });
  const hear = (message: string): void => {
    if (!scope.aborted) onHint(message.startsWith('r:') ? 'released' : 'changed');
  };
  try {
    await within(clock, options.timeout, over, async () => {
      const client = await openRedisClient(options, scope, () => broken.abort());
      await client.subscribe(channel, hear);
    });
    if (scope.aborted) return false;
    onUp();
    await ended;
    return true;
  } catch {
    // Why is told by the requests, which meet the same server.
    return false;
  } finally {
    broken.abort();
  }
}

/** Listens to a channel on a connection of its own: one that is subscribed may carry nothing else. */
import { SECOND } from '../../core/time.ts';
import type { Duration } from '../../core/time.ts';
import type { Clock, System } from '../../ports/system.ts';
import { wait, within } from './deadline.ts';
import type { RedisClient } from './redis-client.ts';

/** What to listen to, and what is heard. */
export interface Subscription {
  /** Connects; `attempt` counts from 0. */
  readonly open: (attempt: number, signal: AbortSignal, onEnd: () => void) => Promise<RedisClient>;
  readonly channel: string;
  /** The bound of connecting and subscribing. */
  readonly timeout: Duration;
  readonly onMessage: (message: string) => void;
  readonly onState: (up: boolean) => void;
  /** Aborted to leave the present connection for another one; a fresh signal for each. */
  readonly left?: () => AbortSignal;
}

const FIRST_RETRY = 0.05 * SECOND;
const LAST_RETRY = SECOND;

/** Subscribes, and again after each failure, until one of the signals aborts; then resolves. */
export async function listen(
  subscription: Subscription,
  { clock, random }: System,
  signals: readonly AbortSignal[],
): Promise<void> {
  const over = AbortSignal.any([...signals]);
  let failures = 0;
  for (let attempt = 0; !over.aborted; attempt += 1) {
    const onUp = (): void => {
      failures = 0;
      subscription.onState(true);
    };
    const wasUp = await listenOnce(subscription, clock, attempt, onUp, over);
    if (wasUp && !over.aborted) subscription.onState(false);
    const pause = Math.min(FIRST_RETRY * 2 ** failures, LAST_RETRY);
    failures += 1;
    if (!over.aborted) await wait(clock, pause * (0.8 + 0.2 * random.uniform()), over);
  }
}

/** One connection's life. Answers whether the subscription was ever up. */
async function listenOnce(
  { open, channel, timeout, onMessage, left }: Subscription,
  clock: Clock,
  attempt: number,
  onUp: () => void,
  over: AbortSignal,
): Promise<boolean> {
  const broken = new AbortController();
  const scope = AbortSignal.any([over, broken.signal, ...(left === undefined ? [] : [left()])]);
  const ended = new Promise<void>((resolve) => {
    scope.addEventListener('abort', () => resolve(), { once: true });
  });
  const hear = (message: string): void => {
    if (!scope.aborted) onMessage(message);
  };
  try {
    await within(clock, timeout, over, async () => {
      const client = await open(attempt, scope, () => broken.abort());
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

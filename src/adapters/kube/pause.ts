/** A wait with an end. */
import { setImmediate } from 'node:timers/promises';
import type { Duration } from '../../core/time.ts';
import type { Clock } from '../../ports/system.ts';

/**
 * Waits. False if the signal aborted first. After a stall of the process several timers are overdue at once, so the
 * others get their turn before this one answers: a deadline that passed during the wait is then seen as passed.
 */
export async function pause(clock: Clock, duration: Duration, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.timer(clock.now() + duration, done);
    signal.addEventListener('abort', done);
  });
  await setImmediate();
  return !signal.aborted;
}

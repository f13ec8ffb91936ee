/** A wait with an end, and a signal with a deadline. */
import { setImmediate } from 'node:timers/promises';
import type { Duration, Instant } from '../../core/time.ts';
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

/** Aborts with `signal` or at `deadline`, whichever comes first. Call `release` when the work is over. */
export interface Bound {
  readonly signal: AbortSignal;
  /** Aborts now. */
  abort(reason: Error): void;
  /** Moves the deadline. */
  extend(deadline: Instant): void;
  release(): void;
}

export function boundSignal(clock: Clock, signal: AbortSignal, deadline: Instant, late: string): Bound {
  const controller = new AbortController();
  const follow = (): void => controller.abort(signal.reason);
  const expire = (): void => controller.abort(new Error(late));
  if (signal.aborted) follow();
  else signal.addEventListener('abort', follow);
  let timer = clock.timer(deadline, expire);
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    extend(next) {
      timer.cancel();
      timer = clock.timer(next, expire);
    },
    release() {
      timer.cancel();
      signal.removeEventListener('abort', follow);
    },
  };
}

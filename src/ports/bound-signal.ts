/** A signal with a deadline, by the clock of the system. */
import type { Instant } from '../core/time.ts';
import type { Clock } from './system.ts';

/** Aborts with `signal` or at `deadline`, whichever comes first. Call `release` when the work is over. */
export interface Bound {
  readonly signal: AbortSignal;
  /** Aborts now. */
  abort(reason: Error): void;
  /** Moves the deadline. */
  extend(deadline: Instant): void;
  release(): void;
}

/** `late`: what the reason of an abort at the deadline says. Cheaper than `AbortSignal.any`, which is felt where there is one for each write. */
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

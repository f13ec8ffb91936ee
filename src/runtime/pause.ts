/** A wait that ends: after its time, or when its owner aborts. */
import type { Duration } from '../core/time.ts';
import type { Clock } from '../ports/system.ts';

/** Resolves after `duration`, or at once when the signal aborts. Never rejects. */
export async function pause(clock: Clock, duration: Duration, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.timer(clock.now() + duration, done);
    signal.addEventListener('abort', done);
  });
}

/** Waits with an end, on the clock of the system. */
import type { Duration } from '../../core/time.ts';
import type { Clock } from '../../ports/system.ts';

/** The work's result, unless time runs out or the caller gives up first; the work is then nobody's any more. */
export async function within<T>(
  clock: Clock,
  timeout: Duration,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  if (signal.aborted) throw new Error('the caller gave up');
  const { promise: given, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(new Error('the caller gave up'));
  const timer = clock.timer(clock.now() + timeout, () =>
    reject(new Error(`no answer within ${Math.round(timeout)} ms`)),
  );
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work(), given]);
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', onAbort);
  }
}

/** Resolves after this long, or at once when the signal aborts. */
export function wait(clock: Clock, duration: Duration, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const finish = (): void => resolve();
  const timer = clock.timer(clock.now() + duration, finish);
  signal.addEventListener('abort', finish, { once: true });
  if (signal.aborted) finish();
  return promise.finally(() => {
    timer.cancel();
    signal.removeEventListener('abort', finish);
  });
}

/**
 * How long a container waits before it is started again, as in the kubelet: the first restart is immediate, then the
 * wait starts at `base` and doubles up to five minutes, counted from the last exit. A container that ran for ten minutes
 * starts over.
 */
import { MINUTE } from '../../src/core/time.ts';
import type { Duration, WallTime } from '../../src/core/time.ts';

const MAX_BACKOFF: Duration = 5 * MINUTE;
export const CALM_AFTER: Duration = 10 * MINUTE;

/** `failures` is the number of exits since the last calm run. */
export function restartDelay(failures: number, base: Duration): Duration {
  if (failures <= 1) return 0;
  return Math.min(base * 2 ** (failures - 2), MAX_BACKOFF);
}

/** The count after one more exit. */
export function failuresAfterExit(failures: number, startedAt: WallTime, finishedAt: WallTime): number {
  return finishedAt - startedAt >= CALM_AFTER ? 1 : failures + 1;
}

/** Waiting for something to become true, with a deadline and a word for what did not. */
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 50;

/**
 * Asks until the answer is neither undefined nor false.
 * @throws Error naming `what` when `within` milliseconds passed, or the signal aborted.
 */
export async function soon<T>(
  what: string,
  question: () => Promise<T | undefined | false>,
  signal: AbortSignal,
  within = 40_000,
): Promise<T> {
  const deadline = performance.now() + within;
  for (;;) {
    const answer = await question();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() >= deadline) throw new Error(`not within ${within / 1000} s: ${what}`);
    await sleep(POLL_MS, undefined, { signal });
  }
}

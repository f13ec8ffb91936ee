/** Waiting for the real world, with a deadline and with words for what did not happen. */
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 20;

/**
 * Asks until the answer is neither undefined nor false. An error thrown by the question counts as "not yet" and is shown
 * when the deadline passes.
 * @throws naming `what` after `within` milliseconds.
 */
export async function eventually<T>(
  what: string,
  question: () => T | undefined | false | Promise<T | undefined | false>,
  within = 30_000,
  explain: () => string = () => '',
): Promise<T> {
  const deadline = performance.now() + within;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      const answer = await question();
      if (answer !== undefined && answer !== false) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await sleep(POLL_MS);
  }
  const why = last instanceof Error ? ` (${last.message})` : '';
  throw new Error(`not within ${within} ms: ${what}${why}\n${explain()}`);
}

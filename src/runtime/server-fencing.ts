/**
 * Finds out, once in a term, whether the API server holds the fence by itself. Acting never waits for it: the first
 * question comes when the take-over is likely done, each has a deadline, and after a few without an answer it is left.
 */
import type { Epoch } from '../core/election/record.ts';
import type { ServerFencing } from '../core/server-fencing.ts';
import { SECOND, type Duration } from '../core/time.ts';
import { boundSignal } from '../ports/bound-signal.ts';
import type { ServerFence } from '../ports/server-fence.ts';
import type { Clock } from '../ports/system.ts';
import { pause } from './pause.ts';

const FIRST_AFTER: Duration = SECOND;
const BETWEEN: Duration = 5 * SECOND;
const TIMEOUT: Duration = 2 * SECOND;
const ATTEMPTS = 3;

/** The answer, or why there is none after the last attempt. Undefined: the signal aborted before. Never rejects. */
export async function askServerFencing(
  fence: ServerFence,
  epoch: Epoch,
  clock: Clock,
  signal: AbortSignal,
): Promise<ServerFencing | undefined> {
  let answer: ServerFencing | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    await pause(clock, attempt === 0 ? FIRST_AFTER : BETWEEN, signal);
    if (signal.aborted) return undefined;
    const bound = boundSignal(clock, signal, clock.now() + TIMEOUT, 'no answer in time');
    answer = await fence.tryLowering(epoch, bound.signal);
    bound.release();
    if (signal.aborted) return undefined;
    if (answer.state !== 'unknown') break;
  }
  return answer;
}

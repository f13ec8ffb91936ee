/** Waiting for what was asked for: asked again every half second until the answer is there, or the time is over. */
import { pause } from '../adapters/kube/pause.ts';
import { formatDuration, SECOND, type Duration } from '../core/time.ts';
import type { Asking, Ended } from './asking.ts';

const AGAIN: Duration = 0.5 * SECOND;

/** Exit code 124 when `--timeout` passed, 130 when interrupted. It is asked at least once. */
export async function waitFor(
  { wait = 0, parts }: Asking,
  what: string,
  question: () => Promise<Ended | undefined>,
): Promise<Ended> {
  const { clock } = parts.system;
  const until = clock.now() + wait;
  for (;;) {
    const answer = await question();
    if (answer !== undefined) return answer;
    if (clock.now() + AGAIN > until)
      return {
        exit: 124,
        stderr: `error: waited ${formatDuration(wait)} for ${what}; what was written stays, and is carried out by whoever leads\n`,
      };
    if (!(await pause(clock, AGAIN, parts.signal))) return { exit: 130, stderr: 'interrupted\n' };
  }
}

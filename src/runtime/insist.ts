/** Asking again, for as long as a term lasts. */
import { SECOND } from '../core/time.ts';
import type { System } from '../ports/system.ts';
import { pause } from './pause.ts';
import type { Term } from './term.ts';

/**
 * Asks each second until the answer is not the cause of a failure, and logs each cause. Undefined when the term ended
 * before.
 */
export async function insist<T extends object>(
  { clock, log }: System,
  term: Term,
  ask: () => Promise<T | string>,
): Promise<T | undefined> {
  let answer = await ask();
  while (typeof answer === 'string' && term.isValid()) {
    log.warn('cannot read the state of the cluster', { cause: answer, term: term.epoch });
    await pause(clock, SECOND, term.signal);
    answer = await ask();
  }
  return typeof answer === 'string' ? undefined : answer;
}

/** What must be had before the work of a term can begin: an answer of the cluster, and a right to act that nobody doubts. */
import { SECOND } from '../core/time.ts';
import type { Clock, System } from '../ports/system.ts';
import { pause } from './pause.ts';
import { IN_QUESTION, type Term } from './term.ts';

/**
 * Asks each second until the answer is not the cause of a failure, and logs each cause. Undefined when the term ended
 * before. A moment in which the term is not valid is no reason to give up: the term may go on.
 */
export async function insist<T extends object>(
  { clock, log }: System,
  term: Term,
  ask: () => Promise<T | string>,
): Promise<T | undefined> {
  let answer = await ask();
  while (typeof answer === 'string' && !term.signal.aborted) {
    log.warn('cannot read the state of the cluster', { cause: answer, term: term.epoch });
    await pause(clock, SECOND, term.signal);
    answer = await ask();
  }
  return typeof answer === 'string' ? undefined : answer;
}

/** True once the term is valid; false when it ended before. */
export async function untilValid(clock: Clock, term: Term): Promise<boolean> {
  while (!term.signal.aborted && !term.isValid()) await pause(clock, IN_QUESTION, term.signal);
  return !term.signal.aborted;
}

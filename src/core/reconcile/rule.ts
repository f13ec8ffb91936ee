/** One check of a chain: it answers with a verdict, or passes. */
import type { Input } from './observed.ts';
import type { Verdict } from './verdict.ts';

export interface Rule<I extends Input> {
  /** For people: what holds when it passes. */
  readonly name: string;
  readonly check: (input: I) => Verdict | undefined;
}

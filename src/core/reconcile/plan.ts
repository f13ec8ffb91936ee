/**
 * From what was observed to what to do. The chain in `rules.ts` is asked in order; the first rule that answers decides.
 * The plan is small on purpose: one step, then the world is looked at again.
 */
import type { Input, ProcessInput } from './observed.ts';
import { PROCESS_RULES } from './rules.ts';
import { TONE } from './tone.ts';
import type { Reason, Verdict } from './verdict.ts';

export interface Plan extends Verdict {
  /** Name of the rule that answered. */
  readonly rule: string;
}

/** What one rule said, for people who ask why. */
export interface RuleOutcome {
  readonly rule: string;
  /** The last rule of a workload that is as it should be passes as well. */
  readonly outcome: 'pass' | 'stop' | 'not-reached';
  /** Of the rule that decided. */
  readonly reason?: Reason;
  readonly message?: string;
}

interface Link {
  readonly name: string;
  readonly ask: () => Verdict | undefined;
}

/**
 * Decides the next step for one workload.
 * @throws when no rule answers: the chain must be total.
 */
export function planWorkload(input: Input): Plan {
  for (const { name, ask } of chainOf(input)) {
    const verdict = ask();
    if (verdict !== undefined) return { rule: name, ...verdict };
  }
  throw new Error(`no rule answered for ${input.key.kind}/${input.key.namespace}/${input.key.name}`);
}

/** Every rule of the chain that `planWorkload` asks, in its order, with what it said of the same input. */
export function explainWorkload(input: Input): readonly RuleOutcome[] {
  const chain = chainOf(input);
  const outcomes: RuleOutcome[] = [];
  let isDecided = false;
  for (const [at, { name, ask }] of chain.entries()) {
    const verdict = isDecided ? undefined : ask();
    if (verdict === undefined) outcomes.push({ rule: name, outcome: isDecided ? 'not-reached' : 'pass' });
    else {
      const { reason, message } = verdict;
      const isFine = at === chain.length - 1 && TONE[reason] === 'ok';
      outcomes.push({ rule: name, outcome: isFine ? 'pass' : 'stop', reason, message });
      isDecided = true;
    }
  }
  return outcomes;
}

/** The rules for the kind of the workload. */
function chainOf(input: Input): readonly Link[] {
  if (!isProcess(input)) return [];
  return PROCESS_RULES.map(({ name, check }) => ({ name, ask: () => check(input) }));
}

function isProcess(input: Input): input is ProcessInput {
  return input.key.kind === 'process';
}

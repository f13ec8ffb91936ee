/**
 * From what was observed to what to do. The chain in `rules.ts` is asked in order; the first rule that answers decides.
 * The plan is small on purpose: one step, then the world is looked at again.
 */
import type { Input, ProcessInput } from './observed.ts';
import { PROCESS_RULES } from './rules.ts';
import type { Verdict } from './verdict.ts';

export interface Plan extends Verdict {
  /** Name of the rule that answered. */
  readonly rule: string;
}

/**
 * Decides the next step for one workload.
 * @throws when no rule answers: the chain must be total.
 */
export function planWorkload(input: Input): Plan {
  if (isProcess(input))
    for (const { name, check } of PROCESS_RULES) {
      const verdict = check(input);
      if (verdict !== undefined) return { rule: name, ...verdict };
    }
  throw new Error(`no rule answered for ${input.key.kind}/${input.key.namespace}/${input.key.name}`);
}

function isProcess(input: Input): input is ProcessInput {
  return input.key.kind === 'process';
}

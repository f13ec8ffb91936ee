/**
 * From what was observed to what to do. The chain of the workload's kind is asked in order; the first rule that answers
 * decides. The plan is small on purpose: one step, then the world is looked at again.
 */
import { formatKey } from '../workload/model.ts';
import { CRON_RULES } from './cron-rules.ts';
import type { CronInput, Input, OwnedInput, ProcessInput } from './observed.ts';
import { OWNED_RULES } from './owned-rules.ts';
import type { Rule } from './rule.ts';
import { PROCESS_RULES } from './rules.ts';
import { checkClaimed, checkForeign, checkObserved } from './shared-rules.ts';
import { TONE } from './tone.ts';
import type { Action, Reason, Verdict } from './verdict.ts';

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

/**
 * Decides the next step for one workload.
 * @throws when no rule answers: each chain must be total.
 */
export function planWorkload(input: Input): Plan {
  const plan = withRules(input, firstOf);
  if (plan === undefined) throw new Error(`no rule answered for ${formatKey(input.key)}`);
  const { givesUpAt } = input;
  return givesUpAt === undefined ? plan : { ...plan, wakeAt: Math.min(givesUpAt, plan.wakeAt ?? Infinity) };
}

function firstOf<I extends Input>(rules: readonly Rule<I>[], input: I): Plan | undefined {
  for (const { name, check } of rules) {
    const verdict = check(input);
    if (verdict !== undefined) return { rule: name, ...verdict };
  }
  return undefined;
}

/**
 * What may be claimed before the world was read consistently: what is ours by all that is known. A claim is safe on an old
 * view, because it holds only for the version that was seen; nothing else is.
 */
export function planClaims(input: Input): readonly Action[] {
  const objection = checkObserved(input) ?? checkForeign(input);
  return objection === undefined ? (checkClaimed(input)?.actions ?? []) : [];
}

/** Every rule of the chain that `planWorkload` asks, in its order, with what it said of the same input. */
export function explainWorkload(input: Input): readonly RuleOutcome[] {
  return withRules(input, outcomesOf) ?? [];
}

function outcomesOf<I extends Input>(rules: readonly Rule<I>[], input: I): readonly RuleOutcome[] {
  const outcomes: RuleOutcome[] = [];
  let isDecided = false;
  for (const [at, { name, check }] of rules.entries()) {
    const verdict = isDecided ? undefined : check(input);
    if (verdict === undefined) outcomes.push({ rule: name, outcome: isDecided ? 'not-reached' : 'pass' });
    else {
      const { reason, message } = verdict;
      const isFine = at === rules.length - 1 && TONE[reason] === 'ok';
      outcomes.push({ rule: name, outcome: isFine ? 'pass' : 'stop', reason, message });
      isDecided = true;
    }
  }
  return outcomes;
}

/** What `use` makes of the rules for the kind of the workload. */
function withRules<T>(
  input: Input,
  use: <I extends Input>(rules: readonly Rule<I>[], input: I) => T,
): T | undefined {
  if (isCron(input)) return use(CRON_RULES, input);
  if (isOwned(input)) return use(OWNED_RULES, input);
  return isProcess(input) ? use(PROCESS_RULES, input) : undefined;
}

// The kind of the key is the kind of the workload: the sources keep them by key.
export function isCron(input: Input): input is CronInput {
  return input.key.kind === 'cronjob';
}

function isOwned(input: Input): input is OwnedInput {
  return input.key.kind === 'service' || input.key.kind === 'persistent';
}

function isProcess(input: Input): input is ProcessInput {
  return input.key.kind === 'process';
}

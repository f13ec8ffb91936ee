/** Why a workload is as it is, rule by rule. */
import { describe, expect, it } from 'vitest';
import { makeInput, makeInstance } from '../../../test/pod-fixture.ts';
import { explainWorkload, planWorkload } from './plan.ts';
import { PROCESS_RULES } from './rules.ts';

const names = PROCESS_RULES.map(({ name }) => name);

describe('the explanation', () => {
  it('has every rule of the chain in its order, and all of them pass for an instance that is up', () => {
    const outcomes = explainWorkload(makeInput({ instances: [makeInstance()] }));
    expect(outcomes.map(({ rule }) => rule)).toEqual(names);
    expect(outcomes.every(({ outcome }) => outcome === 'pass')).toBe(true);
    expect(outcomes.at(-1)).toMatchObject({ reason: 'Active', message: 'running on node-a' });
  });

  it('stops at the rule that decides, and nothing behind it is reached', () => {
    const input = makeInput({ instances: [makeInstance({ terminating: true })] });
    const plan = planWorkload(input);
    const outcomes = explainWorkload(input);
    const at = names.indexOf(plan.rule);
    expect(outcomes[at]).toEqual({
      rule: plan.rule,
      outcome: 'stop',
      reason: plan.reason,
      message: plan.message,
    });
    expect(outcomes.slice(0, at).every(({ outcome }) => outcome === 'pass')).toBe(true);
    expect(outcomes.slice(at + 1).every(({ outcome }) => outcome === 'not-reached')).toBe(true);
  });
});

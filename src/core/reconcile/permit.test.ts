import { describe, expect, it } from 'vitest';
import { makeInput, makeInstance, makePod } from '../../../test/pod-fixture.ts';
import { claimedTerm, decidePermit, fencingToken } from './permit.ts';

describe('fencing token', () => {
  it('rises with every start of a term, and from any start of one term to the first of the next', () => {
    expect(fencingToken(7, 1)).toBe(7_000_001);
    expect(fencingToken(7, 999_999)).toBeLessThan(fencingToken(8, 1));
  });

  it.each([0, 1_000_000, 1.5, -1])('does not number start %s', (n) => {
    expect(() => fencingToken(7, n)).toThrow('no token number');
  });

  it('stays an exact number for every term that a store can grant within a lifetime', () => {
    expect(Number.isSafeInteger(fencingToken(9_000_000_000, 999_999))).toBe(true);
  });
});

describe('the term of a pod', () => {
  it('is read from its annotation', () => {
    expect(claimedTerm(makePod({ term: 12 }))).toBe(12);
  });

  it.each([null, Number.NaN, -1])('is unknown when the annotation is %s', (term) => {
    expect(claimedTerm(makePod({ term }))).toBeUndefined();
  });
});

describe('the permit itself', () => {
  const gated = makeInstance({ gated: true, uid: 'new' });

  it.each([
    ['runs', makeInstance({ uid: 'old', name: 'old' })],
    ['terminates', makeInstance({ uid: 'old', name: 'old', terminating: true })],
    ['was permitted and waits for a node', makeInstance({ uid: 'old', name: 'old', node: null })],
  ])('is not given while another instance %s, whatever the rules before it said', (_, other) => {
    expect(decidePermit(makeInput({ instances: [gated, other] }))).toMatchObject({
      reason: 'WaitingForOldInstance',
      actions: [],
    });
  });

  it('is given to one of two gated pods', () => {
    const instances = [gated, makeInstance({ gated: true, uid: 'other', name: 'other' })];
    expect(decidePermit(makeInput({ instances }))?.actions).toMatchObject([{ kind: 'permit' }]);
  });
});

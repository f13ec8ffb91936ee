import { describe, expect, it } from 'vitest';
import { FENCED_AT, NODE_FENCE, SILENT_NODE } from '../../../test/node-fence-fixture.ts';
import type { NodeFacts } from '../reconcile/node-facts.ts';
import { answerControl, standAside, STAND_ASIDE } from './desk.ts';
import { isFreed, readNodeFence, type NodeFence } from './node-fence.ts';

const WALL = Date.parse(FENCED_AT);

const BREACHES: readonly (readonly [string, NodeFacts])[] = [
  ['is ready', { ...SILENT_NODE, ready: true }],
  ['has registered anew', { ...SILENT_NODE, uid: 'n2' }],
  ['has booted', { ...SILENT_NODE, bootId: 'b2' }],
  ['has reported', { ...SILENT_NODE, heartbeat: 'h2' }],
];

describe("a person's word that a node is off", () => {
  const accepted = { ...NODE_FENCE, state: 'accepted' } as const;
  const answer = (fence: NodeFence, node: NodeFacts = SILENT_NODE) =>
    answerControl(
      { 'fenced.node-a': JSON.stringify(fence) },
      { term: 3, id: 'a', wall: WALL, nodeOf: () => node },
    );

  it('frees the pods it names, and no others', () => {
    expect(isFreed(accepted, 'p1', SILENT_NODE)).toBe(true);
    expect(isFreed(accepted, 'p2', SILENT_NODE)).toBe(false);
    expect(isFreed(accepted, 'p1', { kind: 'absent' })).toBe(true);
  });

  it('frees nothing before a leader has taken note of it, or when it is void', () => {
    expect(isFreed(NODE_FENCE, 'p1', SILENT_NODE)).toBe(false);
    expect(isFreed({ ...NODE_FENCE, state: 'void' }, 'p1', SILENT_NODE)).toBe(false);
  });

  it.each(BREACHES)('counts no more once the node %s', (_, node) => {
    expect(isFreed(accepted, 'p1', node)).toBe(false);
    expect(answer(accepted, node)).toMatchObject([{ told: { state: 'void' } }]);
    expect(answer(NODE_FENCE, node)).toMatchObject([{ told: { state: 'void' } }]);
  });

  it('is taken note of once', () => {
    const [first] = answer(NODE_FENCE);
    expect(first?.told).toMatchObject({ subject: 'node/node-a', state: 'accepted', by: 'eva' });
    const stored = readNodeFence(first?.text ?? '');
    expect(stored).toMatchObject({ ...NODE_FENCE, state: 'accepted', term: '3' });
    expect(answer(stored as NodeFence)).toEqual([]);
    expect(answer({ ...NODE_FENCE, state: 'void' })).toEqual([]);
  });

  it('that cannot be read frees nothing', () => {
    expect(readNodeFence('{"node":"a","by":"x","at":"y"}')).toHaveProperty('fault');
    expect(readNodeFence('no')).toHaveProperty('fault');
  });
});

describe('a planned move of leadership', () => {
  const request = { id: 'r', action: 'failover', by: 'eva', reason: 'patch', at: FENCED_AT };
  const answer = (extra: object, id = 'a', term = 3, wall = WALL) =>
    answerControl(
      { 'leader-request': JSON.stringify({ ...request, ...extra }) },
      { term, id, wall, nodeOf: () => SILENT_NODE },
    );
  const aside = (extra: object, id: string, wall = WALL) => {
    const text = JSON.stringify({
      ...request,
      state: 'accepted',
      from: 'a',
      answeredAt: FENCED_AT,
      ...extra,
    });
    return standAside({ 'leader-request': text }, { id, wall });
  };

  it('is accepted in one term and done in the next', () => {
    const [first] = answer({ to: 'b' });
    expect(first?.told).toMatchObject({ state: 'accepted' });
    const stored: unknown = JSON.parse(first?.text ?? '');
    expect(answer(stored as object)).toEqual([]);
    expect(answer(stored as object, 'b', 4)).toMatchObject([{ told: { state: 'done' } }]);
    expect(answer(stored as object, 'c', 4)).toMatchObject([{ told: { state: 'refused' } }]);
  });

  it('is refused when it expired, leads nowhere new, or is something else', () => {
    expect(answer({}, 'a', 3, WALL + 600_000)).toMatchObject([{ told: { state: 'refused' } }]);
    expect(answer({ to: 'a' })).toMatchObject([{ told: { state: 'refused' } }]);
    expect(answer({ action: 'restart' })).toMatchObject([{ told: { state: 'refused' } }]);
  });

  it('makes all but the target stand aside, and without a target the one that led', () => {
    expect(['a', 'b', 'c'].map((id) => aside({ to: 'b' }, id))).toEqual([STAND_ASIDE, 0, STAND_ASIDE]);
    expect(['a', 'b'].map((id) => aside({}, id))).toEqual([STAND_ASIDE, 0]);
  });

  it('holds nobody back for long, whatever the clocks say', () => {
    expect(aside({ to: 'b' }, 'a', WALL + STAND_ASIDE)).toBe(0);
    expect(aside({ to: 'b' }, 'a', WALL - 3_600_000)).toBe(STAND_ASIDE);
    expect(aside({ to: 'b', state: 'done' }, 'a')).toBe(0);
  });

  it('a drained controller stands aside for good', () => {
    expect(standAside({ 'drained.a': '{}' }, { id: 'a', wall: WALL })).toBe(Infinity);
    expect(standAside({ 'drained.a': '{}' }, { id: 'b', wall: WALL })).toBe(0);
  });
});

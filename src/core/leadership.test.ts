import { describe, expect, it } from 'vitest';
import type { ElectionEvent } from './election/events.ts';
import { foldLeadership, NO_LEADERSHIP, type Leadership } from './leadership.ts';

const [A, B] = ['a/host/1', 'b/host/2'];

/** What `A` knows after these events, one a second. */
function fold(...events: readonly ElectionEvent[]): Leadership {
  let now = 0;
  return events.reduce((known, event) => foldLeadership(known, event, A, (now += 1000)), NO_LEADERSHIP);
}

const elected = (previous?: string): ElectionEvent => ({
  kind: 'leader-elected',
  epoch: 1,
  ...(previous === undefined ? {} : { previous }),
});
const seen = (holder?: string): ElectionEvent => ({
  kind: 'holder-changed',
  epoch: 1,
  ...(holder === undefined ? {} : { holder }),
});

describe('a change of holder', () => {
  it('is none when the first one is seen, whoever it is', () => {
    expect(fold(seen(B))).toMatchObject({ latest: B, previous: undefined, vacant: false, failovers: 0 });
    expect(fold(elected())).toMatchObject({ latest: A, failovers: 0, leaderSince: 1000, transitions: 1 });
  });

  it('towards this process', () => {
    const known = fold(seen(B), elected(B));
    expect(known).toMatchObject({ latest: A, previous: B, failovers: 1, reason: 'normal transition' });
    expect(known.changes).toEqual([{ from: B, to: A, at: 2000, reason: 'normal transition' }]);
  });

  it('seen from outside, where nobody can tell how the term ended', () => {
    const known = fold(seen('c/host/3'), seen(), seen(B));
    expect(known).toMatchObject({ latest: B, previous: 'c/host/3', failovers: 1, reason: 'unknown' });
    expect(known).toMatchObject({ transitions: 0, lastTransition: undefined });
  });

  it('is none when the same holder comes back', () => {
    expect(fold(seen(B), seen(), seen(B))).toMatchObject({ failovers: 0, previous: undefined });
    expect(
      fold(elected(), { kind: 'leadership-lost', epoch: 1, reason: 'Expired' }, elected(A)).failovers,
    ).toBe(0);
  });

  it('is one between two processes with the same configured id', () => {
    expect(fold(seen('a/host/0'), elected('a/host/0')).failovers).toBe(1);
  });
});

describe('the end of a term', () => {
  it.each([
    [{ kind: 'leadership-released', epoch: 1, confirmed: true }, 'normal transition'],
    [{ kind: 'leadership-lost', epoch: 1, reason: 'Expired' }, 'leadership lost during renewal'],
    [{ kind: 'leadership-lost', epoch: 1, reason: 'NotOurs' }, 'leadership taken by another instance'],
    [{ kind: 'leadership-lost', epoch: 1, reason: 'Outranked' }, 'leadership taken by another instance'],
  ] satisfies [ElectionEvent, string][])('%j is told as %s', (event, reason) => {
    const known = fold(elected(), event);
    expect(known).toMatchObject({ latest: A, vacant: true, reason, transitions: 2, lastTransition: 2000 });
    expect(known.leaderSince).toBeUndefined();
  });
});

it('keeps the last hundred changes and counts all', () => {
  const known = fold(...Array.from({ length: 150 }, (_, n) => seen(`h${n}`)));
  expect(known.failovers).toBe(149);
  expect(known.changes.length).toBe(100);
  expect(known.changes.at(-1)).toMatchObject({ from: 'h148', to: 'h149' });
});

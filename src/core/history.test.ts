/** The history that follows from domain events. */
import { describe, expect, it } from 'vitest';
import type { ElectionEvent } from './election/events.ts';
import { foldLeadership, NO_LEADERSHIP, type Leadership } from './leadership.ts';
import { History, type HistoryEntry } from './history.ts';
import type { DomainEvent, WorkloadView } from './projection.ts';

const KEY = { kind: 'process', namespace: 'default', name: 'report' } as const;
const SUBJECT = 'process/default/report';
const stopping = (cause: string): DomainEvent => ({
  type: 'instance-stopping',
  key: SUBJECT,
  pod: 'report-pod',
  uid: 'one',
  cause,
});

function view(healthy: boolean, on?: readonly [uid: string, node: string], facts = {}): DomainEvent {
  const instance = on && { pod: 'report-pod', uid: on[0], node: on[1], restarts: 0 };
  const shown: WorkloadView = {
    key: KEY,
    active: instance !== undefined,
    healthy,
    reason: healthy ? 'Active' : 'Starting',
    message: '',
    ...(instance === undefined ? {} : { instance }),
    ...facts,
  };
  return { type: 'workload-changed', view: shown };
}

/** A history that is told one event each second, as `self` sees it. */
function tell(history = new History()): (...events: readonly DomainEvent[]) => readonly HistoryEntry[] {
  let leadership: Leadership = NO_LEADERSHIP;
  let now = 0;
  return (...events) =>
    events.flatMap((event) => {
      now += 1000;
      const before = leadership;
      if (event.type === 'election') leadership = foldLeadership(before, event.event, 'self', now);
      return history.observe(event, before, leadership, { now, wall: now }) ?? [];
    });
}

const election = (event: ElectionEvent): DomainEvent => ({ type: 'election', event });

describe('an instance', () => {
  it('that was up when the term began is no entry', () => {
    expect(tell()(view(true, ['one', 'node-a']))).toEqual([]);
  });

  it('that moves has an entry when it stops, and one with the gap and its cause when it is up again', () => {
    const entries = tell()(
      view(true, ['one', 'node-a']),
      stopping('SpecChanged'),
      view(false, undefined),
      view(false, ['two', 'node-b']),
      view(true, ['two', 'node-b']),
    );
    expect(entries).toMatchObject([
      { type: 'stopped', subject: SUBJECT, from: 'node-a', gap: 'open', cause: 'SpecChanged' },
      { type: 'moved', from: 'node-a', to: 'node-b', gap: 2000, cause: 'SpecChanged' },
    ]);
  });

  it('that is replaced on the same node was restarted', () => {
    const entries = tell()(view(true, ['one', 'node-a']), view(false), view(true, ['two', 'node-a']));
    expect(entries.map(({ type }) => type)).toEqual(['stopped', 'restarted']);
  });

  it('that is still there has only stopped to be ready, and recovers', () => {
    const entries = tell()(
      view(true, ['one', 'node-a']),
      view(false, ['one', 'node-a'], { reason: 'CrashLoop' }),
      view(true, ['one', 'node-a']),
    );
    expect(entries).toMatchObject([
      { type: 'not-ready', from: 'node-a', to: 'node-a', gap: 'open', cause: 'CrashLoop' },
      { type: 'recovered', gap: 1000, cause: 'CrashLoop' },
    ]);
  });

  it('whose beginning of the gap was not seen has no gap', () => {
    const [entry] = tell()(view(false), view(true, ['one', 'node-a']));
    expect(entry).toMatchObject({ type: 'started', to: 'node-a', cause: 'Active' });
    expect(entry).not.toHaveProperty('gap');
  });

  it('of an earlier term is not compared with what the next term finds', () => {
    const entries = tell()(
      election({ kind: 'leader-elected', epoch: 1 }),
      view(true, ['one', 'node-a']),
      election({ kind: 'leadership-lost', epoch: 1, reason: 'Expired' }),
      election({ kind: 'leader-elected', epoch: 3 }),
      view(true, ['two', 'node-b']),
    );
    expect(entries.map(({ type }) => type)).toEqual(['leader-changed', 'leader-changed']);
  });
});

describe('the leader', () => {
  it('has an entry for each change, with the gap as far as its beginning was seen', () => {
    const entries = tell()(
      election({ kind: 'holder-changed', epoch: 4, holder: 'other' }),
      election({ kind: 'holder-changed', epoch: 4 }),
      election({ kind: 'leader-elected', epoch: 5, previous: 'other' }),
      election({ kind: 'leadership-released', epoch: 5, confirmed: true }),
      election({ kind: 'holder-changed', epoch: 6, holder: 'third' }),
      election({ kind: 'holder-changed', epoch: 7, holder: 'fourth' }),
    );
    expect(entries).toMatchObject([
      { to: 'other', term: 4, cause: 'first seen' },
      { from: 'other', to: 'self', term: 5, gap: 1000, cause: 'normal transition' },
      { from: 'self', to: 'third', term: 6, gap: 1000 },
      { from: 'third', to: 'fourth', term: 7 },
    ]);
    expect(entries[3]).not.toHaveProperty('gap');
  });
});

it('the history is bounded, and goes on from what was kept', () => {
  const kept = { seq: 7, at: 1, type: 'removed', subject: SUBJECT, cause: 'Removed' } as const;
  const history = new History(2, [{ ...kept, seq: 6 }, kept]);
  tell(history)({ type: 'workload-removed', key: SUBJECT });
  expect(history.entries.map(({ seq }) => seq)).toEqual([7, 8]);
});

describe('what another process kept', () => {
  const kept = (fields: Partial<HistoryEntry>): HistoryEntry => ({
    seq: 1,
    at: 0,
    type: 'moved',
    subject: SUBJECT,
    cause: 'NodeLost',
    ...fields,
  });

  it('is taken in once, in the order of time, with numbers that go on rising', () => {
    const history = new History();
    tell(history)(election({ kind: 'leader-elected', epoch: 7 }));
    const before = [kept({ seq: 40, at: 500 }), kept({ seq: 41, at: 600, type: 'restarted' })];
    history.merge(before);
    history.merge(before);
    expect(history.entries.map(({ seq, type }) => [seq, type])).toEqual([
      [41, 'moved'],
      [42, 'restarted'],
      [43, 'leader-changed'],
    ]);
  });

  it('stays within the bound, the newest first to stay', () => {
    const history = new History(2);
    history.merge([1, 2, 3].map((at) => kept({ seq: at, at })));
    expect(history.entries.map(({ at }) => at)).toEqual([2, 3]);
  });

  it('says when a term began that is seen only later', () => {
    const history = new History();
    history.merge([kept({ type: 'leader-changed', subject: 'leader', term: 7, to: 'other', gap: 20 })]);
    const seen = tell(history)(election({ kind: 'holder-changed', holder: 'other', epoch: 7 }));
    expect(seen).toEqual([]);
  });
});

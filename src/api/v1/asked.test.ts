import { expect, it } from 'vitest';
import { ShownWorld } from '../../../test/shown-world.ts';
import { recordOfEntry, type AskedRecord } from '../../core/control/entries.ts';
import { mapAsked } from './asked.ts';
import type { State } from './facts.ts';

const NOON = Date.parse('2026-01-01T12:00:00Z');
const AT = '2026-01-01T11:55:00Z';

function record(entry: string, fields: object | string): AskedRecord {
  const text = typeof fields === 'string' ? fields : JSON.stringify(fields);
  const known = recordOfEntry(entry, text, 'default');
  if (known === undefined) throw new Error(`${entry} asks for nothing`);
  return known;
}

function shown(entry: string, fields: object | string, state: Partial<State> = {}) {
  const world = new ShownWorld();
  const [first] = mapAsked([record(entry, fields)], world.identity, {
    ...world.state(),
    wall: NOON,
    ...state,
  });
  return first;
}

const restart = { id: 'r-1', action: 'restart', by: 'eva', reason: 'stuck', at: AT };
const PAUSE = { reason: 'upgrade', by: 'eva', since: AT };
const WORD = { id: 'f-1', node: 'n1', by: 'eva', reason: 'power', at: AT, pods: ['uid-1'] };

it.each([
  ['request.process.web.api', restart, 'pending'],
  ['request.process.web.api', { ...restart, at: '2026-01-01T11:00:00Z' }, 'expired'],
  ['request.process.web.api', { ...restart, state: 'accepted', term: '7' }, 'running'],
  ['request.process.web.api', { ...restart, state: 'done', result: 'started' }, 'succeeded'],
  [
    'leader-request',
    { ...restart, action: 'failover', state: 'refused', result: 'two leads already' },
    'failed',
  ],
  ['paused', PAUSE, 'active'],
  ['paused.process.web.api', { ...PAUSE, until: '2026-01-01T13:00:00Z' }, 'active'],
  ['paused.process.web.api', { ...PAUSE, until: '2026-01-01T11:59:00Z' }, 'ended'],
  ['fenced.n1', WORD, 'pending'],
  ['fenced.n1', { ...WORD, state: 'accepted', term: '7' }, 'active'],
  ['fenced.n1', { ...WORD, state: 'void' }, 'ended'],
  ['drained.two', { by: 'eva', reason: 'old', at: AT }, 'active'],
  ['drained.two', 'by hand', 'active'],
  ['paused', '{"by":"eva"}', 'unreadable'],
  ['request.process.web.api', 'nonsense', 'unreadable'],
])('%s %j is %s', (entry, fields, state) => {
  expect(shown(entry, fields)).toMatchObject({ state, unknownBecause: null });
});

it('a record says who asked, why, when and about what, and what became of it', () => {
  const fields = { ...restart, state: 'done', term: '8', answeredAt: AT, result: 'started again' };
  expect(shown('request.process.web.api', fields)).toEqual({
    id: 'r-1',
    action: 'restart',
    target: { is: 'workload', name: 'process/web/api' },
    by: 'eva',
    reason: 'stuck',
    at: '2026-01-01T11:55:00.000Z',
    until: '2026-01-01T12:05:00.000Z',
    state: 'succeeded',
    result: 'started again',
    term: 8,
    answeredAt: '2026-01-01T11:55:00.000Z',
    unknownBecause: null,
  });
  expect(shown('paused', PAUSE)).toMatchObject({ id: 'paused', target: { is: 'tenant', name: 'default' } });
  expect(shown('fenced.n1', WORD)).toMatchObject({ id: 'f-1', target: { is: 'node', name: 'n1' } });
});

it('what is not settled is unknown while the API server does not answer; what is settled stays so', () => {
  const away = { clusterProblem: 'ECONNREFUSED' };
  for (const [entry, fields] of [
    ['paused', PAUSE],
    ['request.process.web.api', restart],
  ] as const)
    expect(shown(entry, fields, away)).toMatchObject({ state: 'unknown', unknownBecause: 'ECONNREFUSED' });
  expect(shown('request.process.web.api', { ...restart, state: 'done' }, away)?.state).toBe('succeeded');
});

it('what a leader took up is unknown while nobody is known to lead; what waits for one goes on waiting', () => {
  const store = { up: false, cause: 'refused', since: 0 } as const;
  const election = { role: 'follower', since: 0, epoch: 7, store } as const;
  const lost = { isLeader: false, isStoreUp: false, election };
  const running = { ...restart, state: 'accepted' };
  expect(shown('request.process.web.api', running, lost)).toMatchObject({
    state: 'unknown',
    unknownBecause: 'refused',
  });
  expect(shown('request.process.web.api', restart, lost)?.state).toBe('pending');
  const vacant = { isLeader: false, election: { ...election, store: { up: true } as const } };
  expect(shown('request.process.web.api', running, vacant)).toMatchObject({
    state: 'unknown',
    unknownBecause: 'nobody leads who would say what became of it',
  });
});

it('entries that ask for nothing are no records', () => {
  for (const entry of ['present.one', 'other', 'paused.nonsense'])
    expect(recordOfEntry(entry, '{}', 'default')).toBeUndefined();
});

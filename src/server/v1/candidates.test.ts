/** The candidates and whether they agree, as they are answered over a real socket. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createManualSystem } from '../../../test/manual-system.ts';
import { ShownWorld } from '../../../test/shown-world.ts';
import type { Candidate, Presence } from '../../core/control/presence.ts';
import { MINUTE, SECOND } from '../../core/time.ts';
import { listen, type HttpServer } from '../http.ts';
import { Router } from '../route.ts';
import { openV1, type V1 } from './routes.ts';

type Json = Record<string, any>;

const WALL = 10 * MINUTE;
let world: ShownWorld;
let v1: V1;
let server: HttpServer;

beforeEach(async () => {
  const system = createManualSystem();
  world = new ShownWorld();
  world.become({ wall: WALL });
  v1 = openV1(world, system);
  const listening = await listen(0, new Router(v1.routes), system);
  if ('code' in listening) throw new Error(listening.message);
  server = listening;
});

afterEach(async () => {
  v1.close();
  await server.close(0);
});

async function ask(path: string): Promise<Json> {
  const url = `http://127.0.0.1:${server.port}/api/v1/${path}`;
  return (await (await fetch(url, { headers: { connection: 'close' } })).json()) as Json;
}

/** Heard from so long ago. */
function candidate(id: string, said: Partial<Presence> = {}, ago = SECOND): Candidate {
  const presence = {
    id,
    holder: `${id}/host/uuid`,
    cluster: 'blue',
    version: '1.2.2',
    startedAt: '2026-01-01T00:00:00Z',
    leader: 'one/host/uuid',
    term: 7,
    at: '2026-01-01T00:00:00Z',
    ...said,
  };
  return { presence, lastSeen: WALL - ago };
}

const become = (...candidates: Candidate[]): void => world.become({ candidates });

describe('the list of candidates', () => {
  const listed = async (): Promise<Json[]> => (await ask('controllers'))['items'];

  it('has those that said they are there, each with what it sees', async () => {
    become(candidate('two'), candidate('one'));
    expect(await listed()).toMatchObject([
      { id: 'one', isSelf: true, role: 'leading', version: '1.2.3', lastSeen: null },
      {
        id: 'two',
        isSelf: false,
        role: 'follower',
        version: '1.2.2',
        sees: { leader: 'one', term: 7 },
        lastSeen: '1970-01-01T00:09:59.000Z',
        unknownBecause: null,
      },
    ]);
    expect((await ask('controllers'))['metadata'].partial).toEqual([]);
    expect(await ask('controllers/two')).toMatchObject({ id: 'two', role: 'follower' });
  });

  it('calls one unknown that missed two refreshes, and says since when and what it was', async () => {
    become(candidate('two', {}, 3 * MINUTE));
    expect((await listed())[1]).toMatchObject({
      id: 'two',
      role: 'unknown',
      version: 'unknown',
      sees: null,
      unknownBecause: 'not heard from since 1970-01-01T00:07:00.000Z; its version was 1.2.2',
    });
  });

  it('calls all others unknown while the API server does not answer', async () => {
    become(candidate('two'));
    world.become({ clusterProblem: 'ECONNREFUSED' });
    expect((await listed())[1]).toMatchObject({
      role: 'unknown',
      sees: null,
      unknownBecause: 'ECONNREFUSED',
    });
    expect((await ask('controllers'))['metadata'].partial).toContainEqual({
      source: 'presence',
      code: 'unavailable',
      detail: 'what other candidates say comes through the API server: ECONNREFUSED',
    });
  });

  it('has the holder of the lock, said anything or not, once', async () => {
    const election = { ...world.state().election, role: 'follower', holder: 'two/host/uuid' } as never;
    world.become({ isLeader: false, election });
    expect((await listed())[1]).toMatchObject({ id: 'two', role: 'unknown', ready: 'unknown' });
    become(candidate('two', { leader: 'two/host/uuid' }));
    expect(await listed()).toMatchObject([{ id: 'one' }, { id: 'two', role: 'leading' }]);
  });
});

describe('disagreement', () => {
  it.each([
    ['another leader', { leader: 'three/host/uuid' }, { leader: 'three', term: 7 }],
    ['another term', { term: 8 }, { leader: 'one', term: 8 }],
    ['no leader', { leader: '' }, { leader: null, term: 7 }],
  ])('is said where a candidate sees %s, in the summary and beside every list', async (_what, said, seen) => {
    become(candidate('two', said), candidate('four'));
    expect((await ask('summary'))['disagreement']).toEqual([{ id: 'two', ...seen }]);
    for (const list of ['workloads', 'controllers', 'history', 'tenants'])
      expect((await ask(list))['metadata'].partial).toContainEqual({
        source: 'leader',
        code: 'disagreement',
        detail: `two sees ${seen.leader ?? 'no leader'} in term ${seen.term}`,
      });
  });

  it.each([
    ['cannot tell itself', candidate('two', { leader: undefined as never }), []],
    ['is not heard from any more', candidate('two', { term: 3 }, 3 * MINUTE), []],
  ])('is none where a candidate %s', async (_what, one, expected) => {
    become(one);
    expect((await ask('summary'))['disagreement']).toEqual(expected);
  });

  it('is none where a candidate spoke before the change, or could not have heard of it yet', async () => {
    const change = {
      from: 'zero/h/u',
      to: 'one/host/uuid',
      at: WALL - 30 * SECOND,
      reason: 'unknown',
    } as const;
    world.become({ leadership: { ...world.state().leadership, changes: [change] } });
    become(candidate('two', { term: 6 }, 25 * SECOND));
    expect((await ask('summary'))['disagreement']).toEqual([]);
    become(candidate('two', { term: 6 }, 15 * SECOND));
    expect((await ask('summary'))['disagreement']).toHaveLength(1);
  });

  it('cannot be told by who does not know itself who leads', async () => {
    become(candidate('two', { term: 8 }));
    const store = { up: false, cause: 'refused', since: 0 } as const;
    const election = { role: 'follower', since: 0, epoch: 7, store } as const;
    world.become({ isLeader: false, isStoreUp: false, election });
    expect(await ask('summary')).toMatchObject({ disagreement: null, leader: { unknownBecause: 'refused' } });
  });
});

/** Version 1 over a real socket: every answer follows the document that is served with it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createManualSystem } from '../../../test/manual-system.ts';
import { OpenApi } from '../../../test/open-api.ts';
import { ShownWorld } from '../../../test/shown-world.ts';
import { listen, type HttpServer } from '../http.ts';
import { Router } from '../route.ts';
import { openV1, type V1 } from './routes.ts';

interface Answer {
  readonly status: number;
  readonly contentType: string | null;
  readonly body: string;
  readonly headers: Headers;
  readonly json: Record<string, any>;
}

const WORKLOAD = '/api/v1/workloads/process/default/report';
const system = createManualSystem();
let world: ShownWorld;
let v1: V1;
let server: HttpServer;
let openApi: OpenApi;

beforeEach(async () => {
  world = new ShownWorld();
  world.set('process/default/report');
  world.set('process/web/sick', { reason: 'CrashLoop', labels: { app: 'sick' }, node: 'node-b' });
  world.set('service/web/api', { reason: 'Starting', restarts: 3 });
  world.records.push({
    is: 'drain',
    of: { is: 'controller', name: 'two' },
    entry: 'drained.two',
    isAnnotation: false,
    text: '{"id":"one","by":"eva","reason":"old","at":"2026-01-01T00:00:00Z"}',
  });
  v1 = openV1(world, system);
  const listening = await listen(0, new Router(v1.routes), system);
  if ('code' in listening) throw new Error(listening.message);
  server = listening;
  openApi = new OpenApi((await ask('/openapi.json')).body);
});

afterEach(async () => {
  v1.close();
  await server.close(0);
});

async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
  const headers = { connection: 'close', ...(init.headers as Record<string, string>) };
  const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, { ...init, headers });
  const body = await answer.text();
  const contentType = answer.headers.get('content-type');
  const json = contentType?.includes('json') === true && body !== '' ? JSON.parse(body) : {};
  return { status: answer.status, contentType, body, headers: answer.headers, json };
}

const paths = (): readonly string[] => openApi.paths.filter((path) => !path.endsWith('/stream'));
const fill = (path: string): string =>
  path
    .replace('/{kind}/{namespace}/{name}', '/process/default/report')
    .replace('{id}', 'one')
    .replace('{code}', 'not-found');

describe('every path', () => {
  it.each([
    ['the leader', {}],
    ['a follower', { isLeader: false }],
    ['one that lost sight of the cluster', { clusterProblem: 'ECONNREFUSED' }],
    ['one whose election has not begun', { election: undefined, isLeader: false, isStoreUp: false }],
  ])('answers as described on %s', async (_who, state) => {
    world.tell({
      at: 1,
      type: 'leader-changed',
      subject: 'leader',
      from: 'two/h/u',
      to: 'one/h/u',
      cause: 'x',
    });
    world.tell({ at: 2, type: 'moved', subject: 'process/default/report', gap: 20, cause: 'Drain' });
    world.become(state);
    for (const path of paths()) {
      const answer = await ask(fill(path));
      expect(answer.status, path).toBe(200);
      expect(openApi.check(path, answer)).toEqual([]);
    }
  });

  it('refuses as described what it does not know, and says what would be right', async () => {
    const refused: readonly (readonly [string, string, number, string])[] = [
      ['/api/v1/workloads', '?kind=pod', 400, 'invalid-filter'],
      ['/api/v1/workloads', '?kinds=process', 400, 'invalid-filter'],
      ['/api/v1/workloads', '?status=ready=maybe', 400, 'invalid-filter'],
      ['/api/v1/workloads', '?labelSelector=a+b', 400, 'invalid-filter'],
      ['/api/v1/workloads', '?sort=size', 400, 'invalid-argument'],
      ['/api/v1/workloads', '?limit=1001', 400, 'invalid-argument'],
      ['/api/v1/workloads', '?fields=secret', 400, 'invalid-argument'],
      ['/api/v1/workloads', '?continue=nonsense', 400, 'invalid-argument'],
      ['/api/v1/workloads', '?tenant=other', 404, 'not-found'],
      ['/api/v1/history', '?since=yesterday', 400, 'invalid-argument'],
      ['/api/v1/history', '?limit=x', 400, 'invalid-argument'],
      ['/api/v1/stream', '?q=a&page=2', 400, 'invalid-filter'],
    ];
    for (const [path, query, status, code] of refused) {
      const answer = await ask(path + query);
      expect(answer, path + query).toMatchObject({ status, json: { code, instance: path, status } });
      expect(openApi.check(path, answer)).toEqual([]);
    }
    for (const path of [
      '/api/v1/controllers/none',
      '/api/v1/problems/none',
      `${WORKLOAD}x`,
      '/api/v1/none',
    ]) {
      const answer = await ask(path);
      expect(answer).toMatchObject({ status: 404, contentType: 'application/problem+json; charset=utf-8' });
      expect(openApi.checkComponent('Problem', answer.json)).toEqual([]);
    }
  });

  it('takes GET and HEAD only, and only clients that take JSON', async () => {
    const refused = await ask('/api/v1/leader', { method: 'POST' });
    expect(refused).toMatchObject({ status: 405, json: { code: 'method-not-allowed' } });
    expect(refused.headers.get('allow')).toBe('GET, HEAD');
    expect(await ask('/api/v1/leader', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
    expect(await ask('/api/v1/leader', { headers: { accept: 'text/html' } })).toMatchObject({ status: 406 });
    expect(await ask('/api/v1/%zz/x')).toMatchObject({ status: 404 });
    expect(await ask('/api/v1/controllers/%zz')).toMatchObject({ status: 400 });
  });
});

it('the id of a request is taken over where it is safe, and made where it is not', async () => {
  const mine = await ask('/api/v1/none', { headers: { 'x-request-id': 'mine-1' } });
  expect(mine.headers.get('x-request-id')).toBe('mine-1');
  expect(mine.json['requestId']).toBe('mine-1');
  const made = await ask('/api/v1/none', { headers: { 'x-request-id': 'not safe' } });
  expect(made.json['requestId']).toMatch(/^[0-9a-f-]{36}$/);
  expect(made.headers.get('x-request-id')).toBe(made.json['requestId']);
});

describe('a list', () => {
  const names = ({ json }: Answer): readonly string[] =>
    json['items'].map((row: { name: string }) => row.name);

  it('has the most urgent first', async () => {
    expect(names(await ask('/api/v1/workloads'))).toEqual(['sick', 'api', 'report']);
  });

  it.each([
    ['?kind=process', ['sick', 'report']],
    ['?kind=process,service&namespace=web', ['sick', 'api']],
    ['?namespace=web&namespace=default', ['sick', 'api', 'report']],
    ['?q=NODE-B', ['sick']],
    ['?labelSelector=app', ['sick']],
    ['?labelSelector=app+notin+(sick)', ['api', 'report']],
    ['?status=ready=true', ['report']],
    ['?status=ready!=true,node=node-a', ['api']],
    ['?status=reason=CrashLoop', ['sick']],
    ['?sort=name', ['report', 'sick', 'api']],
    ['?sort=-restarts&limit=1', ['api']],
  ])('%s', async (query, expected) => {
    expect(names(await ask(`/api/v1/workloads${query}`))).toEqual(expected);
  });

  it('has only the selected fields, and those that name the row', async () => {
    const { json } = await ask('/api/v1/workloads?fields=ready,node&limit=1');
    expect(json['items']).toEqual([
      { kind: 'process', namespace: 'web', name: 'sick', ready: 'false', node: 'node-b' },
    ]);
  });

  it('is not sent again to a client that has it, until something changes', async () => {
    const first = await ask('/api/v1/workloads');
    const etag = first.headers.get('etag') ?? '';
    const again = await ask('/api/v1/workloads', { headers: { 'if-none-match': etag } });
    expect(again).toMatchObject({ status: 304, body: '' });
    world.set('process/default/report', { reason: 'CrashLoop' });
    const changed = await ask('/api/v1/workloads', { headers: { 'if-none-match': etag } });
    expect(changed.status).toBe(200);
    expect(changed.json['metadata'].revision).not.toBe(first.json['metadata'].revision);
  });

  it('is compressed for a client that takes it', async () => {
    const answer = await ask('/api/v1/workloads', { headers: { 'accept-encoding': 'gzip' } });
    expect(answer.headers.get('content-encoding')).toBe('gzip');
    expect(names(answer)).toHaveLength(3);
  });
});

describe('what is not known', () => {
  it('is unknown with its cause when the API server does not answer, without anybody announcing it', async () => {
    await ask('/api/v1/workloads');
    world.become({ clusterProblem: 'ECONNREFUSED' }, true);
    const list = await ask('/api/v1/workloads');
    for (const row of list.json['items'])
      expect(row).toMatchObject({
        ready: 'unknown',
        active: 'unknown',
        tone: 'unknown',
        message: 'ECONNREFUSED',
      });
    expect(list.json['metadata'].partial).toContainEqual({
      source: 'kubernetes',
      code: 'unavailable',
      detail: 'ECONNREFUSED',
    });
    expect((await ask(`${WORKLOAD}/explain`)).json).toMatchObject({
      rules: null,
      unknownBecause: 'ECONNREFUSED',
    });
    expect((await ask('/api/v1/summary')).json).toMatchObject({
      counts: { ready: 0, notReady: 0, unknown: 3 },
    });
  });

  it('is who leads, when the store does not answer', async () => {
    const election = {
      role: 'follower',
      since: 0,
      epoch: 7,
      store: { up: false, cause: 'refused', since: 0 },
    } as const;
    world.become({ isLeader: false, isStoreUp: false, election });
    expect((await ask('/api/v1/leader')).json).toMatchObject({
      id: 'unknown',
      lease: { state: 'unknown' },
      unknownBecause: 'refused',
    });
    expect((await ask('/api/v1/store')).json).toMatchObject({ up: 'false', unknownBecause: 'refused' });
  });

  it('are reasons on a follower, which still shows what it sees itself', async () => {
    world.become({ isLeader: false });
    const { json } = await ask(WORKLOAD);
    expect(json).toMatchObject({
      ready: 'true',
      reason: 'unknown',
      unknownBecause: 'only the leader knows the reason',
    });
    expect((await ask(`${WORKLOAD}/explain`)).json).toMatchObject({ rules: null });
  });

  it('is a workload on a follower that has not read the objects of its kind', async () => {
    world.set('cronjob/web/tick', { unobserved: 'cronjobs have not been read yet: forbidden' });
    expect((await ask('/api/v1/workloads/cronjob/web/tick')).json).toMatchObject({ ready: 'true' });
    world.become({ isLeader: false });
    expect((await ask('/api/v1/workloads/cronjob/web/tick')).json).toMatchObject({
      ready: 'unknown',
      active: 'unknown',
      unknownBecause: 'cronjobs have not been read yet: forbidden',
    });
  });
});

it('terms follow from the changes of leader, with the vacancy between them', async () => {
  const change = { type: 'leader-changed', subject: 'leader', cause: 'normal transition' } as const;
  world.tell({ at: 1000, ...change, to: 'two/h/u', term: 6 });
  world.tell({ at: 5000, ...change, from: 'two/h/u', to: 'one/h/u', term: 7, gap: 40 });
  expect((await ask('/api/v1/terms')).json['items']).toMatchObject([
    { leader: 'one', term: 7, from: '1970-01-01T00:00:05.000Z', to: null, gapMs: 40 },
    { leader: 'two', term: 6, from: '1970-01-01T00:00:01.000Z', to: '1970-01-01T00:00:04.960Z', gapMs: null },
  ]);
});

it('the history of one workload is its own, in pages, the newest first', async () => {
  for (const at of [1, 2, 3]) {
    world.tell({
      at,
      type: 'moved',
      subject: 'process/default/report',
      from: 'a',
      to: 'b',
      cause: 'x',
      gap: at,
    });
    world.tell({ at, type: 'moved', subject: 'process/web/sick', cause: 'x' });
  }
  const first = await ask(`${WORKLOAD}/history?limit=2`);
  expect(first.json['items'].map(({ gapMs }: { gapMs: number }) => gapMs)).toEqual([3, 2]);
  expect(first.json['metadata']).toMatchObject({ total: 3, remaining: 1, continue: 'e-3' });
  const second = await ask(`${WORKLOAD}/history?limit=2&continue=e-3`);
  expect(second.json['items'].map(({ gapMs }: { gapMs: number }) => gapMs)).toEqual([1]);
  expect((await ask(WORKLOAD)).json['lastMove']).toMatchObject({ id: 'e-5', from: 'a', to: 'b', gapMs: 3 });
});

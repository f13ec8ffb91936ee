/**
 * What each path says when something cannot be known: others see another leader, the store does not answer, the API server
 * does not answer. Never zero, nobody, nothing or healthy in place of unknown; and never without the cause.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseExposition, sumOf } from '../../test/exposition.ts';
import { createManualSystem } from '../../test/manual-system.ts';
import { OpenApi } from '../../test/open-api.ts';
import { openShownSurface, type ShownSurface } from '../../test/shown-surface.ts';
import { ShownWorld } from '../../test/shown-world.ts';
import { PRESENCE_REFRESH } from '../core/control/presence.ts';
import { listen, type HttpServer } from './http.ts';
import { Router } from './route.ts';

type Json = Record<string, any>;

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly json: Json;
}

const CAUSE = 'connect ECONNREFUSED 10.0.0.1';
const WORKLOAD = '/api/v1/workloads/{kind}/{namespace}/{name}';
const gauge = (name: string, text: string): number => sumOf(parseExposition(text), `k8_highlander_${name}`);

let world: ShownWorld;
let surface: ShownSurface;
let server: HttpServer;

beforeEach(async () => {
  world = new ShownWorld();
  world.set('process/default/report');
  world.set('service/web/api', { reason: 'Starting' });
  world.tell({ at: 1, type: 'leader-changed', subject: 'leader', to: 'one/host/uuid', term: 7, cause: 'x' });
  const text = JSON.stringify({ id: 'r-1', action: 'restart', at: '1970-01-01T00:00:00Z' });
  const of = { is: 'workload', name: 'process/default/report' } as const;
  world.records.push({
    is: 'request',
    of,
    entry: 'request.process.default.report',
    isAnnotation: false,
    text,
  });
  const system = createManualSystem();
  surface = openShownSurface(world, system);
  const listening = await listen(0, new Router(surface.routes), system);
  if ('code' in listening) throw new Error(listening.message);
  server = listening;
});

afterEach(async () => {
  surface.close();
  await server.close(0);
});

const fill = (path: string): string =>
  path
    .replace('/{kind}/{namespace}/{name}', '/process/default/report')
    .replace('/actions/{id}', '/actions/r-1')
    .replace('{id}', 'one')
    .replace('{code}', 'not-found');

async function ask(path: string): Promise<Answer> {
  const answer = await fetch(`http://127.0.0.1:${server.port}${fill(path)}`, {
    headers: { connection: 'close' },
  });
  const text = await answer.text();
  const json =
    answer.headers.get('content-type')?.includes('json') === true ? (JSON.parse(text) as Json) : {};
  return { status: answer.status, text, json };
}

/** The stream's first message. */
async function firstMessage(): Promise<Answer> {
  const stop = new AbortController();
  const answer = await fetch(`http://127.0.0.1:${server.port}/api/v1/stream`, { signal: stop.signal });
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!text.includes('event: snapshot') || !text.endsWith('\n\n'))
    text += (await reader?.read())?.value ?? '';
  stop.abort();
  return { status: 200, text, json: JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? '') as Json };
}

type Check = (answer: Answer) => void;
const json =
  (expected: object, status = 200): Check =>
  (answer) =>
    expect({ status: answer.status, json: answer.json }).toMatchObject({ status, json: expected });
const partial = (source: string, code: string, detail: string): Check =>
  json({ metadata: { partial: expect.arrayContaining([{ source, code, detail }]) } });
const text =
  (status: number, expected: string): Check =>
  (answer) =>
    expect(answer).toMatchObject({ status, text: `${expected}\n` });
const ok: Check = ({ status }) => expect(status).toBe(200);

type Table = Readonly<Record<string, Check>>;

const NO_LEADER = { id: 'unknown', unknownBecause: CAUSE, lease: { state: 'unknown' } };
const storeDown = partial('store', 'unavailable', CAUSE);
const legacyStoreDown: Check = (answer) => {
  const status = { currentLeader: 'unknown', leaderUnknownBecause: CAUSE, dbConnected: false };
  json({ data: status })(answer);
  json({ status: 'success', ...status, redisConnected: false, lastError: CAUSE })(answer);
};

const STORE_DOWN: Table = {
  '/healthz': text(200, 'ok'),
  '/readyz': text(503, `not ready - db connection issue: ${CAUSE}`),
  '/health': text(503, `not ready - db connection issue: ${CAUSE}`),
  '/status': legacyStoreDown,
  '/api/status': legacyStoreDown,
  '/debug/status': json({
    data: { healthStatus: { currentLeader: 'unknown', leaderUnknownBecause: CAUSE } },
  }),
  '/api/dbinfo': json({ data: { connected: false, lastError: CAUSE } }),
  // What is seen of the cluster is seen without the store; the reasons are the leader's, and who that is is unknown.
  '/api/workloads': json({
    data: {
      processes: { report: { reason: 'unknown', unknownBecause: 'only the leader knows the reason' } },
    },
  }),
  '/api/workload-names': json({ data: ['api', 'report'] }),
  '/api/workloads/*': json({ data: { unknownBecause: 'only the leader knows the reason' } }),
  '/api/pods': json({ data: [] }),
  '/metrics': ({ text: body }) => {
    expect(gauge('store_up', body)).toBe(0);
    expect(gauge('is_leader', body)).toBe(0);
    expect(body).not.toMatch(/^k8_highlander_(?:term|workload_ready|workload_status|server_fencing)\b.* /m);
  },
  '/api/v1/summary': json({
    leader: NO_LEADER,
    store: { up: 'false', unknownBecause: CAUSE },
    disagreement: null,
    partial: expect.arrayContaining([{ source: 'store', code: 'unavailable', detail: CAUSE }]),
  }),
  '/api/v1/leader': json({ ...NO_LEADER, term: null }),
  '/api/v1/store': json({ up: 'false', unknownBecause: CAUSE }),
  '/api/v1/tenants': json({ items: [{ leader: 'unknown', term: null, unknownBecause: CAUSE }] }),
  '/api/v1/clusters': storeDown,
  '/api/v1/controllers': json({ items: [{ sees: { leader: 'unknown', term: null } }] }),
  '/api/v1/controllers/{id}': json({ sees: { leader: 'unknown', term: null } }),
  '/api/v1/actions': storeDown,
  '/api/v1/actions/{id}': json({ state: 'pending' }),
  '/api/v1/workloads': storeDown,
  [WORKLOAD]: json({ reason: 'unknown', unknownBecause: 'only the leader knows the reason' }),
  [`${WORKLOAD}/explain`]: json({ rules: null, unknownBecause: 'only the leader knows the rule chain' }),
  [`${WORKLOAD}/history`]: storeDown,
  [`${WORKLOAD}/events`]: storeDown,
  [`${WORKLOAD}/objects`]: json({
    unknownBecause: CAUSE,
    nodes: expect.arrayContaining([expect.objectContaining({ kind: 'Lock', state: 'unknown' })]),
  }),
  '/api/v1/history': storeDown,
  '/api/v1/terms': storeDown,
  '/api/v1/stream': json({ summary: { leader: NO_LEADER }, controllers: [{ sees: { leader: 'unknown' } }] }),
};

const kubernetes = partial('kubernetes', 'unavailable', CAUSE);
const UNKNOWN_ROW = {
  ready: 'unknown',
  active: 'unknown',
  tone: 'unknown',
  reason: 'unknown',
  message: CAUSE,
};
const unknownGroup = { active: null, healthy: null, unknownBecause: CAUSE };
const legacyBlind: Check = (answer) => {
  const seen = { active: null, healthy: null, reason: 'unknown', message: CAUSE };
  const status = {
    clusterHealth: false,
    readyForTraffic: false,
    controllerState: 'Degraded',
    unknownBecause: CAUSE,
  };
  json({ data: { ...status, workloadStatus: { process: { report: { active: null } } } } })(answer);
  json({ status: 'success', ...status, workloads: [seen, seen] })(answer);
};

const API_SERVER_DOWN: Table = {
  '/healthz': text(200, 'ok'),
  '/readyz': text(503, `not ready - cluster health issue: ${CAUSE}`),
  '/health': text(503, `not ready - cluster health issue: ${CAUSE}`),
  '/status': legacyBlind,
  '/api/status': legacyBlind,
  '/debug/status': json({ data: { healthStatus: { clusterHealth: false, unknownBecause: CAUSE } } }),
  '/api/dbinfo': json({ data: { connected: true } }),
  '/api/workloads': json({
    unknownBecause: CAUSE,
    // Also the groups of which nothing is known: nothing need not be all.
    data: {
      processes: unknownGroup,
      cronjobs: unknownGroup,
      service: unknownGroup,
      persistent: unknownGroup,
    },
  }),
  '/api/workload-names': json({ unknownBecause: CAUSE, data: ['api', 'report'] }),
  '/api/workloads/*': json({ data: { active: null, healthy: null, unknownBecause: CAUSE } }),
  '/api/pods': json({ status: 'error', error: `failed to list pods: ${CAUSE}` }, 500),
  '/metrics': ({ text: body }) => {
    expect(gauge('cluster_health', body)).toBe(0);
    expect(body).toContain('k8_highlander_workloads{type="process",namespace="default",tone="unknown"} 1');
    expect(body).not.toMatch(/^k8_highlander_(?:workload_ready|workload_status|process_status)\b.* /m);
  },
  '/api/v1/summary': json({
    counts: { total: 2, ready: 0, notReady: 0, unknown: 2 },
    problems: [UNKNOWN_ROW, UNKNOWN_ROW],
    disagreement: null,
    partial: expect.arrayContaining([{ source: 'kubernetes', code: 'unavailable', detail: CAUSE }]),
  }),
  '/api/v1/leader': json({ id: 'one', isSelf: true }),
  '/api/v1/store': json({ fence: { usable: 'unknown', serverFencing: 'unknown', unknownBecause: CAUSE } }),
  '/api/v1/tenants': json({ items: [{ workloads: null, unknownBecause: CAUSE }] }),
  '/api/v1/clusters': json({ items: [{ reachable: 'false', workloads: null, unknownBecause: CAUSE }] }),
  '/api/v1/controllers': partial(
    'presence',
    'unavailable',
    `what other candidates say comes through the API server: ${CAUSE}`,
  ),
  '/api/v1/controllers/{id}': json({
    id: 'one',
    ready: 'false',
    notReadyBecause: expect.stringContaining(CAUSE),
  }),
  '/api/v1/actions': json({ items: [{ state: 'unknown', unknownBecause: CAUSE }] }),
  '/api/v1/actions/{id}': json({ state: 'unknown', unknownBecause: CAUSE }),
  '/api/v1/workloads': json({ items: [UNKNOWN_ROW, UNKNOWN_ROW] }),
  [WORKLOAD]: json({ ...UNKNOWN_ROW, healthy: 'unknown', unknownBecause: CAUSE }),
  [`${WORKLOAD}/explain`]: json({ ready: 'unknown', rules: null, unknownBecause: CAUSE }),
  [`${WORKLOAD}/history`]: kubernetes,
  [`${WORKLOAD}/events`]: kubernetes,
  [`${WORKLOAD}/objects`]: json({ unknownBecause: CAUSE }),
  '/api/v1/history': kubernetes,
  '/api/v1/terms': kubernetes,
  '/api/v1/stream': json({ workloads: [UNKNOWN_ROW, UNKNOWN_ROW] }),
};

const SEEN = [{ id: 'two', leader: 'three', term: 8 }];
const disagree = partial('leader', 'disagreement', 'two sees three in term 8');
const legacyDisagree = json({ data: { disagreement: SEEN }, disagreement: SEEN });

const DISAGREEMENT: Table = {
  '/healthz': text(200, 'ok'),
  '/readyz': text(200, 'ok'),
  '/health': text(200, 'ok'),
  '/status': legacyDisagree,
  '/api/status': legacyDisagree,
  '/debug/status': json({ data: { healthStatus: { disagreement: SEEN } } }),
  '/api/dbinfo': ok,
  '/api/workloads': ok,
  '/api/workload-names': ok,
  '/api/workloads/*': ok,
  '/api/pods': ok,
  '/metrics': ok,
  '/api/v1/summary': json({ disagreement: SEEN }),
  '/api/v1/leader': json({ id: 'one', term: 7 }),
  '/api/v1/store': ok,
  '/api/v1/tenants': disagree,
  '/api/v1/clusters': disagree,
  '/api/v1/controllers': json({ items: [{ id: 'one' }, { id: 'two', sees: { leader: 'three', term: 8 } }] }),
  '/api/v1/controllers/{id}': json({ sees: { leader: 'one', term: 7 } }),
  '/api/v1/actions': disagree,
  '/api/v1/actions/{id}': ok,
  '/api/v1/workloads': disagree,
  // Of one workload: who says so.
  [WORKLOAD]: json({ metadata: { observedBy: { id: 'one', role: 'leading' } } }),
  [`${WORKLOAD}/explain`]: disagree,
  [`${WORKLOAD}/history`]: disagree,
  [`${WORKLOAD}/events`]: disagree,
  [`${WORKLOAD}/objects`]: disagree,
  '/api/v1/history': disagree,
  '/api/v1/terms': disagree,
  '/api/v1/stream': json({ summary: { disagreement: SEEN } }),
};

/** About callers and texts, not about the cluster. */
const TIMELESS: ReadonlySet<string> = new Set([
  '/api/v1',
  '/api/v1/',
  '/api/v1/whoami',
  '/api/v1/problems',
  '/api/v1/problems/{code}',
  '/api/v1/openapi.json',
  '/openapi.json',
  '/api/v1/*',
]);

const SITUATIONS: readonly (readonly [string, Table, () => void])[] = [
  [
    'the store does not answer',
    STORE_DOWN,
    () => {
      const store = { up: false, cause: CAUSE, since: 0 } as const;
      world.become({
        isLeader: false,
        isStoreUp: false,
        storeFailures: 3,
        notReady: `db connection issue: ${CAUSE}`,
        serverFencing: { state: 'unknown', because: 'not asked yet' },
        election: { role: 'follower', since: 0, epoch: 0, holder: 'two/host/uuid', store },
      });
    },
  ],
  [
    'the API server does not answer',
    API_SERVER_DOWN,
    () => world.become({ clusterProblem: CAUSE, notReady: `cluster health issue: ${CAUSE}` }),
  ],
  [
    'another candidate sees another leader',
    DISAGREEMENT,
    () => {
      const presence = {
        id: 'two',
        holder: 'two/host/uuid',
        cluster: 'blue',
        version: '1',
        startedAt: '1970-01-01T00:00:00Z',
        leader: 'three/host/uuid',
        term: 8,
        at: '1970-01-01T00:00:00Z',
      };
      world.become({ wall: PRESENCE_REFRESH, candidates: [{ presence, lastSeen: PRESENCE_REFRESH }] });
    },
  ],
];

describe.each(SITUATIONS)('%s', (_situation, table, arrange) => {
  it('is looked at for every path', () => {
    const served = surface.routes.filter(({ method }) => method === 'GET').map(({ pattern }) => pattern);
    expect(Object.keys(table).toSorted()).toEqual(served.filter((path) => !TIMELESS.has(path)).toSorted());
  });

  it.each(Object.entries(table))('%s', async (path, check) => {
    arrange();
    const answer = path.endsWith('/stream')
      ? await firstMessage()
      : await ask(path === '/api/workloads/*' ? '/api/workloads/report' : path);
    check(answer);
    const openApi = new OpenApi((await ask('/openapi.json')).text);
    const isDescribed = path.startsWith('/api/v1/') && !path.endsWith('/stream');
    const received = { status: answer.status, contentType: 'application/json', body: answer.text };
    expect(isDescribed ? openApi.check(path, received) : []).toEqual([]);
  });
});

describe('with nothing ever read from the API server', () => {
  beforeEach(() => {
    for (const key of world.keys()) world.remove(key);
    world.records.length = 0;
    world.become({ clusterProblem: CAUSE });
  });

  it('no number of workloads is claimed, and no group is healthy', async () => {
    expect((await ask('/api/v1/summary')).json).toMatchObject({ counts: null });
    for (const path of ['tenants', 'clusters'])
      expect((await ask(`/api/v1/${path}`)).json).toMatchObject({ items: [{ workloads: null }] });
    expect((await ask('/api/workloads')).json).toMatchObject({ data: { processes: unknownGroup } });
    expect((await ask('/api/workload-names')).json).toMatchObject({ data: [], unknownBecause: CAUSE });
  });

  it.each([
    WORKLOAD,
    `${WORKLOAD}/explain`,
    '/api/v1/actions/{id}',
    '/api/v1/controllers/two',
    '/api/workloads/report',
  ])('%s is not said to be absent', async (path) => {
    const answer = await ask(path);
    expect(answer.status).toBe(503);
    expect(answer.text).toContain(CAUSE);
  });
});

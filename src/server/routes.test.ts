/** The routes over a real socket, with facts that a test sets. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createManualSystem } from '../../test/manual-system.ts';
import { makePod } from '../../test/pod-fixture.ts';
import { parseExposition, sumOf } from '../../test/exposition.ts';
import type { Pod } from '../core/manifests/pod.ts';
import type { LegacyFacts } from '../api/legacy.ts';
import { NO_LEADERSHIP } from '../core/leadership.ts';
import { FENCING_NOT_ASKED } from '../core/server-fencing.ts';
import { Metrics } from '../metrics/metrics.ts';
import { ProcessMetrics } from '../metrics/process-metrics.ts';
import { ProcessUsage } from '../metrics/process-usage.ts';
import { listen, type HttpServer } from './http.ts';
import { Router } from './route.ts';
import { controllerRoutes, startingRoutes } from './routes.ts';

const snapshot = {
  revision: 0,
  workloads: new Map(),
  leadership: NO_LEADERSHIP,
  serverFencing: FENCING_NOT_ASKED,
};
const system = createManualSystem();
let facts: LegacyFacts;
let pods: Pod[];
let usage: ProcessUsage;
let server: HttpServer;

beforeEach(async () => {
  pods = [];
  facts = {
    id: 'one',
    tenant: 'default',
    clusterName: 'blue',
    storageType: 'lease',
    storageAddress: '',
    version: '1',
    buildInfo: '',
    port: 0,
    startedAt: 0,
    uptime: 0,
    isLeader: false,
    election: undefined,
    snapshot,
    observed: [
      { key: 'process/default/report', active: true, healthy: true },
      { key: 'process/web/twin', active: true, healthy: true },
      { key: 'cronjob/web/twin', active: true, healthy: true },
    ],
    clusterProblem: undefined,
    notReady: undefined,
    isStoreUp: true,
    storeFailures: 0,
    disagreement: [],
  };
  usage = new ProcessUsage();
  const sources = {
    controller: 'one',
    tenant: 'default',
    clusterName: 'blue',
    store: 'lease',
    version: '1',
    ttl: 8000,
    now: () => system.clock.now(),
    election: () => undefined,
    isLeader: () => false,
    snapshot: () => snapshot,
    queue: () => ({ depth: 0, oldest: undefined }),
    clusterProblem: () => undefined,
    wall: () => system.clock.wall(),
    asked: () => [],
    isReady: () => true,
    isStoreUp: () => true,
    streams: () => 0,
  };
  const metrics = new ProcessMetrics(usage, sources);
  new Metrics(sources, 'one/host/uuid', metrics.exposition).observeReconcile(1);
  const routes = [
    ...startingRoutes(),
    ...controllerRoutes({
      facts: () => facts,
      usage: () => ({ activeResources: 1, heapUsed: 1, heapTotal: 1, resident: 1, garbageCollections: 1 }),
      metrics,
      pods: {
        managed: () => pods,
        all: () => Promise.resolve({ cause: 'refused' }),
        problem: () => facts.clusterProblem,
        now: () => 90_061_000,
      },
      metricsPath: '/metrics',
    }),
  ];
  const listening = await listen(0, new Router(routes), system);
  if ('code' in listening) throw new Error(listening.message);
  server = listening;
});

afterEach(async () => {
  usage.close();
  await server.close(0);
});

async function ask(
  path: string,
  method = 'GET',
): Promise<{ status: number; body: string; allow: string | null }> {
  const url = `http://127.0.0.1:${server.port}${path}`;
  const answer = await fetch(url, { method, headers: { connection: 'close' } });
  return { status: answer.status, body: await answer.text(), allow: answer.headers.get('allow') };
}

describe('the routes', () => {
  it.each(['/readyz', '/health'])('%s is ready as a follower too, and says why not', async (path) => {
    expect(await ask(path)).toMatchObject({ status: 200, body: 'ok\n' });
    facts = { ...facts, notReady: 'db connection issue: refused' };
    expect(await ask(path)).toMatchObject({
      status: 503,
      body: 'not ready - db connection issue: refused\n',
    });
  });

  it.each(['/status', '/api/status', '/debug/status'])(
    '%s has its fields in the envelope and at the top',
    async (path) => {
      const { status, data, ...top } = JSON.parse((await ask(path)).body) as Record<string, unknown>;
      expect(status).toBe('success');
      expect(top).toEqual(data);
    },
  );

  it.each([
    ['/api/workloads/report', 200],
    ['/api/workloads/report/', 200],
    ['/api/workloads/report/more', 200],
    ['/api/workloads/re%70ort?namespace=default', 200],
    ['/api/workloads/processes', 200],
    ['/api/workloads/twin?type=cronjob', 200],
    ['/api/workloads/twin', 409],
    ['/api/workloads/none', 404],
    ['/api/workloads/', 400],
    ['/api/workloads/%zz', 400],
    ['/api/nothing', 404],
    ['/api/workloadsreport', 404],
  ])('%s is answered with %i in the envelope', async (path, status) => {
    const answer = await ask(path);
    expect(answer.status).toBe(status);
    const body = JSON.parse(answer.body) as Record<string, unknown>;
    expect(body['status']).toBe(status === 200 ? 'success' : 'error');
    expect(typeof body[status === 200 ? 'data' : 'error']).toBe(status === 200 ? 'object' : 'string');
  });

  it('/api/pods has the managed pods in pages, and says why it cannot', async () => {
    const created = '1970-01-01T00:00:00.000Z';
    const born = (name: string): Pod => {
      const { metadata, ...rest } = makePod({ name });
      return { metadata: { ...metadata, creationTimestamp: created }, ...rest };
    };
    pods = [born('b-pod'), born('a-pod')];
    const first = JSON.parse((await ask('/api/pods?limit=1')).body) as Record<string, unknown>;
    expect(first).toMatchObject({
      status: 'success',
      data: [
        {
          name: 'a-pod',
          namespace: 'default',
          status: 'Running',
          node: 'node-a',
          age: '1d1h',
          createdAt: created,
        },
      ],
      continue: 'default/a-pod',
    });
    const second = await ask('/api/pods?limit=1&continue=default/a-pod');
    expect(JSON.parse(second.body)).toMatchObject({ data: [{ name: 'b-pod' }] });
    expect(second.body).not.toContain('continue');
    expect(await ask('/api/pods?all=true')).toMatchObject({
      status: 500,
      body: '{"status":"error","error":"failed to list pods: refused"}\n',
    });
    expect(await ask('/api/pods?limit=0')).toMatchObject({ status: 400 });
    facts = { ...facts, clusterProblem: 'gone' };
    expect(await ask('/api/pods')).toMatchObject({ status: 500 });
  });

  it('/api/dbinfo names the store and whether it answers, and never a password', async () => {
    facts = { ...facts, storageType: 'postgres', storageAddress: 'postgres://me:secret@db:5432/x' };
    expect(JSON.parse((await ask('/api/dbinfo')).body)).toEqual({
      status: 'success',
      data: {
        type: 'postgres',
        address: 'postgres://me:****@db:5432/x',
        connected: true,
        details: { type: 'PostgreSQL' },
      },
    });
  });

  it('only GET and HEAD are accepted', async () => {
    expect(await ask('/api/workloads', 'POST')).toMatchObject({ status: 405, allow: 'GET, HEAD' });
    expect(await ask('/api/workloads/report', 'DELETE')).toMatchObject({ status: 405 });
    expect(await ask('/api/workloads', 'HEAD')).toMatchObject({ status: 200, body: '' });
  });

  it('requests are counted by route, never by path', async () => {
    await ask('/api/workloads/report');
    await ask('/api/workloads/none');
    system.advance(1000);
    const families = parseExposition((await ask('/metrics')).body);
    const route = '/api/workloads/*';
    const count = 'k8_highlander_http_request_duration_seconds_count';
    expect(sumOf(families, count, { route, method: 'GET', code: '200' })).toBe(1);
    expect(sumOf(families, count, { route, method: 'GET', code: '404' })).toBe(1);
  });
});

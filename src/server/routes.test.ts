/** The routes over a real socket, with facts that a test sets. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createManualSystem } from '../../test/manual-system.ts';
import { parseExposition, sumOf } from '../../test/exposition.ts';
import type { LegacyFacts } from '../api/legacy.ts';
import { NO_LEADERSHIP } from '../core/leadership.ts';
import { Metrics } from '../metrics/metrics.ts';
import { ProcessUsage } from '../metrics/process-usage.ts';
import { listen, type HttpServer } from './http.ts';
import { controllerRoutes } from './routes.ts';

const snapshot = { revision: 0, workloads: new Map(), leadership: NO_LEADERSHIP };
const system = createManualSystem();
let facts: LegacyFacts;
let usage: ProcessUsage;
let server: HttpServer;

beforeEach(async () => {
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
    isReady: () => true,
    isStoreUp: () => true,
  };
  const routes = controllerRoutes({
    facts: () => facts,
    usage: () => ({ activeResources: 1, heapUsed: 1, heapTotal: 1, resident: 1, garbageCollections: 1 }),
    metrics: new Metrics(sources, 'one/host/uuid', usage),
    metricsPath: '/metrics',
    clock: system.clock,
  });
  const listening = await listen(0, new Map(routes), system.clock);
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

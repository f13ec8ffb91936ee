/** The server of the row about `/metrics`, as a program of its own. `node metrics-server.ts WORKLOADS`; told what to do by messages. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSystem } from '../src/adapters/system.ts';
import { NO_LEADERSHIP } from '../src/core/leadership.ts';
import type { WorkloadView } from '../src/core/projection.ts';
import { FENCING_NOT_ASKED } from '../src/core/server-fencing.ts';
import { formatKey } from '../src/core/workload/model.ts';
import { Metrics } from '../src/metrics/metrics.ts';
import { ProcessMetrics } from '../src/metrics/process-metrics.ts';
import { ProcessUsage } from '../src/metrics/process-usage.ts';
import { listen } from '../src/server/http.ts';
import { Router } from '../src/server/route.ts';
import { controllerRoutes } from '../src/server/routes.ts';

const count = Number(process.argv[2]);
const system = createSystem({ level: 'error', format: 'text', fields: {} });
const workloads = new Map<string, WorkloadView>();
let now = 0;
const sources = {
  controller: 'one',
  tenant: 'default',
  clusterName: 'blue',
  store: 'lease',
  version: '1',
  ttl: 8000,
  // Each question comes a second after the one before, so that none is answered with its text.
  now: () => (now += 1000),
  election: () => undefined,
  isLeader: () => true,
  snapshot: () => ({
    revision: 0,
    workloads,
    leadership: NO_LEADERSHIP,
    serverFencing: FENCING_NOT_ASKED,
  }),
  queue: () => ({ depth: 0, oldest: undefined }),
  clusterProblem: () => undefined,
  wall: () => now,
  asked: () => [],
  isReady: () => true,
  isStoreUp: () => true,
  streams: () => 0,
};
const shared = new ProcessMetrics(new ProcessUsage(), sources);
const metrics = new Metrics(sources, 'one/host/uuid', shared.exposition);
for (let number = 0; number < count; number++) live(number);

const facts = (): never => {
  throw new Error('not asked for');
};
const routes = controllerRoutes(
  {
    metrics: shared,
    metricsPath: '/metrics',
    facts,
    usage: facts,
    pods: { managed: facts, all: facts, problem: facts, now: facts },
  },
  '',
);
const server = await listen(0, new Router(routes), system);
if ('code' in server) throw new Error(server.message);
const text = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
const floor = createServer((_request, response) => {
  response.writeHead(200, { 'content-length': Buffer.byteLength(text) });
  response.end(text);
});

/** The longest time between two turns of the event loop since it was asked for before. */
let longest = 0;
let last = performance.now();
const turn = (): void => {
  const at = performance.now();
  longest = Math.max(longest, at - last);
  last = at;
  setImmediate(turn);
};

process.on('message', (what) => {
  if (what === 'change') for (let at = 0; at < count / 100; at++) live(at);
  if (what === 'change-all') for (let at = 0; at < count; at++) live(at);
  if (what === 'begin') {
    last = performance.now();
    longest = 0;
  }
  process.send?.(longest);
});

floor.listen(0, '127.0.0.1', () => {
  turn();
  const port = (floor.address() as AddressInfo).port;
  process.send?.({ ours: server.port, floor: port, bytes: Buffer.byteLength(text) });
});

/** An instance that starts, is ready, and stops: everything that a workload has series for. */
function live(number: number): void {
  const key = { kind: 'process', namespace: `ns-${number % 10}`, name: `workload-${number}` } as const;
  const about = { key: formatKey(key), pod: `workload-${number}-pod`, uid: 'u' };
  const view = { key, message: '', reason: 'Active', active: true, healthy: true } as const;
  metrics.observe({ type: 'instance-permitted', ...about, token: 1 });
  metrics.observe({ type: 'workload-changed', view });
  metrics.observe({ type: 'instance-stopping', ...about, cause: 'Replaced' });
  metrics.observe({ type: 'instance-ended', ...about, proof: 'NeverPermitted' });
  metrics.observe({ type: 'workload-changed', view: { ...view, healthy: false, reason: 'Starting' } });
  metrics.observe({ type: 'workload-changed', view });
  workloads.set(about.key, view);
}

import { afterEach, beforeEach, expect, test } from 'vitest';
import { startFaultServer } from './fault-server.ts';
import type { FaultServer } from './fault-server.ts';

let done: string[];
let faults: FaultServer;

beforeEach(async () => {
  done = [];
  const act = (what: string) => (): void => void done.push(what);
  const node = {
    partition: act('partition'),
    heal: act('heal'),
    crash: () => Promise.reject(new Error('it is off already')),
    reboot: act('reboot'),
    slow: (ms: number) => void done.push(`slow ${ms}`),
  };
  const component = {
    stop: act('stop'),
    cont: act('cont'),
    kill: () => Promise.resolve(),
    restart: () => Promise.resolve(),
  };
  faults = await startFaultServer({
    nodes: new Map([['node-1', node]]),
    components: new Map([['etcd', component]]),
  });
});

afterEach(() => faults.close());

const post = (path: string, headers = {}): Promise<Response> =>
  fetch(faults.address + path, { method: 'POST', headers });

test('a POST causes the fault and is answered when it is in effect', async () => {
  expect((await post('/nodes/node-1/partition')).status).toBe(204);
  expect((await post('/nodes/node-1/slow?ms=250')).status).toBe(204);
  expect((await post('/control-plane/etcd/stop')).status).toBe(204);
  expect(done).toEqual(['partition', 'slow 250', 'stop']);
});

test.each(['/nodes/node-9/heal', '/control-plane/etcd/reboot', '/nodes/node-1/toString', '/elsewhere', '/'])(
  'POST %s is not found and lists what there is',
  async (path) => {
    const response = await post(path);
    expect(response.status).toBe(404);
    expect(await response.text()).toContain('POST /nodes/node-1/heal');
  },
);

test('slow without a delay is a bad request', async () => {
  expect((await post('/nodes/node-1/slow')).status).toBe(400);
  expect((await post('/nodes/node-1/slow?ms=soon')).status).toBe(400);
  expect(done).toEqual([]);
});

test('a fault that fails says why', async () => {
  const response = await post('/nodes/node-1/crash');
  expect([response.status, await response.text()]).toEqual([500, 'it is off already\n']);
});

test('reading causes nothing, and web pages are refused', async () => {
  expect((await fetch(`${faults.address}/nodes/node-1/heal`)).status).toBe(405);
  expect((await post('/nodes/node-1/heal', { origin: 'http://example.com' })).status).toBe(403);
  expect(done).toEqual([]);
});

import { createServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { SECOND } from '../../src/core/time.ts';
import { PodAddresses } from './addresses.ts';
import type { Action } from './pod.ts';
import { runAction, runProbes } from './probes.ts';
import type { ActionTarget } from './probes.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function serve(status: number): Promise<number> {
  const server = createServer((_, response) => response.writeHead(status).end());
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** `exec` answers these codes one after the other, the last one for ever. */
function target(...codes: readonly number[]): ActionTarget {
  const left = [...codes];
  const exec = (): Promise<number> => Promise.resolve((left.length > 1 ? left.shift() : left[0]) ?? 0);
  return { container: { name: 'main' }, address: '127.0.0.1', exec };
}

const act = (action: Action, on = target()): Promise<boolean> =>
  runAction(action, on, SECOND, new AbortController().signal);

describe('an action', () => {
  test.each([
    [200, true],
    [302, true],
    [399, true],
    [400, false],
    [503, false],
  ])('HTTP %i is success: %s', async (status, success) => {
    expect(await act({ httpGet: { port: await serve(status) } })).toBe(success);
  });

  test('a port by name is looked up in the container', async () => {
    const containerPort = await serve(200);
    const container = { name: 'main', ports: [{ name: 'web', containerPort }] };
    expect(await act({ tcpSocket: { port: 'web' } }, { ...target(), container })).toBe(true);
  });

  test('a refused connection is a failure', async () => {
    const port = await serve(200);
    servers.splice(0).forEach((server) => server.close());
    expect([await act({ httpGet: { port } }), await act({ tcpSocket: { port } })]).toEqual([false, false]);
  });

  test('exit code 0 is success, anything else a failure', async () => {
    expect([await act({ exec: {} }, target(0)), await act({ exec: {} }, target(1))]).toEqual([true, false]);
  });

  test('an action that does not finish in time is a failure', async () => {
    const on = { ...target(), exec: (_: unknown, signal: AbortSignal) => untilAborted(signal) };
    expect(await runAction({ exec: {} }, on, 20, new AbortController().signal)).toBe(false);
  });
});

function untilAborted(signal: AbortSignal): Promise<number> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
  });
}

/** Runs the probes until `count` things were told, and answers them. */
async function told(count: number, probes: object, on: ActionTarget): Promise<readonly string[]> {
  const scope = new AbortController();
  const heard: string[] = [];
  const hear = (what: string): void => {
    heard.push(what);
    if (heard.length === count) scope.abort();
  };
  await runProbes(
    { ...on, container: { name: 'main', ...probes } },
    { started: () => hear('started'), ready: (ready) => hear(`ready ${ready}`), unhealthy: hear },
    scope.signal,
  );
  return heard;
}

describe('probes', () => {
  const quick = { exec: {}, periodSeconds: 0.01, failureThreshold: 2 };

  test('readiness follows the results by their thresholds, and only changes are told', async () => {
    const codes = [0, 1, 0, 1, 1, 1, 0];
    const heard = await told(3, { readinessProbe: quick }, target(...codes));
    expect(heard).toEqual(['ready true', 'ready false', 'ready true']);
  });

  test('liveness fails after as many failures in a row as its threshold says', async () => {
    expect(await told(1, { livenessProbe: quick }, target(0, 1, 0, 1, 1))).toEqual(['Liveness']);
  });

  test('a startup probe holds the others back, and is not asked again', async () => {
    const probes = { startupProbe: { ...quick, failureThreshold: 9 }, readinessProbe: quick };
    expect(await told(2, probes, target(1, 1, 0))).toEqual(['started', 'ready true']);
  });

  test('a startup probe that fails for good restarts the container', async () => {
    expect(await told(1, { startupProbe: quick, readinessProbe: quick }, target(1))).toEqual(['Startup']);
  });
});

describe('addresses', () => {
  test('each pod has its own, keeps it, and gives it back', () => {
    const addresses = new PodAddresses('node-1');
    const [first, second] = [addresses.take('a'), addresses.take('b')];
    expect(first).toMatch(/^127\.\d+\.0\.1$/);
    expect(second).not.toBe(first);
    expect(addresses.take('a')).toBe(first);
  });

  test('are not on loopback where nothing listens: the API server would refuse every endpoint', () => {
    const addresses = new PodAddresses('node-1', { simulate: true });
    expect(addresses.take('a')).toMatch(/^10\.\d+\.0\.1$/);
    expect(addresses.take('b')).toMatch(/^10\.\d+\.0\.2$/);
  });

  test('an address that a pod brings along is nobody else’s', () => {
    const brought = new PodAddresses('node-1').take('x');
    const addresses = new PodAddresses('node-1');
    expect(addresses.take('a', brought)).toBe(brought);
    expect(addresses.take('b')).not.toBe(brought);
  });

  test('ten thousand pods have ten thousand addresses', () => {
    const addresses = new PodAddresses('node-1');
    const all = Array.from({ length: 10_000 }, (_, index) => addresses.take(String(index)));
    expect(new Set(all).size).toBe(10_000);
  });
});

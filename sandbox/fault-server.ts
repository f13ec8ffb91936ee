/**
 * The faults of a sandbox by command: a small HTTP server on loopback.
 *
 *     POST /nodes/NAME/partition | heal | crash | reboot | slow?ms=N
 *     POST /control-plane/COMPONENT/stop | cont | kill | restart
 *     GET  /
 *
 * 204 when the fault is in effect, 404 for an unknown name or fault, 400 for a bad `ms`, 500 with the reason when it failed. `GET /` lists the paths.
 * Requests of web pages (they carry an Origin) are refused: whoever browses on this machine is not who breaks things.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Component } from './control-plane/component.ts';
import { reasonOf } from './reason.ts';

/** What a node can suffer. */
export interface FaultyNode {
  partition(): Promise<void> | void;
  heal(): Promise<void> | void;
  crash(): Promise<void> | void;
  reboot(): Promise<void> | void;
  slow(milliseconds: number): Promise<void> | void;
}

/** What can be broken, by name. */
export interface FaultTargets {
  readonly nodes: ReadonlyMap<string, FaultyNode>;
  readonly components: ReadonlyMap<string, Pick<Component, 'stop' | 'cont' | 'kill' | 'restart'>>;
}

/** A running fault server. */
export interface FaultServer {
  /** `http://127.0.0.1:PORT`. */
  readonly address: string;
  close(): Promise<void>;
}

type Fault = () => Promise<void> | void;

/** Starts the server on a free port. */
export async function startFaultServer(targets: FaultTargets): Promise<FaultServer> {
  const server = createServer((request, response) => {
    void answer(targets, request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    address: `http://127.0.0.1:${port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function answer(
  targets: FaultTargets,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const reply = (status: number, text = ''): void => {
    response.writeHead(status, text === '' ? {} : { 'content-type': 'text/plain; charset=utf-8' });
    response.end(text === '' ? '' : `${text}\n`);
  };
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  request.resume();
  if (request.headers.origin !== undefined) return reply(403, 'not for web pages');
  if (request.method === 'GET' && url.pathname === '/') return reply(200, pathsOf(targets).join('\n'));
  if (request.method !== 'POST') return reply(405, 'faults are caused by POST');
  const milliseconds = Number(url.searchParams.get('ms') ?? '');
  const [, kind = '', name = '', fault = ''] = url.pathname.split('/');
  if (fault === 'slow' && !(milliseconds >= 0 && url.searchParams.has('ms')))
    return reply(400, 'slow needs ms=N, a delay in milliseconds');
  const act = faultsOf(targets, kind, name, milliseconds)?.get(fault);
  if (act === undefined) return reply(404, `no such fault; there are:\n${pathsOf(targets).join('\n')}`);
  try {
    await act();
    return reply(204);
  } catch (error) {
    return reply(500, reasonOf(error));
  }
}

function faultsOf(
  targets: FaultTargets,
  kind: string,
  name: string,
  milliseconds: number,
): ReadonlyMap<string, Fault> | undefined {
  if (kind === 'nodes') {
    const node = targets.nodes.get(name);
    if (node === undefined) return undefined;
    return new Map<string, Fault>([
      ['partition', () => node.partition()],
      ['heal', () => node.heal()],
      ['crash', () => node.crash()],
      ['reboot', () => node.reboot()],
      ['slow', () => node.slow(milliseconds)],
    ]);
  }
  const component = kind === 'control-plane' ? targets.components.get(name) : undefined;
  if (component === undefined) return undefined;
  return new Map<string, Fault>([
    ['stop', () => component.stop()],
    ['cont', () => component.cont()],
    ['kill', () => component.kill()],
    ['restart', () => component.restart()],
  ]);
}

function pathsOf(targets: FaultTargets): readonly string[] {
  const paths = (kind: string, names: Iterable<string>): readonly string[] =>
    [...names].flatMap((name) =>
      [...(faultsOf(targets, kind, name, 0)?.keys() ?? [])].map((fault) => `POST /${kind}/${name}/${fault}`),
    );
  return [...paths('nodes', targets.nodes.keys()), ...paths('control-plane', targets.components.keys())];
}

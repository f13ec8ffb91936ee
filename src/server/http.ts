/** The HTTP surface: probes, status and metrics. Reading never changes anything. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Problem } from '../core/problem.ts';
import type { Duration } from '../core/time.ts';
import type { Clock } from '../ports/system.ts';

/** What a route answers. */
export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** What a handler may look at. */
export interface Request {
  readonly method: string;
  /** For a route that ends in `/*`: what stands in place of the star, still encoded. */
  readonly rest: string;
  readonly query: URLSearchParams;
}

/** Answers one request. */
export type Handler = (request: Request) => Reply | Promise<Reply>;

/**
 * Paths that are served, by exact match or, for one that ends in `/*`, by what they begin with. GET and HEAD only. Read
 * at each request, so routes may be added later.
 */
export type Routes = ReadonlyMap<string, Handler>;

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';

/** `value` as JSON. */
export function json(status: number, value: unknown): Reply {
  return { status, contentType: JSON_TYPE, body: `${JSON.stringify(value)}\n` };
}

/** A line of text. */
export function text(status: number, body: string): Reply {
  return { status, contentType: TEXT, body: `${body}\n` };
}

export interface HttpServer {
  readonly port: number;
  /** Stops accepting, ends idle connections, and resolves when the open ones are done or `deadline` has passed. */
  close(deadline: Duration): Promise<void>;
}

/**
 * Listens on all interfaces, as the Go program does. Port 0 takes a free one. Answers a `PortInUse` problem instead of
 * throwing when the port is taken or not allowed.
 */
export async function listen(port: number, routes: Routes, clock: Clock): Promise<HttpServer | Problem> {
  const server = createServer((request, response) => {
    answer(routes, request, response).catch(() => response.destroy());
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 10_000;
  const failure = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    server.once('error', resolve);
    server.listen(port, () => resolve(undefined));
  });
  if (failure !== undefined) return describeListenFailure(port, failure);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a listening TCP server has no port');
  return { port: address.port, close: (deadline) => closeServer(server, clock, deadline) };
}

async function answer(routes: Routes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const reply = await route(routes, request);
  response.writeHead(reply.status, {
    'content-type': reply.contentType,
    'content-length': Buffer.byteLength(reply.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(reply.status === 405 ? { allow: 'GET, HEAD' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : reply.body);
}

function route(routes: Routes, request: IncomingMessage): Reply | Promise<Reply> {
  const [path = '/', search = ''] = (request.url ?? '/').split('?', 2);
  const [handler, rest] = find(routes, path);
  if (handler === undefined)
    return json(404, { status: 'error', error: `no such path; try ${[...routes.keys()].join(', ')}` });
  const method = request.method ?? '';
  if (method !== 'GET' && method !== 'HEAD')
    return json(405, { status: 'error', error: 'only GET and HEAD' });
  return handler({ method, rest, query: new URLSearchParams(search) });
}

function find(routes: Routes, path: string): readonly [Handler | undefined, string] {
  const exact = routes.get(path);
  if (exact !== undefined) return [exact, ''];
  for (const [pattern, handler] of routes) {
    const prefix = pattern.slice(0, -1);
    if (pattern.endsWith('/*') && path.startsWith(prefix)) return [handler, path.slice(prefix.length)];
  }
  return [undefined, ''];
}

function describeListenFailure(port: number, failure: NodeJS.ErrnoException): Problem {
  const why =
    failure.code === 'EADDRINUSE'
      ? 'is already in use'
      : `cannot be used (${failure.code ?? failure.message})`;
  return {
    code: 'PortInUse',
    message: `port ${port} ${why}`,
    hint: 'stop the other program, or choose another port with --port, HIGHLANDER_PORT or `port:` in the configuration',
    path: 'port',
  };
}

function closeServer(server: Server, clock: Clock, deadline: Duration): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.timer(clock.now() + deadline, () => server.closeAllConnections());
    server.close(() => {
      timer.cancel();
      resolve();
    });
    server.closeIdleConnections();
  });
}

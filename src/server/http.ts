/**
 * The HTTP server: finds the route, asks whether the caller may, writes the answer. Reading never changes anything.
 * Nothing of what goes wrong inside reaches a client but a code and the id of the request.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { describeProblem, type Refusal, API_PROBLEMS } from '../api/v1/problem.ts';
import type { Problem } from '../core/problem.ts';
import type { Duration } from '../core/time.ts';
import type { Clock, System } from '../ports/system.ts';
import { openAccess, type Access } from './access.ts';
import { json, type Reply, type Router, type Route, type StreamReply } from './route.ts';

export interface HttpServer {
  readonly port: number;
  /** Stops accepting, ends idle connections, and resolves when the open ones are done or `deadline` has passed. */
  close(deadline: Duration): Promise<void>;
}

const REQUEST_TIMEOUT: Duration = 10_000;
const LARGEST_HEADERS = 16 * 1024;
/** Below this compression costs more than it saves. */
const COMPRESS_FROM = 1024;

/**
 * Listens on all interfaces, as the Go program does. Port 0 takes a free one. Answers a `PortInUse` problem instead of
 * throwing when the port is taken or not allowed. Routes are looked up at each request, so more may be added later.
 */
export async function listen(
  port: number,
  router: Router,
  system: System,
  access: Access = openAccess,
): Promise<HttpServer | Problem> {
  const server = createServer({ maxHeaderSize: LARGEST_HEADERS }, (request, response) => {
    answer(router, access, system, request, response).catch(() => response.destroy());
  });
  server.headersTimeout = REQUEST_TIMEOUT;
  server.requestTimeout = REQUEST_TIMEOUT;
  const failure = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    server.once('error', resolve);
    server.listen(port, () => resolve(undefined));
  });
  if (failure !== undefined) return describeListenFailure(port, failure);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a listening TCP server has no port');
  return { port: address.port, close: (deadline) => closeServer(server, system.clock, deadline) };
}

async function answer(
  router: Router,
  access: Access,
  system: System,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const id = takeId(request.headers['x-request-id']) ?? system.random.uuid();
  const reply = await handle(router, access, system, request, id);
  response.setHeader('x-request-id', id);
  response.setHeader('cache-control', 'no-store');
  response.setHeader('x-content-type-options', 'nosniff');
  if ('open' in reply) return reply.open(response);
  const { status, contentType, headers = {} } = reply;
  const body = await compress(reply, request, response);
  response.writeHead(status, {
    ...(status === 304 ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }),
    ...headers,
  });
  response.end(request.method === 'HEAD' || status === 304 ? undefined : body);
}

/** An id that is safe to log and to send back. */
function takeId(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(header) ? header : undefined;
}

async function handle(
  router: Router,
  access: Access,
  system: System,
  request: IncomingMessage,
  id: string,
): Promise<Reply | StreamReply> {
  const { method = '', headers } = request;
  const [path, search] = splitOnce(request.url ?? '/', '?');
  const asked = { path, id };
  const match = router.find(method, path);
  if (match.kind === 'none') return json(404, { status: 'error', error: 'no such path' });
  const refuse = (refusal: Refusal): Reply => describeRefusal(match.route, refusal, asked);
  if (match.kind === 'malformed')
    return refuse({ code: 'invalid-argument', detail: 'the path has a malformed percent-encoding' });
  if (match.kind === 'no-method') {
    const allow = match.allow.join(', ');
    return refuse({ code: 'method-not-allowed', detail: `only ${allow}`, headers: { allow } });
  }
  const { route, params, rest } = match;
  try {
    const peer = request.socket.remoteAddress ?? '';
    const principal = await access({ method, path, headers, peer }, route.needs);
    if ('refused' in principal) return refuse(principal.refused);
    const query = new URLSearchParams(search);
    return await route.handle({ method, path, params, rest, query, headers, id, principal });
  } catch (error) {
    const err = error instanceof Error ? error.stack : String(error);
    system.log.error('a request could not be answered', { requestId: id, route: route.pattern, err });
    return refuse({ code: 'internal', detail: 'the request could not be answered' });
  }
}

/** A refusal in the form that the clients of the route expect. */
export function describeRefusal(
  { refusals }: Pick<Route, 'refusals'>,
  refusal: Refusal,
  asked: { readonly path: string; readonly id: string },
): Reply {
  const { status } = API_PROBLEMS[refusal.code];
  const headers = refusal.headers === undefined ? {} : { headers: refusal.headers };
  if (refusals === 'envelope')
    return { ...json(status, { status: 'error', error: refusal.detail }), ...headers };
  const body = `${JSON.stringify(describeProblem(refusal, asked))}\n`;
  return { status, contentType: 'application/problem+json; charset=utf-8', body, ...headers };
}

/** The body as it is sent; sets the headers that go with it. */
async function compress(
  { body, compress: isWorth }: Reply,
  { headers, method }: IncomingMessage,
  response: ServerResponse,
): Promise<string | Buffer> {
  if (isWorth !== true) return body;
  response.setHeader('vary', 'accept-encoding');
  const takes = /\bgzip\b(?!\s*;\s*q=0(?:\.0+)?\s*(?:,|$))/.test(headers['accept-encoding'] ?? '');
  if (!takes || method === 'HEAD' || Buffer.byteLength(body) < COMPRESS_FROM) return body;
  const { gzip } = await import('node:zlib');
  response.setHeader('content-encoding', 'gzip');
  return new Promise((resolve, reject) => {
    gzip(body, { level: 1 }, (error, packed) => (error === null ? resolve(packed) : reject(error)));
  });
}

function splitOnce(whole: string, at: string): readonly [string, string] {
  const index = whole.indexOf(at);
  return index < 0 ? [whole, ''] : [whole.slice(0, index), whole.slice(index + 1)];
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

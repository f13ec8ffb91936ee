/**
 * The HTTP server: finds the route, asks whether the caller may, writes the answer. Reading never changes anything.
 * Nothing of what goes wrong inside reaches a client but a code and the id of the request.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { describeProblem, type Refusal, API_PROBLEMS } from '../api/v1/problem.ts';
import type { TlsFiles } from '../config/config.ts';
import type { Problem } from '../core/problem.ts';
import { SECOND, type Duration } from '../core/time.ts';
import type { Clock, System } from '../ports/system.ts';
import { openAccess, type Access, type Need, type Principal } from './access.ts';
import { auditAction } from './audit.ts';
import { announcesTooMuch, readJson } from './body.ts';
import { plainAddress } from './peer.ts';
import { RateLimit, type Rate } from './rate-limit.ts';
import { json, type Reply, type Request, type Router, type Route, type StreamReply } from './route.ts';
import { followKeyMaterial, readKeyMaterial, type KeyMaterial } from './tls-files.ts';

// An import of node:http reads all its exports, and one of them loads an implementation of fetch and of web sockets:
// a twelfth of our start, for nothing.
const { createServer } = process.getBuiltinModule('node:http');
const { createServer: createTlsServer } = process.getBuiltinModule('node:https');

export interface HttpServer {
  readonly port: number;
  /** Stops accepting, ends idle connections, and resolves when the open ones are done or `deadline` has passed. */
  close(deadline: Duration): Promise<void>;
}

/** How one port is served. */
export interface ListenOptions {
  /** Default: everybody may read, nobody may act. */
  readonly access?: Access;
  /** How often each client may ask; probes are never counted. Default: as often as it likes. */
  readonly rate?: Rate;
  readonly tls?: TlsFiles;
  /** Only routes that need one of these are found. Default: all. */
  readonly serves?: readonly Need[];
}

/** Both for the head of a request and for all of it: who sends slower is cut off. */
const REQUEST_TIMEOUT: Duration = 10 * SECOND;
/** How late that may be noticed. */
const CHECK_TIMEOUTS_EVERY: Duration = 2 * SECOND;
const LARGEST_HEADERS = 16 * 1024;
const MOST_HEADERS = 100;
/** More are closed at once. Streams are fewer. */
const MOST_CONNECTIONS = 2000;
/** Below this compression costs more than it saves. */
const COMPRESS_FROM = 1024;

/** With every answer; a page brings a policy of its own. There is never a header of CORS: no other site may read this. */
const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
} as const;

/** What answering takes. */
interface Desk {
  readonly router: Router;
  readonly system: System;
  readonly access: Access;
  readonly limit: RateLimit | undefined;
  readonly serves: readonly Need[] | undefined;
}

/**
 * Listens on all interfaces, as the Go program does. Port 0 takes a free one. Answers a problem instead of throwing when
 * the port is taken or not allowed, or the certificate cannot be used. Routes are looked up at each request, so more may
 * be added later.
 */
export async function listen(
  port: number,
  router: Router,
  system: System,
  options: ListenOptions = {},
): Promise<HttpServer | Problem> {
  const { access = openAccess, rate, tls, serves } = options;
  const material = tls === undefined ? undefined : await readKeyMaterial(tls);
  if (material !== undefined && 'code' in material) return material;
  const limit = rate === undefined ? undefined : new RateLimit(system.clock, rate);
  const desk = { router, system, access, limit, serves };
  const { server, use } = createEither(material, (request, response) => {
    answer(desk, request, response).catch(() => response.destroy());
  });
  server.headersTimeout = REQUEST_TIMEOUT;
  server.requestTimeout = REQUEST_TIMEOUT;
  // Node would leave out those beyond a limit, and with them what an answer depends on: they are counted below instead.
  server.maxHeadersCount = 0;
  server.maxConnections = MOST_CONNECTIONS;
  const failure = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    server.once('error', resolve);
    server.listen(port, () => resolve(undefined));
  });
  if (failure !== undefined) return describeListenFailure(port, failure);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a listening TCP server has no port');
  const unfollow =
    tls === undefined || material === undefined ? undefined : followKeyMaterial(tls, material, system, use);
  return {
    port: address.port,
    close: (deadline) => {
      unfollow?.();
      return closeServer(server, system.clock, deadline);
    },
  };
}

/** With TLS or without. `use`: what new connections begin with. */
function createEither(
  material: KeyMaterial | undefined,
  listener: (request: IncomingMessage, response: ServerResponse) => void,
): { readonly server: Server; readonly use: (next: KeyMaterial) => void } {
  const common = { maxHeaderSize: LARGEST_HEADERS, connectionsCheckingInterval: CHECK_TIMEOUTS_EVERY };
  if (material === undefined) return { server: createServer(common, listener), use: () => {} };
  const server = createTlsServer({ ...common, ...material, handshakeTimeout: REQUEST_TIMEOUT }, listener);
  // A handshake that fails is the client's affair.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return { server, use: (next) => server.setSecureContext(next) };
}

async function answer(desk: Desk, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const id = takeId(request.headers['x-request-id']) ?? desk.system.random.uuid();
  const reply = await handle(desk, request, id);
  response.setHeader('x-request-id', id);
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
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

async function handle(desk: Desk, request: IncomingMessage, id: string): Promise<Reply | StreamReply> {
  const { method = '' } = request;
  const [path, search] = splitOnce(request.url ?? '/', '?');
  const match = desk.router.find(method, path);
  if (match.kind === 'none' || desk.serves?.includes(match.route.needs) === false)
    return json(404, { status: 'error', error: 'no such path' });
  const refuse = (refusal: Refusal): Reply => describeRefusal(match.route, refusal, { path, id });
  if (match.kind === 'malformed')
    return refuse({ code: 'invalid-argument', detail: 'the path has a malformed percent-encoding' });
  if (match.kind === 'no-method') {
    const allow = match.allow.join(', ');
    return refuse({ code: 'method-not-allowed', detail: `only ${allow}`, headers: { allow } });
  }
  const { route, params, rest } = match;
  const asked = { method, path, params, rest, query: new URLSearchParams(search), id };
  const { clock, log } = desk.system;
  const startedAt = clock.now();
  const reply = await enter(desk, request, route, asked, refuse).catch((error: unknown) => {
    const err = error instanceof Error ? error.stack : String(error);
    log.error('a request could not be answered', { requestId: id, route: route.pattern, err });
    return refuse({ code: 'internal', detail: 'the request could not be answered' });
  });
  route.answered?.({ method, status: reply.status, duration: clock.now() - startedAt });
  return reply;
}

/** What is told by the first line of a request. */
type Asked = Pick<Request, 'method' | 'path' | 'params' | 'rest' | 'query' | 'id'>;

/** Limits, then who it is, then the body, then the handler. Whatever becomes of an action is written down. */
async function enter(
  desk: Desk,
  request: IncomingMessage,
  route: Route,
  asked: Asked,
  refuse: (refusal: Refusal) => Reply,
): Promise<Reply | StreamReply> {
  const { access, system } = desk;
  const { headers, socket } = request;
  const peer = plainAddress(socket.remoteAddress ?? '');
  let principal: Principal | undefined;
  const finish = (reply: Reply, code?: string): Reply => {
    if (route.needs === 'act') auditAction(system.log, { asked, peer, principal, reply, code });
    return reply;
  };
  const stop = (refusal: Refusal): Reply => finish(refuse(refusal), refusal.code);
  const unfit =
    tooManyHeaders(request) ??
    announcesTooMuch(request) ??
    (access.isProxy(peer) ? undefined : tooOften(desk, route, `peer ${peer}`));
  if (unfit !== undefined) return stop(unfit);
  const admitted = await access.admit({ ...asked, headers, peer }, route.needs);
  if ('refused' in admitted) return stop(admitted.refused);
  principal = admitted;
  const { subject } = admitted;
  const client = subject === undefined ? `peer ${peer}` : `user ${subject.user}`;
  const isCounted = subject === undefined && !access.isProxy(peer);
  const often = isCounted ? undefined : tooOften(desk, route, client);
  if (often !== undefined) return stop(often);
  const hasBody = route.needs === 'act' && route.method === 'POST';
  const body = hasBody ? await readJson(request) : { value: undefined };
  if ('code' in body) return stop(body);
  const reply = await route.handle({
    ...asked,
    headers,
    principal,
    authorize: (right) => access.authorize(admitted, right),
    body: body.value,
  });
  return 'open' in reply ? reply : finish(reply);
}

function tooManyHeaders({ rawHeaders }: IncomingMessage): Refusal | undefined {
  if (rawHeaders.length <= 2 * MOST_HEADERS) return undefined;
  return {
    code: 'headers-too-large',
    detail: `a request has at most ${MOST_HEADERS} headers`,
    headers: { connection: 'close' },
  };
}

function tooOften({ limit }: Desk, { needs }: Route, client: string): Refusal | undefined {
  const wait = needs === 'probe' ? 0 : (limit?.take(client) ?? 0);
  if (wait === 0) return undefined;
  return {
    code: 'rate-limited',
    detail: 'this client asks too often',
    headers: { 'retry-after': String(wait) },
  };
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

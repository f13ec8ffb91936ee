/**
 * HTTP to one API server. Every call has a deadline and consumes its body; what may be sent twice, and when, is decided
 * here and nowhere else:
 *
 * - A GET whose kept-alive socket died as it was used is sent again once, at once.
 * - 401 with a token file or a plugin: the file is read, or the plugin run, again and, if that gives another credential,
 *   the request is sent again once. A refused login changed nothing, so this holds for writes too.
 * - 429, or 503 with Retry-After: a GET waits and asks again until its deadline. A write waits once, only when the
 *   server said for how long; if the deadline comes first, the server's refusal is the answer.
 * - Nothing else is repeated. A write that failed on the way may have been applied.
 */
import { SECOND, type Duration } from '../../core/time.ts';
import { boundSignal } from '../../ports/bound-signal.ts';
import type { Clock, Log } from '../../ports/system.ts';
import { Agents, type AgentPair } from './agents.ts';
import type { Connection } from './connection.ts';
import { openCredential } from './credential.ts';
import { exchange, NeverSent, openResponse, type HttpRequest, type HttpResponse } from './http.ts';
import type { Identity, IdentitySource } from './identity.ts';
import { pause } from './pause.ts';
import { describeRequest, type RequestObserver } from './request-facts.ts';

/** Longest a call may take when its caller sets no earlier deadline. */
const CALL_LIMIT: Duration = 30 * SECOND;

/** How long to wait after a 429 that does not say. */
export const DEFAULT_RETRY_AFTER: Duration = SECOND;

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute, already encoded, without the server's own path prefix. */
  readonly path: string;
  readonly query?: Query;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly contentType?: string;
}

export type Query = Readonly<Record<string, string>>;

export interface Answer {
  readonly kind: 'answered';
  readonly status: number;
  /** Parsed JSON; the text itself (cut to 200 characters) where it is not JSON. */
  readonly body: unknown;
  readonly retryAfter?: Duration;
}

/** No complete answer. A write may have been applied, except where `cause` begins with `not sent`. */
export interface Failure {
  readonly kind: 'failed';
  /** For people; free of secrets. */
  readonly cause: string;
  /** The error code of Node or undici, `ABORTED` for an aborted signal or a passed deadline. */
  readonly code: string;
}

export type Reply = Answer | Failure;

/** An open response body. Whoever gets it must read it to its end or abort the signal it was opened with. */
export interface OpenStream {
  readonly kind: 'open';
  readonly body: AsyncIterable<Buffer>;
}

export interface TransportOptions {
  readonly clock: Clock;
  readonly userAgent: string;
  /** For what credential plugins say. */
  readonly log?: Log;
  /** False: 429 and 503 are answers like any other. For callers with a schedule of their own. Default true. */
  readonly obeysRetryAfter?: boolean;
  /** Told of every request that was sent, with what became of it. */
  readonly onRequest?: RequestObserver;
}

export class Transport {
  /** The server's address, without credentials. */
  readonly address: string;
  /** Path before every other, where the server is behind a proxy. */
  readonly #prefix: string;
  readonly #agents: Agents;
  readonly #credential: IdentitySource;
  readonly #clock: Clock;
  readonly #userAgent: string;
  readonly #obeys: boolean;
  readonly #onRequest: RequestObserver | undefined;

  constructor(connection: Connection, options: TransportOptions) {
    this.address = connection.server;
    this.#prefix = new URL(connection.server).pathname.replace(/\/$/, '');
    this.#clock = options.clock;
    this.#agents = new Agents(connection, options.clock);
    this.#credential = openCredential(connection.credential, options);
    this.#userAgent = options.userAgent;
    this.#obeys = options.obeysRetryAfter ?? true;
    this.#onRequest = options.onRequest;
  }

  /** Never rejects. A signal that is aborted already means that nothing is sent. */
  async call(call: Call, signal: AbortSignal): Promise<Reply> {
    if (signal.aborted) return { kind: 'failed', cause: 'not sent: aborted before', code: 'ABORTED' };
    const bound = boundSignal(this.#clock, signal, this.#clock.now() + CALL_LIMIT, 'no answer in 30 s');
    try {
      return await this.#callPatiently(call, bound.signal);
    } finally {
      bound.release();
    }
  }

  /**
   * A GET whose body is read as it arrives. `silence` bounds the time between two chunks. An answer other than 200 is
   * read to its end. Never rejects; the body's iterator does, when the connection breaks or the signal aborts.
   */
  async open(
    path: string,
    query: Query,
    signal: AbortSignal,
    silence: Duration,
  ): Promise<OpenStream | Reply> {
    const call: Call = { method: 'GET', path, query };
    let opened = await this.#open(call, signal, silence);
    const isRefused = opened.reply.kind === 'answered' && opened.reply.status === 401;
    if (isRefused && (await this.#isReplaced(opened.identity, signal)))
      opened = await this.#open(call, signal, silence);
    return opened.reply;
  }

  /**
   * Opens this many connections for calls, unless they are open: a small question on each at the same time. Resolves when
   * they are answered, whatever the answers; never rejects.
   */
  async warmUp(connections: number): Promise<void> {
    const { signal } = new AbortController();
    const ask = (): Promise<Reply> => this.call({ method: 'GET', path: '/version' }, signal);
    await Promise.all(Array.from({ length: connections }, ask));
  }

  /** Ends all connections; requests in flight fail. Safe to call twice. */
  async close(): Promise<void> {
    this.#credential.close();
    await this.#agents.close();
  }

  async #callPatiently(call: Call, signal: AbortSignal): Promise<Reply> {
    const isRead = call.method === 'GET';
    for (let attempt = 0; ; attempt++) {
      const reply = await this.#attempt(call, signal);
      if (!this.#obeys || reply.kind === 'failed' || (attempt > 0 && !isRead)) return reply;
      const wait = requestedWait(reply, isRead);
      if (wait === undefined || !(await pause(this.#clock, wait, signal))) return reply;
    }
  }

  async #attempt(call: Call, signal: AbortSignal): Promise<Reply> {
    let { reply, identity } = await this.#sendAndRead(call, signal);
    if (reply.kind === 'failed' && call.method === 'GET' && isDeadSocket(reply) && !signal.aborted)
      ({ reply, identity } = await this.#sendAndRead(call, signal));
    if (reply.kind === 'answered' && reply.status === 401 && (await this.#isReplaced(identity, signal)))
      ({ reply } = await this.#sendAndRead(call, signal));
    return reply;
  }

  /** Whether there is another credential than the one that was refused. */
  async #isReplaced(refused: Identity | undefined, signal: AbortSignal): Promise<boolean> {
    try {
      return refused !== undefined && (await this.#credential.replaced(refused, signal));
    } catch {
      // Aborted: the refusal is the answer.
      return false;
    }
  }

  async #sendAndRead(call: Call, signal: AbortSignal): Promise<Sent<Reply>> {
    return this.#send(call, signal, async ({ calls }, request) =>
      answerOf(await exchange(calls, request, signal)),
    );
  }

  async #open(call: Call, signal: AbortSignal, silence: Duration): Promise<Sent<OpenStream | Reply>> {
    return this.#send(call, signal, async ({ watches }, request) => {
      const response = await openResponse(watches, { ...request, bodyTimeout: silence }, signal);
      const { statusCode, headers, body } = response;
      if (statusCode === 200) return { kind: 'open', body };
      return answerOf({ statusCode, headers, text: await body.text() });
    });
  }

  /** Never rejects. */
  async #send<R extends OpenStream | Answer>(
    call: Call,
    signal: AbortSignal,
    send: (agents: AgentPair, request: HttpRequest) => Promise<R>,
  ): Promise<Sent<R | Failure>> {
    let agents: AgentPair;
    let identity: Identity;
    try {
      identity = await this.#credential.current(signal);
      agents = await this.#agents.current(identity.certificate);
    } catch (error) {
      return { reply: { kind: 'failed', cause: `not sent: ${describe(error)}`, code: 'CONNECTION' } };
    }
    // Checked again after the awaits above: undici would not send either, but its error does not say so.
    if (signal.aborted)
      return { reply: { kind: 'failed', cause: 'not sent: aborted before', code: 'ABORTED' } };
    try {
      const reply = await send(agents, this.#requestOf(call, identity));
      this.#onRequest?.(describeRequest(call, String(reply.kind === 'open' ? 200 : reply.status)));
      return { reply, identity };
    } catch (error) {
      if (error instanceof NeverSent)
        return { reply: { kind: 'failed', cause: `not sent: ${error.message}`, code: 'ABORTED' } };
      this.#onRequest?.(describeRequest(call, 'failed'));
      return { reply: failureOf(error, signal) };
    }
  }

  #requestOf(call: Call, identity: Identity): HttpRequest {
    const { method, path, query, body, contentType = 'application/json' } = call;
    const search = query === undefined ? '' : `?${encodeQuery(query)}`;
    return {
      method,
      path: `${this.#prefix}${path}${search}`,
      headers: {
        accept: 'application/json',
        'user-agent': this.#userAgent,
        ...(identity.token !== undefined && { authorization: `Bearer ${identity.token}` }),
        ...(body !== undefined && { 'content-type': contentType }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    };
  }
}

interface Sent<R> {
  readonly reply: R;
  /** With which it was sent; absent where it was not, or nothing came back. */
  readonly identity?: Identity;
}

function encodeQuery(query: Query): string {
  return Object.entries(query)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');
}

function answerOf({ statusCode, headers, text }: HttpResponse): Answer {
  const seconds = Number(headers['retry-after']);
  return {
    kind: 'answered',
    status: statusCode,
    body: parseJson(text),
    ...(headers['retry-after'] !== undefined && Number.isFinite(seconds) && { retryAfter: seconds * SECOND }),
  };
}

function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return text.slice(0, 200);
  }
}

function requestedWait(answer: Answer, isRead: boolean): Duration | undefined {
  if (answer.status === 429) return answer.retryAfter ?? (isRead ? DEFAULT_RETRY_AFTER : undefined);
  return answer.status === 503 ? answer.retryAfter : undefined;
}

/** What one sees when the server closed an idle connection in the moment that it was used. */
function isDeadSocket({ code }: Failure): boolean {
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'UND_ERR_SOCKET';
}

/** An error of `request` or of reading a body, as a value. */
export function failureOf(error: unknown, signal: AbortSignal): Failure {
  if (signal.aborted) {
    const reason: unknown = signal.reason;
    return {
      kind: 'failed',
      cause: reason instanceof Error ? reason.message : 'aborted',
      code: 'ABORTED',
    };
  }
  return { kind: 'failed', cause: describe(error), code: codeOf(error) ?? 'ERROR' };
}

function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  return [codeOf(error), message].filter((part) => part !== undefined && part !== '').join(': ') || 'failed';
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

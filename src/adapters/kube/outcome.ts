/** From an HTTP answer to the closed unions of the cluster port. Decided by status and `reason`, never by message text. */
import type { KubeObject, ReadFailure, WriteFailure, WriteResult } from '../../ports/cluster.ts';
import { DEFAULT_RETRY_AFTER, type Answer, type Reply } from './transport.ts';

/** The part of `meta/v1.Status` that decisions need. */
export interface ApiStatus {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
}

/** Reads a Status body; a proxy's error page gives its status code and the start of its text. */
export function statusOf(body: unknown, code: number): ApiStatus {
  if (typeof body === 'string') return { code, reason: '', message: body };
  const reason = fieldOf(body, 'reason');
  const message = fieldOf(body, 'message');
  return {
    code,
    reason: typeof reason === 'string' ? reason : '',
    message: typeof message === 'string' ? message : `HTTP ${code}`,
  };
}

/** The failure of a read that was not answered with 200. */
export function readFailureOf(reply: Reply): ReadFailure {
  if (reply.kind === 'failed') return { kind: 'unavailable', cause: reply.cause, code: reply.code };
  const { code, reason, message } = statusOf(reply.body, reply.status);
  if (isRefusal(code)) return { kind: 'refused', status: code, reason, message };
  return { kind: 'unavailable', cause: `HTTP ${code}: ${message}` };
}

/** The result of a write. `toObject` turns the body of a success into the object. */
export function writeResultOf<T extends KubeObject>(
  reply: Reply,
  toObject: (body: unknown) => T | undefined,
): WriteResult<T> {
  if (reply.kind === 'failed') return { kind: 'unknown', cause: reply.cause, code: reply.code };
  if (reply.status >= 200 && reply.status < 300) {
    const object = toObject(reply.body);
    return object === undefined
      ? { kind: 'unknown', cause: `HTTP ${reply.status} without an object` }
      : { kind: 'done', object };
  }
  return writeFailureOf(reply);
}

function writeFailureOf(answer: Answer): WriteFailure {
  const { code, reason, message } = statusOf(answer.body, answer.status);
  if (code === 404) return { kind: 'gone' };
  if (code === 409)
    return reason === 'AlreadyExists' ? { kind: 'exists', message } : { kind: 'conflict', message };
  if (code === 429) return { kind: 'throttled', retryAfter: answer.retryAfter ?? DEFAULT_RETRY_AFTER };
  if (code === 503 && answer.retryAfter !== undefined)
    return { kind: 'throttled', retryAfter: answer.retryAfter };
  if (isRefusal(code)) return { kind: 'refused', status: code, reason, message };
  return { kind: 'unknown', cause: `HTTP ${code}: ${message}` };
}

/** The server understood and said no: every 4xx but those that mean "not now". */
function isRefusal(code: number): boolean {
  return code >= 400 && code < 500 && code !== 408 && code !== 429;
}

/** The object in a body, if it is one. The one place where JSON becomes a type: the server answers with what was asked for. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export function objectOf<T extends KubeObject>(body: unknown): T | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return typeof fieldOf(fieldOf(body, 'metadata'), 'name') === 'string' ? (body as T) : undefined;
}

/** A field of a JSON value; undefined if the value is not an object. */
export function fieldOf(value: unknown, field: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, field) : undefined;
}

/**
 * Refused requests, in the form of RFC 9457 (`application/problem+json`). Codes are API: scripts match them, texts may
 * change.
 */

interface CodeEntry {
  readonly status: number;
  readonly title: string;
  /** What to do. */
  readonly hint: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
}

/** Every code that version 1 of the API answers with. */
export const API_PROBLEMS = {
  'invalid-argument': entry(400, 'A parameter has no such value', 'see what is allowed in /openapi.json'),
  'invalid-filter': entry(400, 'The filter cannot be read', 'see the filter grammar in the API reference'),
  'invalid-body': entry(400, 'The body cannot be read', 'send JSON as /openapi.json describes it'),
  unauthenticated: entry(
    401,
    'Nobody is known',
    'send a token: kubectl create token NAME --audience k8-highlander',
  ),
  forbidden: entry(403, 'This is not allowed', 'ask for the right that is named, or use another account'),
  'cross-site': entry(
    403,
    'The request comes from another site',
    'send it from a program or from the page itself',
  ),
  'not-found': entry(404, 'There is no such thing', 'list what there is with /api/v1/workloads'),
  'method-not-allowed': entry(
    405,
    'The path does not take this method',
    'use a method from the Allow header',
  ),
  'not-acceptable': entry(406, 'The answer has no such form', 'accept application/json'),
  'state-conflict': retry(
    409,
    'Somebody else changes the same thing',
    'look at it, and send the request again',
  ),
  'continue-expired': entry(
    410,
    'The list changed too long ago to be continued',
    'start the list again without `continue`',
  ),
  'too-large': entry(413, 'The body is too large', 'send less'),
  'unsupported-media-type': entry(415, 'The body has another type', 'send Content-Type: application/json'),
  'rate-limited': retry(429, 'Too many requests', 'wait as long as Retry-After says'),
  'headers-too-large': entry(431, 'There are too many headers', 'send fewer'),
  internal: retry(500, 'A bug', 'report it with the request id; the log of the controller has the cause'),
  starting: retry(503, 'The controller is starting', 'ask again in a moment'),
  'kube-unavailable': retry(
    503,
    'The API server did not answer',
    'ask again; with auth.mode token the controller needs deploy/kubernetes/auth-token.yaml',
  ),
  'too-many-streams': retry(503, 'All places for streams are taken', 'close one, or poll /api/v1/summary'),
} as const satisfies Readonly<Record<string, CodeEntry>>;

export type ApiProblemCode = keyof typeof API_PROBLEMS;

/** One field of a request that is wrong. */
export interface FieldError {
  /** The name of the parameter, and where inside its value if that helps. */
  readonly path: string;
  readonly message: string;
  readonly hint: string;
}

/** Why a request was not answered. */
export interface Refusal {
  readonly code: ApiProblemCode;
  /** What is wrong with this very request, one sentence. Never contains a secret. */
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** The body of a refusal. */
export interface ProblemBody {
  /** Where the code is described, relative to the root of the API. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ApiProblemCode;
  readonly detail: string;
  /** The path that was asked for. */
  readonly instance: string;
  readonly requestId: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly errors: readonly FieldError[];
}

/** The body for one refused request. */
export function describeProblem(
  { code, detail, errors = [] }: Refusal,
  request: { readonly path: string; readonly id: string },
): ProblemBody {
  const { status, title, hint, retryable } = API_PROBLEMS[code];
  return {
    type: `/api/v1/problems/${code}`,
    title,
    status,
    code,
    detail,
    instance: request.path,
    requestId: request.id,
    hint,
    retryable,
    errors,
  };
}

/** Whether the text is one of the codes. */
export function isProblemCode(text: string): text is ApiProblemCode {
  return Object.hasOwn(API_PROBLEMS, text);
}

function entry(status: number, title: string, hint: string): CodeEntry {
  return { status, title, hint, retryable: false };
}

function retry(status: number, title: string, hint: string): CodeEntry {
  return { status, title, hint, retryable: true };
}

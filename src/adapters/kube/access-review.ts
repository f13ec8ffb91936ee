/**
 * Tokens and rights by TokenReview and SubjectAccessReview
 * (https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/). Needs `create` on both.
 * What the server says about a token is not passed on: it might repeat it.
 */
import type { AccessReview, Right, Subject } from '../../ports/access-review.ts';
import type { System } from '../../ports/system.ts';
import type { Connection } from './connection.ts';
import { fieldOf } from './outcome.ts';
import type { RequestObserver } from './request-facts.ts';
import { Transport, type Reply } from './transport.ts';

export interface AccessReviewOptions {
  readonly system: System;
  readonly userAgent: string;
  /** The audience that tokens must be made for; absent: that of the API server. */
  readonly audience?: string;
  readonly onRequest?: RequestObserver;
}

const TOKEN_REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews';
const ACCESS_REVIEWS = '/apis/authorization.k8s.io/v1/subjectaccessreviews';

/** Connects on first use. */
export function openAccessReview(connection: Connection, options: AccessReviewOptions): AccessReview {
  const { system, userAgent, audience, onRequest } = options;
  const transport = new Transport(connection, {
    clock: system.clock,
    log: system.log,
    userAgent,
    obeysRetryAfter: false,
    ...(onRequest === undefined ? {} : { onRequest }),
  });
  const ask = async (
    path: string,
    kind: string,
    spec: object,
    signal: AbortSignal,
  ): Promise<{ readonly status: unknown } | { readonly cause: string }> => {
    const apiVersion = path.split('/').slice(2, 4).join('/');
    const reply = await transport.call({ method: 'POST', path, body: { apiVersion, kind, spec } }, signal);
    return statusOf(reply, path.split('/').at(-1) ?? '');
  };
  return {
    async identify(token, signal) {
      const spec = { token, ...(audience !== undefined && { audiences: [audience] }) };
      const answer = await ask(TOKEN_REVIEWS, 'TokenReview', spec, signal);
      if ('cause' in answer) return { kind: 'unavailable', cause: answer.cause };
      const { status } = answer;
      // A server that knows no audiences answers none: it has not looked at ours.
      const isForUs = audience === undefined || textsOf(fieldOf(status, 'audiences')).includes(audience);
      const subject = subjectOf(fieldOf(status, 'user'));
      if (fieldOf(status, 'authenticated') !== true || !isForUs || subject === undefined)
        return { kind: 'unknown' };
      return { kind: 'known', subject };
    },

    async authorize(subject, right, signal) {
      const answer = await ask(ACCESS_REVIEWS, 'SubjectAccessReview', reviewOf(subject, right), signal);
      if ('cause' in answer) return { kind: 'unavailable', cause: answer.cause };
      const isAllowed =
        fieldOf(answer.status, 'allowed') === true && fieldOf(answer.status, 'denied') !== true;
      return { kind: isAllowed ? 'allowed' : 'denied' };
    },

    close: () => transport.close(),
  };
}

function statusOf(reply: Reply, resource: string): { readonly status: unknown } | { readonly cause: string } {
  if (reply.kind === 'failed') return { cause: reply.cause };
  if (reply.status === 200 || reply.status === 201) return { status: fieldOf(reply.body, 'status') };
  if (reply.status === 403) return { cause: `this controller may not create ${resource}` };
  return { cause: `the API server answered ${reply.status} to ${resource}` };
}

function reviewOf({ user, uid, groups, extra }: Subject, right: Right): object {
  const who = { user, groups, ...(uid !== undefined && { uid }), ...(extra !== undefined && { extra }) };
  return 'path' in right ? { ...who, nonResourceAttributes: right } : { ...who, resourceAttributes: right };
}

function subjectOf(user: unknown): Subject | undefined {
  const name = fieldOf(user, 'username');
  if (typeof name !== 'string' || name === '') return undefined;
  const uid = fieldOf(user, 'uid');
  const extra = fieldOf(user, 'extra');
  return {
    user: name,
    groups: textsOf(fieldOf(user, 'groups')),
    ...(typeof uid === 'string' && { uid }),
    ...(typeof extra === 'object' &&
      extra !== null && {
        extra: Object.fromEntries(Object.entries(extra).map(([key, value]) => [key, textsOf(value)])),
      }),
  };
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

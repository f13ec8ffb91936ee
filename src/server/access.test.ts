/** Who is let in, over a real socket: each mode, with and without a name, reading and acting; and when nobody can be asked. */
import { request as httpRequest, type OutgoingHttpHeaders } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createManualSystem } from '../../test/manual-system.ts';
import type { AccessReview, Right, RightVerdict, TokenVerdict } from '../ports/access-review.ts';
import type { Access } from './access.ts';
import { describeRefusal, listen, type HttpServer } from './http.ts';
import { proxyAccess, tokenAccess } from './known-access.ts';
import { localAccess } from './local-access.ts';
import { Reviewer } from './reviewer.ts';
import { json, Router, type Route } from './route.ts';

const RESTART: Right = {
  verb: 'patch',
  group: '',
  resource: 'configmaps',
  namespace: 'here',
  name: 'control',
};
const ACT = { 'content-type': 'application/json' };
const OPERATOR = { ...ACT, authorization: 'Bearer operator-token' };

let system: ReturnType<typeof createManualSystem>;
let server: HttpServer;
let asked: string[];
let isAway: boolean;

/** Users are named after their tokens: `NAME-token`. Readers may list processes in `web`, operators anything. */
const review: AccessReview = {
  identify(token): Promise<TokenVerdict> {
    asked.push(`whose ${token}`);
    if (isAway) return Promise.resolve({ kind: 'unavailable', cause: 'no answer' });
    const name = /^(reader|operator|stranger)-token$/.exec(token)?.[1];
    if (name === undefined) return Promise.resolve({ kind: 'unknown' });
    return Promise.resolve({ kind: 'known', subject: { user: name, groups: [] } });
  },
  authorize({ user }, right): Promise<RightVerdict> {
    asked.push(`may ${user} ${right.verb}`);
    if (isAway) return Promise.resolve({ kind: 'unavailable', cause: 'no answer' });
    const isNarrow =
      'resource' in right && right.resource === 'workloadprocesses' && right.namespace === 'web';
    const may = user === 'operator' || (user === 'reader' && right.verb === 'list' && isNarrow);
    return Promise.resolve({ kind: may ? 'allowed' : 'denied' });
  },
  close: () => Promise.resolve(),
};

const refusals = 'problem';
const routes: readonly Route[] = [
  { method: 'GET', pattern: '/probe', needs: 'probe', refusals, handle: () => json(200, 'ok') },
  {
    method: 'GET',
    pattern: '/all',
    needs: 'read',
    refusals,
    handle: ({ principal }) => json(200, principal),
  },
  { method: 'GET', pattern: '/one/{kind}/{namespace}', needs: 'read', refusals, handle: () => json(200, '') },
  { method: 'GET', pattern: '/metrics', needs: 'metrics', refusals, handle: () => json(200, '') },
  {
    method: 'POST',
    pattern: '/act',
    needs: 'act',
    refusals,
    handle: async (request) => {
      const denied = await request.authorize(RESTART);
      if (denied !== undefined) return describeRefusal({ refusals }, denied, request);
      return { ...json(202, request.body), audit: { action: 'restart' } };
    },
  },
];

async function open(access: Access): Promise<void> {
  const listening = await listen(0, new Router(routes), system, {
    access,
    rate: { perSecond: 5, burst: 20 },
  });
  if ('code' in listening) throw new Error(listening.message);
  server = listening;
}

interface Answer {
  readonly status: number;
  readonly body: any;
  readonly headers: Readonly<Record<string, unknown>>;
}

function ask(
  method: string,
  path: string,
  headers: OutgoingHttpHeaders = {},
  body?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { port: server.port, host: '127.0.0.1', method, path, headers, agent: false } as const;
    const sent = httpRequest(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body: JSON.parse(text === '' ? 'null' : text),
          headers: response.headers,
        }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const act = (headers: OutgoingHttpHeaders = {}, body = '{"a":1}'): Promise<Answer> =>
  ask('POST', '/act', { ...ACT, ...headers }, body);

/** Status, and the code of a refusal. */
const verdict = ({ status, body }: Answer): string =>
  status < 400 ? String(status) : `${status} ${String(body.code)}`;

beforeEach(() => {
  system = createManualSystem();
  asked = [];
  isAway = false;
});

afterEach(() => server.close(0));

const token = (anonymous: 'reader' | 'none'): Access =>
  tokenAccess(new Reviewer(review, system.clock), { anonymous, metricsPath: '/metrics' });
const proxy = (trustedProxies: readonly string[], anonymous: 'reader' | 'none' = 'none'): Access =>
  proxyAccess(new Reviewer(review, system.clock), { anonymous, trustedProxies, metricsPath: '/metrics' });

describe('mode none', () => {
  beforeEach(() => open(localAccess()));

  it('everybody reads, and the same machine acts', async () => {
    expect(verdict(await ask('GET', '/all'))).toBe('200');
    expect(await act()).toMatchObject({ status: 202, body: { a: 1 } });
    for (const host of ['localhost', `127.0.0.1:${server.port}`, '[::1]:1', 'LOCALHOST:8080'])
      expect(verdict(await act({ host })), host).toBe('202');
  });

  it.each([
    ['a name that leads here (DNS rebinding)', { host: 'evil.example' }, '403 forbidden'],
    ['a name that begins like ours', { host: 'localhost.evil.example' }, '403 forbidden'],
    ['a proxy on this machine', { 'x-forwarded-for': '10.0.0.9' }, '403 forbidden'],
    ['a proxy that says so', { forwarded: 'for=10.0.0.9' }, '403 forbidden'],
    ['a page of another site', { 'sec-fetch-site': 'cross-site' }, '403 cross-site'],
    ['a page of another port', { origin: 'http://127.0.0.1:1' }, '403 cross-site'],
    ['a page without an origin', { origin: 'null' }, '403 cross-site'],
    ['a browser with cookies', { cookie: 'a=b' }, '403 cross-site'],
    ['a form', { 'content-type': 'text/plain' }, '415 unsupported-media-type'],
    [
      'a form that pretends',
      { 'content-type': 'text/plain, application/json' },
      '415 unsupported-media-type',
    ],
  ])('%s does not act', async (_who, headers, expected) => {
    expect(verdict(await act(headers))).toBe(expected);
  });

  it('a page of this very server acts', async () => {
    const origin = `http://127.0.0.1:${server.port}`;
    expect(verdict(await act({ origin, 'sec-fetch-site': 'same-origin' }))).toBe('202');
  });
});

describe('mode token', () => {
  it.each([
    ['nobody', {}, '200', '200', '401 unauthenticated'],
    ['an unknown token', { authorization: 'Bearer wrong' }, '200', '200', '401 unauthenticated'],
    ['a password', { authorization: 'Basic b3BlcmF0b3I6eA==' }, '200', '200', '401 unauthenticated'],
    ['a reader', { authorization: 'Bearer reader-token' }, '200', '200', '403 forbidden'],
    ['an operator', { authorization: 'Bearer operator-token' }, '200', '200', '202'],
  ])('where everybody reads: %s', async (_who, headers, all, metrics, acts) => {
    await open(token('reader'));
    expect(verdict(await ask('GET', '/all', headers))).toBe(all);
    expect(verdict(await ask('GET', '/metrics', headers))).toBe(metrics);
    expect(verdict(await act(headers))).toBe(acts);
  });

  it.each([
    ['nobody', {}, '401 unauthenticated', '401 unauthenticated', '401 unauthenticated'],
    [
      'a stranger',
      { authorization: 'Bearer stranger-token' },
      '403 forbidden',
      '403 forbidden',
      '403 forbidden',
    ],
    [
      'a reader of one namespace',
      { authorization: 'Bearer reader-token' },
      '403 forbidden',
      '200',
      '403 forbidden',
    ],
    ['an operator', { authorization: 'Bearer operator-token' }, '200', '200', '200'],
  ])('where nobody reads unasked: %s', async (_who, headers, all, one, metrics) => {
    await open(token('none'));
    expect(verdict(await ask('GET', '/all', headers))).toBe(all);
    expect(verdict(await ask('GET', '/one/process/web', headers))).toBe(one);
    expect(verdict(await ask('GET', '/metrics', headers))).toBe(metrics);
    expect(verdict(await ask('GET', '/probe', headers))).toBe('200');
  });

  it('a refusal names the right that is missing, and how to say who one is', async () => {
    await open(token('reader'));
    const denied = await act({ authorization: 'Bearer reader-token' });
    expect(denied.body.detail).toBe('reader may not patch configmaps/control in namespace here');
    expect((await act()).headers['www-authenticate']).toMatch(/^Bearer /);
  });

  it('without an answer of the API server nobody acts, and everybody still reads', async () => {
    await open(token('reader'));
    isAway = true;
    const answer = await act(OPERATOR);
    expect(verdict(answer)).toBe('503 kube-unavailable');
    expect(answer.headers['retry-after']).toBe('1');
    expect(verdict(await ask('GET', '/all', OPERATOR))).toBe('200');
  });

  it('answers count for a moment, and no longer', async () => {
    await open(token('reader'));
    for (let time = 0; time < 3; time++) expect(verdict(await act(OPERATOR))).toBe('202');
    expect(asked).toEqual(['whose operator-token', 'may operator patch']);
    isAway = true;
    system.advance(29_000);
    expect(verdict(await act(OPERATOR))).toBe('202');
    system.advance(1000);
    expect(verdict(await act(OPERATOR))).toBe('503 kube-unavailable');
    isAway = false;
    system.advance(1000);
    expect(verdict(await act(OPERATOR))).toBe('202');
  });
});

describe('mode proxy', () => {
  it('believes the headers of the proxies that are named', async () => {
    await open(proxy(['127.0.0.0/8']));
    expect(verdict(await act({ 'x-forwarded-user': 'operator' }))).toBe('202');
    expect(verdict(await act({ 'x-forwarded-user': 'reader', 'x-forwarded-groups': 'a, b' }))).toBe(
      '403 forbidden',
    );
    const { body } = await ask('GET', '/all', {
      'x-forwarded-user': 'operator',
      'x-forwarded-groups': 'a, b',
    });
    expect(body).toMatchObject({ name: 'operator', groups: ['a', 'b', 'system:authenticated'] });
  });

  it.each([
    ['without a user', {}],
    ['with a user of the cluster', { 'x-forwarded-user': 'system:admin' }],
    ['with a group of the cluster', { 'x-forwarded-user': 'me', 'x-forwarded-groups': 'a,system:masters' }],
    ['with two users', { 'x-forwarded-user': ['me', 'operator'] }],
  ])('%s nobody acts', async (_what, headers) => {
    await open(proxy(['127.0.0.1']));
    expect(verdict(await act(headers))).toBe('401 unauthenticated');
  });

  it('from elsewhere the headers count for nothing', async () => {
    await open(proxy(['10.0.0.0/8', 'fd00::/8'], 'reader'));
    expect(verdict(await act({ 'x-forwarded-user': 'operator' }))).toBe('401 unauthenticated');
    const { body } = await ask('GET', '/all', { 'x-forwarded-user': 'operator' });
    expect(body.name).toBe('anonymous');
  });
});

describe('limits', () => {
  it('who asks too often waits; probes never do', async () => {
    await open(token('reader'));
    for (let time = 0; time < 20; time++) expect(verdict(await ask('GET', '/all'))).toBe('200');
    const late = await ask('GET', '/all');
    expect(verdict(late)).toBe('429 rate-limited');
    expect(late.headers['retry-after']).toBe('1');
    expect(verdict(await ask('GET', '/probe'))).toBe('200');
    system.advance(1000);
    for (let time = 0; time < 5; time++) expect(verdict(await ask('GET', '/all'))).toBe('200');
    expect(verdict(await ask('GET', '/all'))).toBe('429 rate-limited');
  });

  it('behind a proxy each user has a limit of their own', async () => {
    await open(proxy(['127.0.0.1']));
    const as = (user: string) => ask('GET', '/all', { 'x-forwarded-user': user });
    for (let time = 0; time < 21; time++) await as('stranger');
    for (let time = 0; time < 20; time++) expect(verdict(await as('operator'))).toBe('200');
    expect(verdict(await as('operator'))).toBe('429 rate-limited');
  });

  it.each([
    ['too large', JSON.stringify('x'.repeat(70_000)), {}, '413 too-large'],
    [
      'too large, in pieces',
      JSON.stringify('x'.repeat(70_000)),
      { 'transfer-encoding': 'chunked' },
      '413 too-large',
    ],
    ['no JSON', '{"a":', {}, '400 invalid-body'],
    ['nothing', '', {}, '400 invalid-body'],
  ])('a body that is %s is refused', async (_what, body, headers, expected) => {
    await open(localAccess());
    expect(verdict(await act(headers, body))).toBe(expected);
  });

  it('a request with more headers than are looked at is refused', async () => {
    await open(localAccess());
    const many = Object.fromEntries(Array.from({ length: 110 }, (_, at) => [`x-${at}`, '1']));
    expect(verdict(await act({ ...many, 'x-forwarded-for': '10.0.0.9' }))).toBe('431 headers-too-large');
  });
});

it('every answer has the headers that keep browsers safe, and none of CORS', async () => {
  await open(localAccess());
  for (const { headers } of [
    await ask('GET', '/all', { origin: 'http://evil.example' }),
    await ask('GET', '/none'),
  ]) {
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
    });
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  }
});

it('refused requests are counted like others, under their route', async () => {
  const counted: string[] = [];
  const answered: Route['answered'] = ({ method, status }) => void counted.push(`${method} ${status}`);
  const listening = await listen(
    0,
    new Router(routes.map((route) => Object.assign({}, route, { answered }))),
    system,
    {
      access: token('none'),
    },
  );
  if ('code' in listening) throw new Error(listening.message);
  server = listening;
  await ask('GET', '/all');
  await act(OPERATOR);
  await ask('GET', '/probe');
  expect(counted).toEqual(['GET 401', 'POST 202', 'GET 200']);
});

it('each action leaves one line, done or refused', async () => {
  await open(token('reader'));
  await act(OPERATOR);
  await act({ authorization: 'Bearer reader-token' });
  await act();
  await ask('GET', '/all');
  expect(system.lines).toEqual(['info action accepted', 'warn action refused', 'warn action refused']);
});

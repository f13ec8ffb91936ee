import { afterEach, beforeEach, expect, it } from 'vitest';
import { createManualSystem, type ManualSystem } from '../../../test/manual-system.ts';
import { OpenApi } from '../../../test/open-api.ts';
import { ShownWorld } from '../../../test/shown-world.ts';
import type { AccessReview, RightVerdict } from '../../ports/access-review.ts';
import type { Access } from '../access.ts';
import { listen, type HttpServer } from '../http.ts';
import { proxyAccess, tokenAccess } from '../known-access.ts';
import { localAccess } from '../local-access.ts';
import { Reviewer } from '../reviewer.ts';
import { Router } from '../route.ts';
import { openV1, type V1 } from './routes.ts';

type Json = Record<string, any>;

let system: ManualSystem;
let v1: V1;
let server: HttpServer;
let isAway: boolean;

/** `eva` may patch processes of `web`, `admin` anything, others nothing. */
const review: AccessReview = {
  identify: (token) =>
    Promise.resolve(
      token === 'wrong' ? { kind: 'unknown' } : { kind: 'known', subject: { user: token, groups: ['team'] } },
    ),
  authorize: ({ user }, right): Promise<RightVerdict> => {
    if (isAway) return Promise.resolve({ kind: 'unavailable', cause: 'no answer' });
    const isNarrow =
      'resource' in right && right.resource === 'workloadprocesses' && right.namespace === 'web';
    const may = user === 'admin' || (user === 'eva' && right.verb === 'patch' && isNarrow);
    return Promise.resolve({ kind: may ? 'allowed' : 'denied' });
  },
  close: () => Promise.resolve(),
};

beforeEach(() => {
  system = createManualSystem();
  isAway = false;
});

afterEach(async () => {
  v1.close();
  await server.close(0);
});

async function open(access: Access): Promise<void> {
  v1 = openV1(new ShownWorld(), system);
  const listening = await listen(0, new Router(v1.routes), system, { access });
  if ('code' in listening) throw new Error(listening.message);
  server = listening;
}

const token = (anonymous: 'reader' | 'none'): Access =>
  tokenAccess(new Reviewer(review, system.clock), { anonymous, metricsPath: '/m' });

async function ask(headers: Readonly<Record<string, string>> = {}, query = ''): Promise<Json> {
  const url = `http://127.0.0.1:${server.port}/api/v1`;
  const openApi = new OpenApi(await (await fetch(`${url}/openapi.json`)).text());
  const answer = await fetch(`${url}/whoami${query}`, { headers: { connection: 'close', ...headers } });
  const body = await answer.text();
  const contentType = answer.headers.get('content-type');
  expect(openApi.check('/api/v1/whoami', { status: answer.status, contentType, body })).toEqual([]);
  return { status: answer.status, ...(JSON.parse(body) as Json) };
}

const as = (user: string): Readonly<Record<string, string>> => ({ authorization: `Bearer ${user}` });
/** What may be asked for, about what. */
const allowed = ({ permissions }: Json): readonly string[] =>
  permissions
    .filter((one: Json) => one['allowed'] === 'true')
    .map(({ target }: Json) =>
      [target.is, target.source, target.kind, target.namespace].filter(Boolean).join(' '),
    );

it('mode none: the same machine is local and may ask for everything, through a proxy nobody may', async () => {
  await open(localAccess());
  const local = await ask();
  expect(local).toMatchObject({ user: 'local', role: 'operator' });
  expect(allowed(local)).toHaveLength(local['permissions'].length);
  expect(await ask({ 'x-forwarded-for': '10.0.0.9' })).toMatchObject({ user: 'anonymous', role: 'reader' });
});

it('mode token: without a token nobody in particular, who may ask for nothing and is told what to send', async () => {
  await open(token('reader'));
  const nobody = await ask();
  expect(nobody).toMatchObject({ status: 200, user: 'anonymous', role: 'reader' });
  expect(allowed(nobody)).toEqual([]);
});

it('a token that is not known is refused, and so is nobody where nobody reads unasked', async () => {
  await open(token('reader'));
  expect(await ask(as('wrong'))).toMatchObject({ status: 401, code: 'unauthenticated' });
  await server.close(0);
  await open(token('none'));
  expect(await ask()).toMatchObject({ status: 401, code: 'unauthenticated' });
});

it('each verdict is that of the right which the action would need, with what is missing', async () => {
  await open(token('reader'));
  const eva = await ask(as('eva'), '?namespace=web,ops');
  expect(eva).toMatchObject({ user: 'eva', groups: ['team'], role: 'operator' });
  expect(allowed(eva)).toEqual(['workload cr process web']);
  expect(eva['permissions'].find(({ target }: Json) => target.is === 'tenant')).toMatchObject({
    actions: ['pause', 'resume', 'failover', 'fence-node'],
    allowed: 'false',
    because: 'eva may not patch configmaps/highlander-control-default in namespace k8-highlander',
  });
  expect(allowed(await ask(as('eva')))).toEqual([]);
  expect(allowed(await ask(as('admin')))).toHaveLength(7);
});

it('what could not be asked is unknown, with the cause', async () => {
  await open(token('reader'));
  isAway = true;
  const eva = await ask(as('eva'));
  expect(eva).toMatchObject({ user: 'eva', role: 'unknown' });
  for (const { allowed: verdict, because } of eva['permissions'])
    expect({ verdict, because }).toEqual({
      verdict: 'unknown',
      because: 'whether this is allowed could not be asked: no answer',
    });
});

it('mode proxy: whom the proxy names', async () => {
  const options = { anonymous: 'reader', metricsPath: '/m', trustedProxies: ['127.0.0.0/8', '::1'] } as const;
  await open(proxyAccess(new Reviewer(review, system.clock), options));
  expect(await ask({ 'x-forwarded-user': 'admin' })).toMatchObject({ user: 'admin', role: 'operator' });
  expect(await ask()).toMatchObject({ user: 'anonymous', role: 'reader' });
});

it('more namespaces than are asked about at a time are refused', async () => {
  await open(localAccess());
  const many = Array.from({ length: 11 }, (_, number) => `ns-${number}`).join(',');
  expect(await ask({}, `?namespace=${many}`)).toMatchObject({ status: 400, errors: [{ path: 'namespace' }] });
});

/** What somebody sees who may list workloads in some namespaces only: over a real socket, with tokens required. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createManualSystem, type ManualSystem } from '../../../test/manual-system.ts';
import { OpenApi } from '../../../test/open-api.ts';
import { ShownWorld } from '../../../test/shown-world.ts';
import type { AccessReview, Right, RightVerdict } from '../../ports/access-review.ts';
import { listen, type HttpServer } from '../http.ts';
import { tokenAccess } from '../known-access.ts';
import { Reviewer } from '../reviewer.ts';
import { Router } from '../route.ts';
import { openV1, type V1 } from './routes.ts';

type Json = Record<string, any>;

let system: ManualSystem;
let world: ShownWorld;
let v1: V1;
let server: HttpServer;
let openApi: OpenApi;
let isAway: boolean;
let asked: number;
/** Where the reader may list processes; `*`: in all namespaces. */
let readable: readonly string[];

const review: AccessReview = {
  identify: (token) => Promise.resolve({ kind: 'known', subject: { user: token, groups: ['team'] } }),
  authorize: ({ user }, right: Right): Promise<RightVerdict> => {
    asked += 1;
    if (isAway) return Promise.resolve({ kind: 'unavailable', cause: 'no answer' });
    const isProcess = 'resource' in right && right.resource === 'workloadprocesses' && right.verb === 'list';
    const may =
      user === 'admin' ||
      (isProcess && readable.includes('namespace' in right ? (right.namespace ?? '*') : '*'));
    return Promise.resolve({ kind: may ? 'allowed' : 'denied' });
  },
  close: () => Promise.resolve(),
};

beforeEach(async () => {
  system = createManualSystem();
  world = new ShownWorld();
  isAway = false;
  asked = 0;
  readable = ['web'];
  world.set('process/web/shown', { node: 'node-a' });
  world.set('process/ops/secret', { reason: 'CrashLoop', node: 'node-b' });
  world.set('service/web/other');
  for (const subject of ['process/web/shown', 'process/ops/secret'])
    world.tell({ at: 1, type: 'moved', subject, cause: 'x' });
  world.tell({ at: 2, type: 'leader-changed', subject: 'leader', to: 'one/h/u', term: 7, cause: 'x' });
  const request = (id: string): string =>
    JSON.stringify({ id, action: 'restart', at: '1970-01-01T00:00:00Z' });
  for (const name of ['process/web/shown', 'process/ops/secret'])
    world.records.push({
      is: 'request',
      of: { is: 'workload', name },
      entry: `request.${name.replaceAll('/', '.')}`,
      isAnnotation: false,
      text: request(`r-${name.split('/')[1]}`),
    });
  v1 = openV1(world, system);
  const access = tokenAccess(new Reviewer(review, system.clock), { anonymous: 'none', metricsPath: '/m' });
  const listening = await listen(0, new Router(v1.routes), system, { access });
  if ('code' in listening) throw new Error(listening.message);
  server = listening;
  openApi = new OpenApi(await (await get('openapi.json')).text());
});

afterEach(async () => {
  v1.close();
  await server.close(0);
});

function get(
  path: string,
  user = 'reader',
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(`http://127.0.0.1:${server.port}/api/v1/${path}`, {
    headers: { connection: 'close', authorization: `Bearer ${user}`, ...headers },
  });
}

const ask = async (path: string, user?: string): Promise<Json> =>
  (await (await get(path, user)).json()) as Json;
const names = ({ items }: Json): readonly string[] => items.map((row: Json) => row['name']);

it('rows of other namespaces and kinds are left out, and counted', async () => {
  const list = await ask('workloads');
  expect(names(list)).toEqual(['shown']);
  expect(list['metadata']).toMatchObject({ total: 1 });
  expect(list['metadata'].partial).toContainEqual({
    source: 'access',
    code: 'hidden',
    detail: '2 hidden: no right to list in ops, web',
  });
  const whole = await ask('workloads', 'admin');
  expect(names(whole)).toHaveLength(3);
  expect(whole['metadata'].partial).toEqual([]);
});

it('no filter finds what is hidden, and none tells how much of it matches', async () => {
  const hidden = async (query: string): Promise<unknown> =>
    (await ask(`workloads?${query}`))['metadata'].partial;
  for (const query of ['q=secret', 'q=node-b', 'status=reason=CrashLoop', 'q=nothing']) {
    expect(names(await ask(`workloads?${query}`))).toEqual([]);
    expect(await hidden(query)).toEqual(await hidden(''));
  }
  expect(await get('workloads?namespace=ops')).toMatchObject({ status: 403 });
});

it('summary, history and actions speak of the same rows', async () => {
  const summary = await ask('summary');
  expect(summary).toMatchObject({ counts: { total: 1, ready: 1, notReady: 0 }, problems: [] });
  expect(openApi.checkComponent('Summary', summary)).toEqual([]);
  expect((await ask('summary', 'admin'))['counts']).toMatchObject({ total: 3 });
  const { items } = await ask('history');
  expect(items.map((entry: Json) => entry['subject'])).toEqual(['leader', 'process/web/shown']);
  expect((await ask('actions'))['items'].map((one: Json) => one['id'])).toEqual(['r-web']);
  expect((await get('actions/r-ops')).status).toBe(404);
  expect((await get('actions/r-ops', 'admin')).status).toBe(200);
});

it('what is about no workload is shown to whoever sees any, and what counts all of them is not', async () => {
  for (const path of ['leader', 'store', 'controllers', 'terms'])
    expect((await get(path)).status, path).toBe(200);
  for (const path of ['tenants', 'clusters']) expect((await get(path)).status, path).toBe(403);
});

it('who sees nothing is refused with the right that is missing', async () => {
  readable = [];
  const answer = await get('workloads');
  expect(answer.status).toBe(403);
  expect(await answer.json()).toMatchObject({
    detail: expect.stringContaining('reader may not list workload'),
  });
});

it('nothing is left out because nobody could be asked', async () => {
  isAway = true;
  expect((await get('workloads')).status).toBe(503);
});

it('a right to a kind in all namespaces is one question, however many there are', async () => {
  readable = ['*'];
  for (let number = 0; number < 100; number++) world.set(`process/ns-${number}/one`);
  const before = asked;
  expect((await ask('workloads?kind=process'))['metadata']).toMatchObject({ total: 102 });
  // The four kinds, and the one place of the service.
  expect(asked - before).toBeLessThan(8);
});

it('a tag of one who saw less does not stand for one who sees more', async () => {
  const etag = (await get('workloads')).headers.get('etag') ?? '';
  expect((await get('workloads', 'reader', { 'if-none-match': etag })).status).toBe(304);
  expect((await get('workloads', 'admin', { 'if-none-match': etag })).status).toBe(200);
});

it('a stream has the same rows, and ends after a minute so that rights count anew', async () => {
  const response = await get('stream');
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const until = async (what: string): Promise<void> => {
    while (!text.includes(what)) {
      const { value, done } = (await reader?.read()) ?? { done: true, value: undefined };
      if (done) throw new Error(`ended before ${what}`);
      text += value ?? '';
    }
  };
  await until('"truncated":null');
  world.set('process/ops/secret', { reason: 'Failed' });
  world.tell({ at: 3, type: 'moved', subject: 'process/ops/secret', cause: 'x' });
  world.set('process/web/shown', { restarts: 41 });
  system.advance(1000);
  await until('"restarts":41');
  expect(text).not.toContain('secret');
  expect(text).toContain('"total":1');
  expect(text).toContain('2 hidden: no right to list in ops, web');
  for (let second = 0; second < 62; second++) system.advance(1000);
  for (;;) if ((await reader?.read())?.done !== false) break;
  expect(v1.streams()).toBe(0);
});

/**
 * Version 1 of the HTTP API on running controllers: what leader and follower say of the same cluster, the stream across a
 * hand-over, and what is said when the API server is gone. Every answer is held against the document that is served.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { startProxy, type Proxy } from '../../sandbox/proxy.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import { OpenApi } from '../open-api.ts';
import { eventually } from './eventually.ts';
import { EventStream } from './event-stream.ts';
import { endAll, openWorld, type World } from './world.ts';

const NAMES = ['capture', 'sequencer'];
const WORKLOAD = '/api/v1/workloads/{kind}/{namespace}/{name}';
const NONE = { kind: 'process', namespace: 'default', name: 'capture', id: 'first', code: 'not-found' };

type Json = Readonly<Record<string, any>>;

let world: World;
let first: ControllerProcess;
let second: ControllerProcess;
let openApi: OpenApi;
/** Between the controllers and the API server. */
let proxy: Proxy;

beforeAll(async () => {
  world = await openWorld();
  const config = {
    leaderLockTTL: '2s',
    workloads: { processes: NAMES.map((name) => refereedProcess(name, world.referee.dir)) },
  };
  const { hostname: host, port } = new URL(world.sandbox.server);
  proxy = await startProxy({ host, port: Number(port) });
  const server = `https://127.0.0.1:${proxy.port}`;
  first = await world.controller('first', config, { server });
  await world.leader([first]);
  second = await world.controller('second', config, { server });
  for (const name of NAMES) await world.running(name);
  await eventually('the follower is ready', async () => (await second.get('/health')).status === 200);
  openApi = new OpenApi((await first.get('/openapi.json')).body);
});

afterAll(async () => {
  if (first !== undefined) await endAll([first, second].filter((one) => one !== undefined));
  await proxy?.close();
  await world?.stop();
});

/** GET of a described path, held against the description. */
async function ask(
  controller: ControllerProcess,
  path: string,
  params: Readonly<Record<string, string>> = NONE,
  query = '',
): Promise<Json> {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => params[name] ?? name);
  const { status, body } = await controller.get(`${filled}${query}`);
  const contentType = status < 400 ? 'application/json' : 'application/problem+json';
  expect(openApi.check(path, { status, body, contentType }), `${controller.id} ${filled}`).toEqual([]);
  return JSON.parse(body) as Json;
}

const rowsOf = ({ items }: Json): readonly Json[] => items as readonly Json[];

/** Every workload as the controller shows it, once all are ready. */
const ready = (controller: ControllerProcess): Promise<readonly Json[]> =>
  eventually(`${controller.id} shows everything ready`, async () => {
    const rows = rowsOf(await ask(controller, '/api/v1/workloads', {}, '?sort=name'));
    return rows.length === NAMES.length && rows.every((row) => row['ready'] === 'true') && rows;
  });

describe('leader and follower', () => {
  it('answer every path as the document that they serve describes it', async () => {
    await Promise.all([first, second].map(ready));
    for (const controller of [first, second])
      for (const path of openApi.paths.filter((one) => !one.endsWith('/stream')))
        expect(await ask(controller, path, { ...NONE, id: controller.id })).toBeTypeOf('object');
  });

  it('agree on what both can see, and the follower says what only the leader knows', async () => {
    const [led, followed] = await Promise.all([first, second].map(ready));
    const seen = ({ kind, name, ready: isReady, node, token, term, holder, pod, restarts }: Json): Json => ({
      kind,
      name,
      isReady,
      node,
      token,
      term,
      holder,
      pod,
      restarts,
    });
    expect(followed?.map(seen)).toEqual(led?.map(seen));
    expect(led?.[0]).toMatchObject({ reason: 'Active', tone: 'ok', holder: 'first' });
    expect(followed?.[0]).toMatchObject({ reason: 'unknown', message: 'only the leader knows the reason' });
    const [leader, follower] = await Promise.all([first, second].map((one) => ask(one, '/api/v1/leader')));
    expect(leader).toMatchObject({ id: 'first', isSelf: true, lease: { state: 'ok' } });
    expect(follower).toMatchObject({
      id: 'first',
      isSelf: false,
      term: leader?.['term'],
      lease: { state: 'held' },
    });
    const summary = await ask(second, '/api/v1/summary');
    expect(summary).toMatchObject({
      observedBy: { id: 'second', role: 'follower' },
      counts: { total: 2, ready: 2 },
    });
  });

  it('know each other as candidates, and that they agree', async () => {
    for (const [controller, other] of [
      [first, second],
      [second, first],
    ] as const) {
      const seen = await eventually(`${controller.id} has heard from ${other.id}`, async () => {
        const { items, metadata } = await ask(controller, '/api/v1/controllers');
        const found = (items as readonly Json[]).find(({ id }) => id === other.id);
        return found?.['lastSeen'] !== null && found?.['lastSeen'] !== undefined && { found, metadata };
      });
      expect(seen.found).toMatchObject({
        role: other === first ? 'leading' : 'follower',
        sees: { leader: 'first' },
        unknownBecause: null,
      });
      expect(await ask(controller, '/api/v1/summary')).toMatchObject({ disagreement: [] });
    }
  });

  it('explain: the leader rule by rule, the follower that it cannot', async () => {
    const path = `${WORKLOAD}/explain`;
    const led = await ask(first, path);
    expect(led).toMatchObject({ reason: 'Active', unknownBecause: null });
    expect(led['rules'].length).toBeGreaterThan(10);
    expect(led['rules'].every(({ verdict }: Json) => verdict === 'pass')).toBe(true);
    expect(await ask(second, path)).toMatchObject({
      rules: null,
      unknownBecause: 'only the leader knows the rule chain',
    });
  });

  it('have events of what was done, and the objects down to the pod', async () => {
    const events = rowsOf(await ask(first, `${WORKLOAD}/events`));
    expect(events.map(({ reason }) => reason)).toEqual(
      expect.arrayContaining(['Created', 'Started', 'Active']),
    );
    const { nodes } = await ask(second, `${WORKLOAD}/objects`);
    expect(nodes.map(({ kind }: Json) => kind)).toEqual(['Lock', 'Controller', 'Workload', 'Pod']);
    expect(nodes.at(-1)).toMatchObject({ name: 'capture-pod', state: 'Running' });
  });
});

it('/api/pods has the managed pods on either, and every pod of the namespace when asked', async () => {
  for (const controller of [first, second])
    for (const query of ['', '?all=true']) {
      const { body } = await controller.get(`/api/pods${query}`);
      const { status, data } = JSON.parse(body) as Json;
      expect(status).toBe('success');
      expect(data).toMatchObject(
        NAMES.map((name) => ({ name: `${name}-pod`, status: 'Running', controllerId: 'first' })),
      );
      expect(data[0].age).toMatch(/^\d+[smh]/);
    }
  expect(JSON.parse((await first.get('/api/dbinfo')).body)).toMatchObject({
    data: { type: 'lease', connected: true },
  });
});

it('a stream from either follows a deleted pod and a change of leader, and ends up with what the lists say', async () => {
  const streams = await Promise.all([first, second].map((one) => EventStream.open(one)));
  try {
    for (const stream of streams)
      await eventually('a snapshot', () => stream.rows.size === NAMES.length, 10_000);
    const before = streams[0]?.rows.get('process/default/capture')?.['token'];
    await world.deletePod('capture-pod');
    for (const stream of streams)
      await eventually('the replacement is ready', () => {
        const row = stream.rows.get('process/default/capture');
        return row?.['ready'] === 'true' && row['token'] !== before;
      });
    const { items } = await ask(first, `${WORKLOAD}/history`);
    expect(items[0]).toMatchObject({ subject: 'process/default/capture', gap: 'measured' });
    expect(['moved', 'restarted']).toContain(items[0].type);
    expect(items[0].gapMs).toBeGreaterThan(0);
    expect(items[1]).toMatchObject({ type: 'stopped', gap: 'open' });
    // Paused for longer than its lock: it loses the term and lives to tell.
    first.kill('SIGSTOP');
    await world.leader([second], 20_000);
    first.kill('SIGCONT');
    for (const stream of streams)
      await eventually('the stream names the new leader', () => stream.summary?.['leader'].id === 'second');
    await ready(first);
    const lists = await Promise.all(
      [first, second].map((one) => ask(one, '/api/v1/workloads', {}, '?sort=name')),
    );
    for (const [at, stream] of streams.entries())
      await eventually('the stream holds what the list says', async () => {
        const rows = rowsOf(await ask(at === 0 ? first : second, '/api/v1/workloads', {}, '?sort=name'));
        return JSON.stringify([...stream.rows.values()].toSorted(byName)) === JSON.stringify(rows);
      });
    expect(lists[1]?.['metadata'].observedBy).toEqual({ id: 'second', role: 'leading' });
    expect(lists[0]?.['metadata'].observedBy).toEqual({ id: 'first', role: 'follower' });
    for (const stream of streams) expect(stream.faults(openApi)).toEqual([]);
    const { items: terms } = await ask(second, '/api/v1/terms');
    expect(terms[0]).toMatchObject({ leader: 'second', to: null });
    expect(terms[1]).toMatchObject({ leader: 'first' });
  } finally {
    for (const stream of streams) stream.close();
  }
});

it('with the API server out of reach everything seen through it is unknown, with the cause; the process says so itself', async () => {
  const stream = await EventStream.open(first);
  try {
    proxy.refuse();
    for (const controller of [first, second]) {
      const list = await eventually('nothing is known', async () => {
        const answer = await ask(controller, '/api/v1/workloads');
        return rowsOf(answer).every((row) => row['ready'] === 'unknown') && answer;
      });
      expect(rowsOf(list)).toHaveLength(NAMES.length);
      for (const row of rowsOf(list))
        expect(row).toMatchObject({ active: 'unknown', tone: 'unknown', reason: 'unknown' });
      const cause = list['metadata'].partial.find(({ source }: Json) => source === 'kubernetes');
      expect(cause).toMatchObject({ code: 'unavailable' });
      expect(cause.detail).not.toBe('');
      expect(rowsOf(await ask(controller, '/api/v1/clusters'))).toMatchObject([{ reachable: 'false' }]);
      expect(await ask(controller, `${WORKLOAD}/explain`)).toMatchObject({ rules: null });
      expect((await ask(controller, WORKLOAD))['unknownBecause']).not.toBeNull();
    }
    await eventually('the stream says so', () =>
      [...stream.rows.values()].every((row) => row['ready'] === 'unknown'),
    );
    // The lock is in the same cluster: who leads is unknown as soon as the last term has run out.
    await eventually('who leads is unknown', async () => {
      const leaders = await Promise.all([first, second].map((one) => ask(one, '/api/v1/leader')));
      return leaders.every(({ id, unknownBecause }) => id === 'unknown' && unknownBecause !== null);
    });
    expect(await ask(first, '/api/v1/store')).toMatchObject({ up: 'false' });
  } finally {
    stream.close();
    proxy.restore();
  }
  await ready(first);
  await ready(second);
});

function byName(a: Json, b: Json): number {
  const [one, other] = [
    `${a['namespace']}/${a['kind']}/${a['name']}`,
    `${b['namespace']}/${b['kind']}/${b['name']}`,
  ];
  return one < other ? -1 : 1;
}

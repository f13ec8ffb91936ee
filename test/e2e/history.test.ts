/** The history outlives leaders and processes: in the ConfigMap of the anchor, whose record it leaves alone. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import { eventually } from './eventually.ts';
import { endAll, openWorld, type World } from './world.ts';

type Json = Readonly<Record<string, any>>;

const ANCHOR = '/api/v1/namespaces/k8-highlander/configmaps/highlander-fence-default';

let world: World;
const started: ControllerProcess[] = [];

beforeAll(async () => {
  world = await openWorld({ nodes: 1 });
});

afterAll(async () => {
  await endAll(started);
  await world?.stop();
});

async function start(id: string): Promise<ControllerProcess> {
  const workloads = { processes: [refereedProcess('capture', world.referee.dir)] };
  const controller = await world.controller(id, { leaderLockTTL: '2s', workloads });
  started.push(controller);
  await world.leader([controller]);
  return controller;
}

async function history(controller: ControllerProcess): Promise<readonly Json[]> {
  return (JSON.parse((await controller.get('/api/v1/history')).body) as Json)['items'] as readonly Json[];
}

async function anchor(): Promise<Json> {
  return (await world.sandbox.api.request('GET', ANCHOR)).body as Json;
}

it('the next process tells what the one before saw, and the anchor is as it was', async () => {
  const first = await start('first');
  await world.running('capture');
  await world.deletePod('capture-pod');
  const restart = await eventually('the restart is told', async () =>
    (await history(first)).find(({ type }) => type === 'restarted'),
  );
  await eventually('the restart is kept', async () => {
    const text = Buffer.from((await anchor())['binaryData']?.history ?? '', 'base64').toString();
    return text.includes('"restarted"');
  });
  const { data } = await anchor();
  expect(data).toMatchObject({ epoch: '1', holder: expect.stringMatching(/^first\//) });
  first.kill('SIGKILL');
  const second = await start('second');
  await eventually('both terms are told', async () => {
    const terms = (await history(second)).filter(({ type }) => type === 'leader-changed');
    return terms.map(({ term }) => term).join() === '2,1';
  });
  const told = await history(second);
  expect(told.filter(({ type }) => type === 'restarted')).toMatchObject([
    { at: restart['at'], subject: restart['subject'], cause: restart['cause'] },
  ]);
  expect(new Set(told.map(({ id, seq }) => id ?? seq)).size).toBe(told.length);
  expect((await anchor())['data']).toMatchObject({ epoch: '2', holder: expect.stringMatching(/^second\//) });
});

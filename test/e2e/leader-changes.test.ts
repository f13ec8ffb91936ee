/**
 * Ten changes of leader, with workloads of all kinds: nothing is restarted, replaced or rolled out. The long form is
 * `npm run torture -- --leader-changes 50 --workloads 40`.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { allUp, census, changeLeaders, idleWorkloads } from './leader-changes.ts';
import { endAll, openWorld, type World } from './world.ts';

const EACH = 2;
const CHANGES = 10;

let world: World;
const controllers: ControllerProcess[] = [];

beforeAll(async () => {
  world = await openWorld();
});

afterAll(async () => {
  await endAll(controllers);
  await world?.stop();
});

async function start(): Promise<ControllerProcess> {
  const config = { leaderLockTTL: '2s', workloads: idleWorkloads(EACH) };
  const controller = await world.controller(`change-${controllers.length}`, config);
  controllers.push(controller);
  return controller;
}

it('ten leaders change no pod, no restart count, no job and no generation of what makes them', async () => {
  const first = await start();
  await allUp(world, 4 * EACH, () => controllers);
  const before = await census(world);
  first.kill('SIGTERM');
  await changeLeaders({ world, start }, CHANGES);
  expect(await census(world)).toEqual(before);
});

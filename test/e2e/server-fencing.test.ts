/** What a leader says about the admission policies, with and without them, on the real API server. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { parseExposition } from '../exposition.ts';
import { eventually } from './eventually.ts';
import { controllerKubeconfig, enforcePolicies } from './shipped.ts';
import { endAll, openWorld, type World } from './world.ts';

const TTL_MS = 2000;
const ANCHOR = '/api/v1/namespaces/k8-highlander/configmaps/highlander-fence-fenced';

let world: World;
let controllers: ControllerProcess[] = [];

beforeAll(async () => {
  world = await openWorld({ nodes: 0 });
});

afterEach(async () => {
  await endAll(controllers);
  controllers = [];
});

afterAll(async () => {
  await world?.stop();
});

async function start(id: string): Promise<ControllerProcess> {
  const config = { tenant: 'fenced', leaderLockTTL: `${TTL_MS}ms`, logLevel: 'debug', workloads: {} };
  const controller = await world.controller(id, config, { kubeconfig: await controllerKubeconfig(world) });
  controllers.push(controller);
  return controller;
}

/** What each of the places says where it is shown; `gauge` is undefined where there is no series. */
async function shown(controller: ControllerProcess) {
  const json = async (path: string): Promise<any> => JSON.parse((await controller.get(path)).body);
  const families = parseExposition((await controller.get('/metrics')).body);
  return {
    status: (await json('/status')).serverFencing,
    store: (await json('/api/v1/store')).fence,
    gauge: families.get('k8_highlander_server_fencing')?.samples[0]?.value,
  };
}

async function answered(controller: ControllerProcess): Promise<void> {
  await controller.waitForLog('the answer about the fence', ({ msg }) => msg.startsWith('ServerFencing='));
}

async function epoch(): Promise<unknown> {
  return (await world.sandbox.api.request<{ data: { epoch: string } }>('GET', ANCHOR)).body.data.epoch;
}

it('without the policies it works and says once that they are missing, and the question lowers nothing', async () => {
  const leader = await start('bare');
  await answered(leader);
  expect(await shown(leader)).toEqual({
    status: 'False',
    store: { usable: 'true', serverFencing: 'false', unknownBecause: null },
    gauge: 0,
  });
  const lines = leader.log.filter(({ msg }) => msg.includes('ServerFencing'));
  expect(lines).toMatchObject([{ level: 'warn', apply: 'deploy/kubernetes/admission-policy.yaml' }]);
  expect(await epoch()).toBe('1');
});

it('a follower does not know', async () => {
  const leader = await start('ahead');
  await world.leader([leader], 10 * TTL_MS);
  const follower = await start('behind');
  await eventually('it stands by', async () => (await follower.get('/readyz')).status === 200);
  expect(await shown(follower)).toMatchObject({
    status: 'Unknown',
    store: { serverFencing: 'unknown', unknownBecause: 'the leader asks once in each term' },
    gauge: undefined,
  });
});

it('with the policies it says that the API server holds the fence, and warns of nothing', async () => {
  await enforcePolicies(world);
  const leader = await start('backed');
  await answered(leader);
  expect(await shown(leader)).toEqual({
    status: 'True',
    store: { usable: 'true', serverFencing: 'true', unknownBecause: null },
    gauge: 1,
  });
  expect(leader.log.filter(({ level, msg }) => level === 'warn' && msg.includes('ServerFencing'))).toEqual(
    [],
  );
});

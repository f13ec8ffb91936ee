/** Services, persistent sets and cron jobs as singletons, on the real control plane with real processes. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { tail, type ControllerProcess } from '../../sandbox/controller-process.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import type { Pod } from '../../src/core/manifests/pod.ts';
import { eventually } from './eventually.ts';
import { endAll, openWorld, type World } from './world.ts';

let world: World;
let controllers: ControllerProcess[] = [];

beforeAll(async () => {
  world = await openWorld();
});

afterEach(async () => {
  await endAll(controllers);
  controllers = [];
});

afterAll(async () => {
  await world?.stop();
});

async function podsOf(app: string): Promise<readonly Pod[]> {
  const path = `/api/v1/namespaces/default/pods?labelSelector=app%3D${app}`;
  const { body } = await world.sandbox.api.request<{ items: Pod[] }>('GET', path);
  return body.items;
}

const isReady = (pod: Pod): boolean =>
  pod.metadata.deletionTimestamp === undefined &&
  (pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false);

describe('a service', () => {
  it('runs once', async () => {
    const entry = {
      ...refereedProcess('web', world.referee.dir),
      ports: [{ name: 'http', containerPort: 8080 }],
    };
    const config = { tenant: 'kinds-1', leaderLockTTL: '2s', workloads: { services: [entry] } };
    const controller = await world.controller('kinds-1', config);
    controllers.push(controller);
    const pod = await eventually(
      'it runs',
      async () => (await podsOf('web')).find(isReady),
      30_000,
      () => tail(controller.log),
    );
    expect(pod).toBeDefined();
  });
});

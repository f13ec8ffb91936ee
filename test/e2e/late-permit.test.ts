/**
 * Permits of services and persistent sets that are given by a leader which has not seen everything, or that land when they
 * count no more: on the real API server, with real processes. There are always two gated pods that could be permitted.
 * After each: one instance, no overlap, no accepted write of an old term.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../sandbox/control-plane/audit.ts';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import type { Pod } from '../../src/core/manifests/pod.ts';
import type { KubeObject } from '../../src/ports/cluster.ts';
import { openApiProxy, type ApiProxy, type ApiRequest } from './api-proxy.ts';
import { eventually } from './eventually.ts';
import { actors, Stage, type Actor } from './owned-stage.ts';
import { endAll, openWorld, staleWrites, type World } from './world.ts';

const TTL_MS = 2000;
const ACTORS = actors();
const PODS = '/api/v1/namespaces/default/pods';

/** The pod that a late permit is for is gone, was changed since, or has no gate any more that could be taken away. */
const REFUSED = [404, 409, 422];

let world: World;
let stage: Stage;
/** In front of the leader. */
let proxy: ApiProxy;
let controllers: ControllerProcess[] = [];
let started = 0;

beforeAll(async () => {
  world = await openWorld();
  stage = new Stage(world);
  await stage.define();
  await Promise.all(ACTORS.map((actor) => stage.apply(actor)));
});

afterEach(async () => {
  expect(world.referee.violations()).toEqual([]);
  const users = Array.from({ length: started }, (_, at) => `late-${at + 1}`);
  expect(await staleWrites(world.sandbox.audit(), users)).toEqual([]);
  await endAll(controllers);
  controllers = [];
  await proxy.close();
});

afterAll(async () => {
  await endAll(controllers);
  await world?.stop();
});

async function start(server?: string): Promise<ControllerProcess> {
  const id = `late-${started}`;
  const options = server === undefined ? {} : { server };
  const controller = await world.controller(id, { leaderLockTTL: `${TTL_MS}ms` }, options);
  controllers.push(controller);
  return controller;
}

/** A leader behind the proxy, and the pod that runs. */
async function lead(actor: Actor): Promise<{ readonly leader: ControllerProcess; readonly running: Pod }> {
  started += 1;
  proxy = await openApiProxy(await world.identity(`late-${started}`));
  const leader = await start(proxy.server);
  await world.leader([leader], 10 * TTL_MS);
  // Before that it may still be claiming the owner, and would learn of what the test does to it while it is hidden.
  await leader.waitForLog(
    'that all workloads were looked at',
    ({ msg }) => msg === 'all workloads looked at',
  );
  return { leader, running: await stage.running(actor, controllers) };
}

const isOwner =
  ({ name }: Actor) =>
  ({ kind, metadata }: KubeObject): boolean =>
    (kind === 'Deployment' || kind === 'StatefulSet') && metadata.name === name;

/** Makes the owner create a second pod, which stays gated. */
async function secondPod(actor: Actor, first: Pod): Promise<Pod> {
  await stage.patch(actor.owner, [{ op: 'replace', path: '/spec/replicas', value: 2 }]);
  return eventually(`${actor.name}: a second pod`, async () =>
    (await stage.pods(actor)).find(({ metadata }) => metadata.uid !== first.metadata.uid),
  );
}

function isGated({ spec }: Pod): boolean {
  return (spec.schedulingGates ?? []).length > 0;
}

function isPermit({ name }: Actor): (request: ApiRequest) => boolean {
  return ({ method, path, body }) =>
    method === 'PATCH' && path.startsWith(`${PODS}/${name}-`) && body.includes('schedulingGates');
}

/** How the API server answered the requests to lift a gate of this actor since then, in order. */
async function permits(actor: Actor, since: Date): Promise<readonly unknown[]> {
  const found: AuditEvent[] = [];
  for await (const event of world.sandbox.audit({ verbs: ['patch'], resource: 'pods', since })) {
    const { user, requestURI, requestObject } = event;
    const request = {
      method: 'PATCH',
      path: requestURI.split('?')[0] ?? '',
      body: JSON.stringify(requestObject),
    };
    if (user.username.startsWith('late-') && isPermit(actor)(request)) found.push(event);
  }
  return found.map(({ responseStatus }) => responseStatus?.code);
}

const kinds = ACTORS.map((actor) => [actor.kind, actor] as const);

describe('one runs, and never two', () => {
  it.each(kinds)('%s: two gated pods, of which the leader’s watch has shown one', async (_kind, actor) => {
    const { running } = await lead(actor);
    const since = new Date();
    let isUnseen = (uid: string | undefined): boolean => uid !== running.metadata.uid;
    const unseen = proxy.hide(
      (object) =>
        isOwner(actor)(object) ||
        (object.kind === 'Pod' &&
          object.metadata.labels?.['app'] === actor.name &&
          isUnseen(object.metadata.uid)),
    );
    const second = await secondPod(actor, running);
    isUnseen = (uid) => uid === second.metadata.uid;
    const permit = proxy.hold(isPermit(actor));
    await stage.delete(`${PODS}/${running.metadata.name}`);
    const { path } = await permit.arrived;
    const pods = await stage.pods(actor);
    expect(pods.map(isGated)).toEqual([true, true]);
    const shown = pods.find(({ metadata }) => metadata.uid !== second.metadata.uid);
    expect(path).toBe(`${PODS}/${shown?.metadata.name}`);
    expect(await permit.forward()).toBe(200);
    await eventually('the gate is lifted', async () =>
      (await stage.pods(actor)).some((pod) => !isGated(pod)),
    );
    unseen.show();
    expect((await stage.running(actor, controllers)).metadata.uid).toBe(shown?.metadata.uid);
    expect(await permits(actor, since)).toEqual([200]);
  });

  it.each(kinds)(
    '%s: the reply of a permit is lost, and it lands after it was settled',
    async (_kind, actor) => {
      const { running } = await lead(actor);
      const since = new Date();
      const unseen = proxy.hide(isOwner(actor));
      await secondPod(actor, running);
      const permit = proxy.hold(isPermit(actor));
      await stage.delete(`${PODS}/${running.metadata.name}`);
      const { path } = await permit.arrived;
      await permit.abandoned;
      const permitted = await eventually('a gate is lifted', async () =>
        (await stage.pods(actor)).find((pod) => pod.metadata.uid !== running.metadata.uid && !isGated(pod)),
      );
      const status = await permit.forward();
      expect(REFUSED).toContain(status);
      unseen.show();
      expect(`${PODS}/${permitted.metadata.name}`).toBe(path);
      expect((await stage.running(actor, controllers)).metadata.uid).toBe(permitted.metadata.uid);
      expect(await permits(actor, since)).toEqual([200, status]);
    },
  );

  it.each(kinds)(
    '%s: the reply of a permit is lost, and it lands before it was settled',
    async (_kind, actor) => {
      const { running } = await lead(actor);
      const since = new Date();
      const unseen = proxy.hide(isOwner(actor));
      await secondPod(actor, running);
      const permit = proxy.hold(isPermit(actor));
      await stage.delete(`${PODS}/${running.metadata.name}`);
      const { path } = await permit.arrived;
      const question = proxy.hold((request) => request.method === 'GET' && request.path === path);
      await permit.abandoned;
      await question.arrived;
      expect(await permit.forward()).toBe(200);
      expect(await question.forward()).toBe(200);
      unseen.show();
      const { metadata } = await stage.running(actor, controllers);
      expect(`${PODS}/${metadata.name}`).toBe(path);
      expect(await permits(actor, since)).toEqual([200]);
    },
  );

  it.each(kinds)('%s: a permit lands when its leader is dead and another one leads', async (_kind, actor) => {
    const { leader, running } = await lead(actor);
    started += 1;
    const next = await start();
    await eventually('the next is ready', async () => (await next.get('/readyz')).status === 200);
    const unseen = proxy.hide(isOwner(actor));
    await secondPod(actor, running);
    const permit = proxy.hold(isPermit(actor));
    await stage.delete(`${PODS}/${running.metadata.name}`);
    await permit.arrived;
    leader.kill('SIGKILL');
    await world.leader([next], 10 * TTL_MS);
    const { metadata } = await stage.running(actor, [next], { before: running.metadata.uid ?? '' });
    expect(REFUSED).toContain(await permit.forward());
    expect((await stage.running(actor, [next])).metadata.uid).toBe(metadata.uid);
    unseen.show();
  });
});

/**
 * Services and persistent sets through the faults that make other designs run two, on the real control plane with real
 * processes. After each: one instance, no overlap, no accepted write of an old term.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import type { Pod } from '../../src/core/manifests/pod.ts';
import { ANNOTATION, PERMIT_GATE } from '../../src/core/workload/names.ts';
import { eventually } from './eventually.ts';
import { takeOut } from './out-of-service.ts';
import { actors, Stage, type Actor, type OwnerObject } from './owned-stage.ts';
import { endAll, openWorld, staleWrites, type World } from './world.ts';

const TTL_MS = 2000;
const ACTORS = actors();

let world: World;
let stage: Stage;
let controllers: ControllerProcess[] = [];
let started = 0;

beforeAll(async () => {
  world = await openWorld();
  stage = new Stage(world);
  await stage.define();
  await Promise.all([start(), start()]);
  await Promise.all(ACTORS.map((actor) => stage.apply(actor)));
  await allRun();
});

afterEach(async () => {
  // A hand that strips a gate can be faster than the one that puts it back: what then starts has no token, runs alone,
  // and is stopped.
  const violations = world.referee.violations().filter((text) => !text.includes('without a fencing token'));
  expect(violations).toEqual([]);
  const users = Array.from({ length: started }, (_, at) => `owned-${at + 1}`);
  expect(await staleWrites(world.sandbox.audit(), users)).toEqual([]);
});

afterAll(async () => {
  await endAll(controllers);
  await world?.stop();
});

async function start(): Promise<ControllerProcess> {
  started += 1;
  const controller = await world.controller(`owned-${started}`, { leaderLockTTL: `${TTL_MS}ms` });
  controllers.push(controller);
  return controller;
}

/** The pod of each, as soon as it runs. */
function allRun(): Promise<readonly Pod[]> {
  return Promise.all(ACTORS.map((actor) => stage.running(actor, controllers)));
}

/** Does something to each, and waits until another pod runs in place of the one before. Answers how many were replaced. */
async function replacedAfter(fault: (actor: Actor, pod: Pod) => Promise<unknown>): Promise<number> {
  const before = await allRun();
  const faults = ACTORS.flatMap((actor, at) => (before[at] === undefined ? [] : [fault(actor, before[at])]));
  await Promise.all(faults);
  return (await othersRun(before)).length;
}

/** The pods that run in place of these. */
function othersRun(before: readonly Pod[]): Promise<readonly Pod[]> {
  return Promise.all(
    ACTORS.map((actor, at) => stage.running(actor, controllers, { before: before[at]?.metadata.uid ?? '' })),
  );
}

const uids = (pods: readonly Pod[]): unknown =>
  pods.map(({ metadata, status }) => ({
    uid: metadata.uid,
    restarts: status?.containerStatuses?.map(({ restartCount }) => restartCount),
  }));

function pathOf(pod: Pod): string {
  return `/api/v1/namespaces/default/pods/${pod.metadata.name}`;
}

/** Waits for what another hand changed to be mended. */
function mended(actor: Actor, what: string, accept: (owner: OwnerObject) => boolean): Promise<unknown> {
  return eventually(`${actor.name}: ${what}`, async () => {
    const owner = await stage.owner(actor);
    return owner !== undefined && accept(owner);
  });
}

const isGatedTemplate = ({ spec }: OwnerObject): boolean =>
  spec.template.spec.schedulingGates?.some(({ name }) => name === PERMIT_GATE) ?? false;

describe('a pod of a service and of a persistent set comes back, and never two', () => {
  it('after it was deleted', async () => {
    expect(await replacedAfter((_actor, pod) => stage.delete(pathOf(pod)))).toBe(2);
  });

  it('after it was deleted by force', async () => {
    expect(await replacedAfter((_actor, pod) => stage.delete(pathOf(pod), { gracePeriodSeconds: 0 }))).toBe(
      2,
    );
  });

  it('after it was evicted', async () => {
    const replaced = await replacedAfter(async (_actor, pod) => {
      const { name, namespace } = pod.metadata;
      const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
      const { status } = await world.sandbox.api.request('POST', `${pathOf(pod)}/eviction`, { body });
      expect(status).toBe(201);
    });
    expect(replaced).toBe(2);
  });

  it('after it was permitted and deleted before a node took it', async () => {
    await cordon(['node-1', 'node-2'], true);
    const before = await allRun();
    await Promise.all(before.map((pod) => stage.delete(pathOf(pod))));
    const pending = await Promise.all(
      ACTORS.map((actor, at) =>
        eventually(`${actor.name}: the next one is permitted, and has no node`, async () =>
          (await stage.pods(actor)).find(
            ({ metadata, spec }) =>
              metadata.uid !== before[at]?.metadata.uid &&
              metadata.annotations?.[ANNOTATION.token] !== undefined &&
              spec.nodeName === undefined,
          ),
        ),
      ),
    );
    await Promise.all(pending.map((pod) => stage.delete(pathOf(pod))));
    await cordon(['node-1', 'node-2'], false);
    expect(await othersRun(pending)).toHaveLength(2);
  });

  it('after its node rebooted: the same pod, its processes started again', async () => {
    const before = await allRun();
    const nodes = [...world.sandbox.nodes.values()];
    await Promise.all(nodes.map((node) => node.reboot()));
    await eventually('the processes started again', () =>
      ACTORS.every(({ name }, at) => {
        const token = Number(before[at]?.metadata.annotations?.[ANNOTATION.token]);
        return (
          world.referee.journal(name).filter((entry) => entry.kind === 'start' && entry.token === token)
            .length === 2
        );
      }),
    );
    const after = await allRun();
    expect(after.map(({ metadata }) => metadata.uid)).toEqual(before.map(({ metadata }) => metadata.uid));
  });
});

describe('another hand changes what makes the pods', () => {
  it('scaled to 3: the others are never permitted and vanish, the first runs on', async () => {
    const before = await allRun();
    await Promise.all(
      ACTORS.map((actor) => stage.patch(actor.owner, [{ op: 'replace', path: '/spec/replicas', value: 3 }])),
    );
    await Promise.all(ACTORS.map((actor) => mended(actor, 'replicas', ({ spec }) => spec.replicas === 1)));
    expect(uids(await allRun())).toEqual(uids(before));
  });

  it('a rollout restart: the old one ends before the next is permitted', async () => {
    const annotation = '/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt';
    const [service] = ACTORS;
    const [before] = await allRun();
    await Promise.all(
      ACTORS.map((actor) => stage.patch(actor.owner, [{ op: 'add', path: annotation, value: 'now' }])),
    );
    if (service !== undefined)
      await stage.running(service, controllers, { before: before?.metadata.uid ?? '' });
    expect(await allRun()).toHaveLength(2);
  });

  it('the gate stripped from the template: put back', async () => {
    await Promise.all(
      ACTORS.map((actor) =>
        stage.patch(actor.owner, [{ op: 'remove', path: '/spec/template/spec/schedulingGates' }]),
      ),
    );
    await Promise.all(ACTORS.map((actor) => mended(actor, 'the gate', isGatedTemplate)));
    expect(await allRun()).toHaveLength(2);
  });

  it('paused: a change of spec is rolled out all the same', async () => {
    const [service] = ACTORS;
    if (service === undefined) throw new Error('no service');
    await stage.patch(service.owner, [{ op: 'add', path: '/spec/paused', value: true }]);
    await mended(service, 'the pause', ({ spec }) => spec.paused !== true);
    expect(await replacedAfter((actor) => stage.apply(actor, { image: 'busybox:2' }))).toBe(2);
  });

  it('a rollout undo: undone, with one instance at a time', async () => {
    const [service] = ACTORS;
    if (service === undefined) throw new Error('no service');
    const wanted = (await stage.owner(service))?.spec.template.metadata.annotations?.[
      ANNOTATION.templateHash
    ];
    const path = `/apis/apps/v1/namespaces/default/replicasets?labelSelector=app%3D${service.name}`;
    const { body } = await world.sandbox.api.request<{ items: OwnerObject[] }>('GET', path);
    const hashOf = ({ spec }: OwnerObject) => spec.template.metadata.annotations?.[ANNOTATION.templateHash];
    const template = body.items.find((replicas) => hashOf(replicas) !== wanted)?.spec.template;
    expect(template).toBeDefined();
    const { 'pod-template-hash': _hash, ...labels } = template?.metadata.labels ?? {};
    const value = { ...template, metadata: { ...template?.metadata, labels } };
    await stage.patch(service.owner, [{ op: 'replace', path: '/spec/template', value }]);
    await mended(service, 'the template', (owner) => hashOf(owner) === wanted);
    const pod = await stage.running(service, controllers);
    expect(pod.metadata.annotations?.[ANNOTATION.templateHash]).toBe(wanted);
  });

  it('deleted in the foreground: made again', async () => {
    expect(
      await replacedAfter((actor) => stage.delete(actor.owner, { propagationPolicy: 'Foreground' })),
    ).toBe(2);
  });

  it('deleted, its pods orphaned: made again, and the pod is taken over as it runs', async () => {
    const before = await allRun();
    const old = await Promise.all(ACTORS.map((actor) => stage.owner(actor)));
    await Promise.all(ACTORS.map((actor) => stage.delete(actor.owner, { propagationPolicy: 'Orphan' })));
    await Promise.all(
      ACTORS.map((actor, at) =>
        mended(actor, 'a new one', ({ metadata }) => metadata.uid !== old[at]?.metadata.uid),
      ),
    );
    expect(uids(await allRun())).toEqual(uids(before));
  });

  it('an edit of labels restarts nothing', async () => {
    const before = await allRun();
    await Promise.all(
      ACTORS.map((actor) => stage.apply(actor, { image: 'busybox:2', labels: { team: 'b' } })),
    );
    await Promise.all(
      ACTORS.map((actor) => mended(actor, 'the label', ({ metadata }) => metadata.labels?.['team'] === 'b')),
    );
    expect(uids(await allRun())).toEqual(uids(before));
  });
});

async function split(): Promise<{ leader: ControllerProcess; other: ControllerProcess }> {
  const leader = await world.leader(controllers, 10 * TTL_MS);
  const other = controllers.find((controller) => controller !== leader);
  if (other === undefined) throw new Error('no second controller');
  await eventually('the second is ready', async () => (await other.get('/readyz')).status === 200);
  return { leader, other };
}

async function replaceController(gone: ControllerProcess): Promise<void> {
  await gone.destroy();
  controllers = controllers.filter((controller) => controller !== gone);
  await start();
}

describe('the leader', () => {
  it('is killed: what runs goes on, and is looked after', async () => {
    const before = await allRun();
    const { leader, other } = await split();
    leader.kill('SIGKILL');
    await world.leader([other], 10 * TTL_MS);
    expect(uids(await allRun())).toEqual(uids(before));
    await replacedAfter((_actor, pod) => stage.delete(pathOf(pod)));
    await replaceController(leader);
  });

  it('sleeps for three lock times in the middle of a replacement', async () => {
    const { leader, other } = await split();
    await replacedAfter(async (_actor, pod) => {
      await stage.delete(pathOf(pod));
      leader.kill('SIGSTOP');
    });
    await world.leader([other], 10 * TTL_MS);
    const slept = performance.now() + 3 * TTL_MS;
    await eventually('three lock times passed', () => performance.now() > slept, 10 * TTL_MS);
    const before = await allRun();
    leader.kill('SIGCONT');
    await leader.waitForLog('that it is no leader any more', ({ msg }) => msg === 'leadership-lost');
    expect(uids(await allRun())).toEqual(uids(before));
  });
});

async function cordon(names: readonly string[], unschedulable: boolean): Promise<void> {
  await Promise.all(
    names.map((name) =>
      stage.patch(`/api/v1/nodes/${name}`, [
        { op: 'add', path: '/spec/unschedulable', value: unschedulable },
      ]),
    ),
  );
}

/** Moves both to the first node, and lets the second one be used again. */
async function gather() {
  await cordon(['node-2'], true);
  const before = await allRun();
  const elsewhere = before.filter(({ spec }) => spec.nodeName !== 'node-1');
  await Promise.all(elsewhere.map((pod) => stage.delete(pathOf(pod))));
  const pods = await eventually('both are on node-1', async () => {
    const now = await allRun();
    return now.every(({ spec }) => spec.nodeName === 'node-1') ? now : undefined;
  });
  await cordon(['node-2'], false);
  const node = world.sandbox.nodes.get('node-1');
  if (node === undefined) throw new Error('no node-1');
  return { node, pods };
}

/** Nothing else runs, and each is told to be waited for. */
async function waitedFor(pods: readonly Pod[]): Promise<void> {
  await Promise.all(
    ACTORS.map(async (actor, at) => {
      const { name } = actor;
      await eventually(
        `${name} is waited for`,
        async () =>
          /WaitingForOldInstance|StopTimedOut|NodeUnreachable/.test((await stage.status(actor)).reason ?? ''),
        60_000,
      );
      const permitted = (await stage.pods({ name })).filter(({ spec }) => spec.schedulingGates === undefined);
      expect(permitted.map(({ metadata }) => metadata.uid)).toEqual([pods[at]?.metadata.uid]);
      expect(world.referee.isHeld(name)).toBe(true);
    }),
  );
}

describe('the node', () => {
  it('is partitioned, its processes running on: nothing starts elsewhere until it reports', async () => {
    const { node, pods } = await gather();
    await node.partition();
    await Promise.all(pods.map((pod) => stage.delete(pathOf(pod), { gracePeriodSeconds: 0 })));
    await waitedFor(pods);
    await node.heal();
    expect(await othersRun(pods)).toHaveLength(2);
  });

  it('is partitioned and its Node object deleted: nothing starts elsewhere until its kubelet reports', async () => {
    const { node, pods } = await gather();
    await node.partition();
    await stage.delete('/api/v1/nodes/node-1');
    await Promise.all(pods.map((pod) => stage.delete(pathOf(pod), { gracePeriodSeconds: 0 })));
    await waitedFor(pods);
    await node.heal();
    expect(await othersRun(pods)).toHaveLength(2);
    // A kubelet makes its Node object when it starts, and at no other time.
    await node.reboot();
  });

  it('is off and declared so: both run elsewhere, although the collector alone has marked them Failed', async () => {
    const { node, pods } = await gather();
    await takeOut(world.sandbox.api, node);
    const after = await othersRun(pods);
    expect(after.map(({ spec }) => spec.nodeName)).toEqual(['node-2', 'node-2']);
    await node.reboot();
  });
});

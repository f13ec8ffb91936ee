/** What the Go program left is taken over: without a restart where it runs, and never with two. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { tail, type ControllerProcess } from '../../sandbox/controller-process.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import type { Pod } from '../../src/core/manifests/pod.ts';
import { ANNOTATION, LABEL, PERMIT_GATE, SINGLETON_FINALIZER } from '../../src/core/workload/names.ts';
import { eventually } from './eventually.ts';
import { GoProgram, type GoEntry } from './go-program.ts';
import { endAll, openWorld, type World } from './world.ts';

let world: World;
let go: GoProgram;
let controllers: ControllerProcess[] = [];

beforeAll(async () => {
  world = await openWorld();
  go = new GoProgram(world.sandbox.api, 'go-1');
});

afterEach(async () => {
  await endAll(controllers);
  controllers = [];
});

afterAll(async () => {
  await world?.stop();
});

type Entry = GoEntry & Record<string, unknown>;

function entryOf(name: string, extra: Readonly<Record<string, unknown>> = {}): Entry {
  return refereedProcess(name, world.referee.dir, extra) as unknown as Entry;
}

async function start(id: string, workloads: Readonly<Record<string, unknown>>): Promise<ControllerProcess> {
  const controller = await world.controller(id, { tenant: 'adopting', leaderLockTTL: '2s', workloads });
  controllers.push(controller);
  return controller;
}

async function podsOf(app: string): Promise<readonly Pod[]> {
  const path = `/api/v1/namespaces/default/pods?labelSelector=app%3D${app}`;
  const { body } = await world.sandbox.api.request<{ items: Pod[] }>('GET', path);
  return body.items;
}

const isRunning = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined &&
  (status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') ?? false);

const isAdopted = (pod: Pod): boolean =>
  isRunning(pod) &&
  pod.metadata.labels?.[LABEL.tenant] === 'adopting' &&
  (pod.metadata.finalizers?.includes(SINGLETON_FINALIZER) ?? false);

const explain = (): string => controllers.map(({ log }) => tail(log)).join('\n');

/** Resolves when exactly one pod of the app runs, and it is not `before`. */
function running(app: string, before?: Pod): Promise<Pod> {
  return eventually(
    `${app} runs`,
    async () => {
      const found = (await podsOf(app)).filter(isRunning);
      const [pod] = found;
      return found.length === 1 && pod?.metadata.uid !== before?.metadata.uid && world.referee.isHeld(app)
        ? pod
        : undefined;
    },
    60_000,
    explain,
  );
}

const adopted = (app: string): Promise<Pod> =>
  eventually(`${app} is adopted`, async () => (await podsOf(app)).find(isAdopted), 60_000, explain);

/** What must not change when a pod is adopted. */
const identityOf = ({ metadata, status }: Pod) => ({
  uid: metadata.uid,
  containers: status?.containerStatuses?.map(({ restartCount, state }) => ({ restartCount, state })),
});

interface Maker {
  readonly metadata: Pod['metadata'];
  readonly spec: {
    readonly replicas?: number;
    readonly paused?: boolean;
    readonly suspend?: boolean;
    readonly startingDeadlineSeconds?: number;
    readonly strategy?: { readonly type: string };
    readonly updateStrategy?: { readonly type: string };
    readonly template?: Pod;
    readonly jobTemplate?: { readonly spec: { readonly template: Pod } };
  };
}

async function maker(path: string): Promise<Maker> {
  return (await world.sandbox.api.request<Maker>('GET', path)).body;
}

const deployment = (name: string) => maker(`/apis/apps/v1/namespaces/default/deployments/${name}`);
const set = (name: string) => maker(`/apis/apps/v1/namespaces/default/statefulsets/${name}`);
const cronJob = (name: string) => maker(`/apis/batch/v1/namespaces/default/cronjobs/${name}`);

const isOurs = ({ metadata }: Maker): boolean => metadata.labels?.[LABEL.tenant] === 'adopting';

function overlaps(): readonly string[] {
  return world.referee.violations().filter((text) => text.includes('two instances'));
}

describe('what runs when the Go program crashed', () => {
  it('is adopted without a restart, whatever its kind', async () => {
    const [task, web, store] = [entryOf('task'), entryOf('web'), entryOf('store')];
    await Promise.all([go.startProcess(task), go.startService(web), go.startSet(store)]);
    const before = await Promise.all(['task', 'web', 'store'].map((name) => running(name)));

    await start('crashed', { processes: [task], services: [web], persistentSets: [store] });
    const after = await Promise.all(['task', 'web', 'store'].map(adopted));
    const makers = await eventually(
      'the makers are adopted',
      async () => {
        const found = await Promise.all([deployment('web'), set('store')]);
        return found.every(isOurs) ? found : undefined;
      },
      60_000,
      explain,
    );

    for (const { spec } of makers) {
      expect(spec.template?.spec.schedulingGates).toEqual([{ name: PERMIT_GATE }]);
      expect(spec.template?.metadata.finalizers).toEqual([SINGLETON_FINALIZER]);
    }
    expect(makers[0].spec.paused).toBeUndefined();
    expect(makers[0].spec.strategy).toEqual({ type: 'Recreate' });
    expect(makers[1].spec.updateStrategy).toEqual({ type: 'OnDelete' });
    const still = await Promise.all(['task', 'web', 'store'].map((name) => running(name)));
    expect(after.map(identityOf)).toEqual(before.map(identityOf));
    expect(still.map(identityOf)).toEqual(before.map(identityOf));
    expect(overlaps()).toEqual([]);
  });

  it('a service that was adopted has one instance again after an eviction, and never two', async () => {
    const web = entryOf('evicted');
    await go.startService(web);
    const before = await running('evicted');
    await start('evicting', { services: [web] });
    await eventually('it is adopted', async () => isOurs(await deployment('evicted')), 60_000, explain);

    const { status } = await world.sandbox.api.request(
      'POST',
      `/api/v1/namespaces/default/pods/${before.metadata.name}/eviction`,
      { body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: before.metadata.name } } },
    );
    expect(status).toBeLessThan(300);
    const after = await running('evicted', before);

    expect(Number(after.metadata.annotations?.[ANNOTATION.token])).toBeGreaterThan(0);
    expect(overlaps()).toEqual([]);
  });

  it('a later change of the spec replaces what was adopted, one after the other', async () => {
    const names = ['edited-task', 'edited-web', 'edited-store'] as const;
    const [task, web, store] = [entryOf(names[0]), entryOf(names[1]), entryOf(names[2])];
    await Promise.all([go.startProcess(task), go.startService(web), go.startSet(store)]);
    const before = await Promise.all(names.map((name) => running(name)));
    await start('editing-1', { processes: [task], services: [web], persistentSets: [store] });
    await eventually(
      'all are adopted',
      async () => isOurs(await deployment(names[1])) && isOurs(await set(names[2])),
      60_000,
      explain,
    );
    await adopted(names[0]);
    await endAll(controllers);

    const edit = (entry: Entry): Entry => ({ ...entry, env: { ...entry.env, EDITED: 'yes' } });
    await start('editing-2', {
      processes: [edit(task)],
      services: [edit(web)],
      persistentSets: [edit(store)],
    });
    const after = await Promise.all(names.map((name, at) => running(name, before[at])));

    for (const { spec, metadata } of after) {
      expect(spec.containers[0]?.env).toContainEqual({ name: 'EDITED', value: 'yes' });
      expect(metadata.labels?.[LABEL.isLeader]).toBeUndefined();
    }
    expect(overlaps()).toEqual([]);
  });
});

describe('what the Go program stops', () => {
  it('runs again, once its end is proven', async () => {
    const names = ['stopped-task', 'stopped-web', 'stopped-store'] as const;
    const [task, web, store] = [entryOf(names[0]), entryOf(names[1]), entryOf(names[2])];
    await Promise.all([go.startProcess(task), go.startService(web), go.startSet(store)]);
    const before = await Promise.all(names.map((name) => running(name)));
    const stopped = Promise.all([
      go.stopProcess(task),
      go.scaleDown('deployments', web),
      go.scaleDown('statefulsets', store),
    ]);
    await start('stopping', { processes: [task], services: [web], persistentSets: [store] });
    await stopped;
    await Promise.all(names.map((name, at) => running(name, before[at])));
    expect((await deployment(names[1])).metadata.annotations).not.toHaveProperty(
      ANNOTATION.controlledShutdown,
    );

    // A late leader does it once more.
    const first = await Promise.all(names.map((name) => running(name)));
    await Promise.all([
      go.stopProcess(task),
      go.scaleDown('deployments', web),
      go.scaleDown('statefulsets', store),
    ]);
    await Promise.all(names.map((name, at) => running(name, first[at])));
    expect((await deployment(names[1])).metadata.annotations).not.toHaveProperty(
      ANNOTATION.controlledShutdown,
    );
    expect(overlaps()).toEqual([]);
  });

  it('a suspended cron job goes on, with a deadline for its ticks', async () => {
    const tick = entryOf('tick', { restartPolicy: 'OnFailure' });
    await go.startCronJob(tick, '0 3 1 1 *');
    await go.suspend(tick);
    await start('resuming', { cronJobs: [{ ...tick, schedule: '0 3 1 1 *' }] });
    const { spec, metadata } = await eventually(
      'it is adopted',
      async () => {
        const found = await cronJob('tick');
        return isOurs(found) && found.spec.suspend !== true ? found : undefined;
      },
      60_000,
      explain,
    );
    expect(spec.startingDeadlineSeconds).toBeGreaterThan(0);
    expect(spec.jobTemplate?.spec.template.spec.schedulingGates).toEqual([{ name: PERMIT_GATE }]);
    expect(metadata.annotations).not.toHaveProperty(ANNOTATION.controlledShutdown);
  });
});

describe('what somebody else made', () => {
  it('is never touched, though it has the name', async () => {
    const web = entryOf('strange');
    const selector = { matchLabels: { app: 'strange' } };
    const template = {
      metadata: { labels: selector.matchLabels },
      spec: { containers: [{ name: 'c', image: 'x' }] },
    };
    const path = '/apis/apps/v1/namespaces/default/deployments';
    const body = { metadata: { name: 'strange' }, spec: { replicas: 0, selector, template } };
    await world.sandbox.api.request('POST', path, { body });
    const controller = await start('respecting', { services: [web] });
    await controller.waitForLog('a foreign object', ({ reason }) => reason === 'ForeignOwner');
    const { metadata, spec } = await deployment('strange');
    expect(metadata.labels).toBeUndefined();
    expect(spec).toMatchObject({ replicas: 0, strategy: { type: 'RollingUpdate' } });
  });
});

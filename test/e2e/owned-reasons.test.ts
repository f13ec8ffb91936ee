/** What people are told when a service or a persistent set cannot run, and that nothing which runs is harmed by it. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import { eventually } from './eventually.ts';
import { actors, Stage, type Actor } from './owned-stage.ts';
import { endAll, openWorld, type World } from './world.ts';

let world: World;
let stage: Stage;
let controllers: ControllerProcess[] = [];

beforeAll(async () => {
  world = await openWorld();
  stage = new Stage(world);
  await stage.define();
  controllers = [await world.controller('reasons', { leaderLockTTL: '2s' })];
});

afterEach(() => {
  expect(world.referee.violations()).toEqual([]);
});

afterAll(async () => {
  await endAll(controllers);
  await world?.stop();
});

/** Waits for the status to say this; answers its message. */
function says(actor: Actor, reason: string, text: RegExp, namespace = 'default'): Promise<string> {
  let last = {};
  return eventually(
    `${actor.name} says ${reason}`,
    async () => {
      const status = await stage.status(actor, namespace);
      last = status;
      return status.reason === reason && text.test(status.message ?? '') ? status.message : undefined;
    },
    30_000,
    () => JSON.stringify(last),
  );
}

async function createNamespace(name: string): Promise<void> {
  await world.sandbox.api.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }]);
}

describe('a service and a persistent set tell', () => {
  it('that the quota is exceeded; a set, whose controller says so in events alone, where to look', async () => {
    await createNamespace('tight');
    const metadata = { name: 'none', namespace: 'tight' };
    const spec = { hard: { pods: '0' } };
    await world.sandbox.api.apply([{ apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec }]);
    const [service, set] = actors('-tight');
    if (service === undefined || set === undefined) throw new Error('no actors');
    await Promise.all([service, set].map((actor) => stage.apply(actor, {}, 'tight')));
    expect(await says(service, 'QuotaExceeded', /exceeded quota/, 'tight')).toContain(
      'Deployment tight/web-tight',
    );
    expect(await says(set, 'Starting', /kubectl describe statefulset db-tight -n tight/, 'tight')).toContain(
      'waiting',
    );
  });

  it('that no node takes them', async () => {
    const both = actors('-nowhere');
    await Promise.all(both.map((actor) => stage.apply(actor, { nodeSelector: { disk: 'none' } })));
    const messages = await Promise.all(
      both.map((actor) => says(actor, 'Unschedulable', /nodes are available/)),
    );
    expect(messages).toHaveLength(2);
  });

  it('that a ConfigMap is missing, and run once it is there', async () => {
    const both = actors('-bare');
    await Promise.all(both.map((actor) => stage.apply(actor, { configMaps: ['absent'] })));
    const messages = await Promise.all(both.map((actor) => says(actor, 'Failed', /absent.*not found/i)));
    expect(messages).toHaveLength(2);
    const metadata = { name: 'absent', namespace: 'default' };
    await world.sandbox.api.apply([{ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: 'b' } }]);
    await Promise.all(both.map((actor) => stage.running(actor, controllers)));
  });

  it("that a Service under their name is somebody else's; they run, and it stays as it is", async () => {
    const [service] = actors('-taken');
    if (service === undefined) throw new Error('no service');
    const metadata = { name: service.name, namespace: 'default' };
    const spec = { selector: { app: 'theirs' }, ports: [{ port: 1234 }] };
    await world.sandbox.api.apply([{ apiVersion: 'v1', kind: 'Service', metadata, spec }]);
    await stage.apply(service, { ports: [{ name: 'http', containerPort: 8080 }] });
    await stage.running(service, controllers);
    await says(service, 'Active', /Service default\/web-taken is not managed by this tenant/);
    const path = `/api/v1/namespaces/default/services/${service.name}`;
    const { body } = await world.sandbox.api.request('GET', path);
    expect(body).toMatchObject({ spec });
  });
});

it('a namespace that is deleted goes, with all that is in it', async () => {
  await createNamespace('going');
  const both = actors('-going');
  await Promise.all(both.map((actor) => stage.apply(actor, {}, 'going')));
  await eventually('both run', () => both.every(({ name }) => world.referee.isHeld(name)));
  await stage.delete('/api/v1/namespaces/going');
  await eventually(
    'the namespace is gone',
    async () => (await world.sandbox.api.request('GET', '/api/v1/namespaces/going')).status === 404,
    60_000,
    () => JSON.stringify(controllers[0]?.log.slice(-8), null, 1),
  );
  expect(both.map(({ name }) => world.referee.isHeld(name))).toEqual([false, false]);
});

it('a set whose serviceName is changed in the file runs on as before, and says what to do', async () => {
  const name = 'fixed';
  const config = (serviceName: string) => ({
    tenant: 'fixed',
    leaderLockTTL: '2s',
    workloads: {
      persistentSets: [
        { ...refereedProcess(name, world.referee.dir), restartPolicy: undefined, serviceName },
      ],
    },
  });
  const first = await world.controller('fixed-1', config('one'));
  const before = await stage.running({ name }, [first]);
  first.kill('SIGTERM');
  await first.exited;
  const second = await world.controller('fixed-2', config('two'));
  controllers.push(second);
  await eventually('it is told', async () => /ImmutableField/.test((await second.get('/status')).body));
  const after = await stage.running({ name }, [second]);
  expect(after.metadata.uid).toBe(before.metadata.uid);
});

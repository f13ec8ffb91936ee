/**
 * The rights that we ship are enough, and none is idle: controllers with exactly these go through everything that needs
 * one. A kind of workload that needs more joins the story here.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refereedProcess } from '../../sandbox/referee.ts';
import { definitionsText } from '../../scripts/definitions.ts';
import { eventually } from './eventually.ts';
import { grantedRights, missingRights, takenRights } from './rights.ts';
import { controllerKubeconfig, readShipped } from './shipped.ts';
import { CONTROLLER, openWorld, type World } from './world.ts';

/** Rights that the workloads of kinds that this version does not run yet will take. Leaves with them. */
const PENDING = [
  / (apps\/(deployments|statefulsets)|batch\/(cronjobs|jobs)|services)$/,
  / highlander\.plexobject\.io\/workload(cronjobs|services|persistents)(\/status)?$/,
];

const COLLECTION = '/apis/highlander.plexobject.io/v1/namespaces/default/workloadprocesses';
const DEFINITION =
  '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/workloadprocesses.highlander.plexobject.io';

let world: World;

beforeAll(async () => {
  world = await openWorld({ nodes: 1 });
});

afterAll(async () => {
  await world?.stop();
});

describe('the rights of the controller', () => {
  it('cover all that it does, and each is used', async () => {
    await story();
    const taken = new Set<string>();
    for await (const event of world.sandbox.audit({ user: CONTROLLER }))
      for (const right of takenRights(event)) {
        taken.add(right);
        // A server that cannot stream what there is before what changes (KEP-3157) is asked for a list before each watch.
        taken.add(right.replace(/^watch /, 'list '));
      }
    expect(await missingRights(world.sandbox.audit(), new Set([CONTROLLER]))).toEqual([]);
    const granted = grantedRights(await readShipped('rbac.yaml'));
    expect(granted.length).toBeGreaterThan(20);
    const isPending = (right: string): boolean => PENDING.some((pattern) => pattern.test(right));
    expect(granted.filter((right) => !taken.has(right) && !isPending(right))).toEqual([]);
    const used = granted.filter((right) => isPending(right) && taken.has(right));
    expect(used, 'no longer pending').toEqual([]);
  });

  it('stay below the ceiling: no wildcard, no secrets, nothing that makes rights or definitions', async () => {
    const granted = grantedRights(await readShipped('rbac.yaml'));
    const tooMuch =
      /\*|secrets|deletecollection|escalate|bind|impersonate|customresourcedefinitions|webhook|roles|pods\/exec|serviceaccounts/;
    expect(granted.filter((right) => tooMuch.test(right))).toEqual([]);
    expect(granted.filter((right) => / nodes/.test(right) && !/^(get|list|watch) /.test(right))).toEqual([]);
  });
});

/** First term, pods and resources, a foreign object in the way, a second term, a definition without status. */
async function story(): Promise<void> {
  const { api } = world.sandbox;
  await api.apply(definitionsText());
  await eventually('the definitions are served', async () => {
    const { status } = await api.request('GET', COLLECTION);
    return status === 200;
  });
  await api.apply([
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'taken-pod', namespace: 'default' },
      spec: { containers: [{ name: 'main', image: 'busybox', command: ['sleep', '1000'] }] },
    },
  ]);
  const kubeconfig = await controllerKubeconfig(world);
  const configOf = (...names: readonly string[]): Readonly<Record<string, unknown>> => ({
    leaderLockTTL: '2s',
    workloads: { processes: names.map((name) => refereedProcess(name, world.referee.dir)) },
  });
  const first = await world.controller('first', configOf('filed', 'taken'), { kubeconfig });
  await world.leader([first]);
  const second = await world.controller('second', configOf('filed', 'taken', 'added'), { kubeconfig });
  await world.running('filed');
  await eventually('the foreign pod is reported', async () =>
    (await first.get('/status')).body.includes('ForeignOwner'),
  );
  await applyResource('stored');
  await world.running('stored');
  await api.request('DELETE', `${COLLECTION}/stored`);
  await eventually('the resource is gone', async () => {
    const { status } = await api.request('GET', `${COLLECTION}/stored`);
    return status === 404;
  });
  first.kill('SIGTERM');
  await world.leader([second]);
  await world.running('filed');
  await world.running('added');
  // Without the subresource a status is answered with 404, and the resource itself is asked for.
  const remove = [{ op: 'remove', path: '/spec/versions/0/subresources' }];
  await api.request('PATCH', DEFINITION, { body: remove, contentType: 'application/json-patch+json' });
  await applyResource('late');
  await world.running('late');
  await second.waitForLog('that the status cannot be written', ({ msg }) =>
    msg.includes('cannot be written'),
  );
}

async function applyResource(name: string): Promise<void> {
  const { name: _name, ...spec } = refereedProcess(name, world.referee.dir);
  const metadata = { name, namespace: 'default' };
  const apiVersion = 'highlander.plexobject.io/v1';
  await world.sandbox.api.apply([{ apiVersion, kind: 'WorkloadProcess', metadata, spec }]);
}

/**
 * The rights that we ship are enough, and none is idle: controllers with exactly these go through everything that needs
 * one. A kind of workload that needs more joins the story here.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../../sandbox/api.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import { LABEL } from '../../src/core/workload/names.ts';
import { definitionsText } from '../../scripts/definitions.ts';
import { runLauncher } from '../launcher.ts';
import { eventually } from './eventually.ts';
import { GoProgram, type GoEntry } from './go-program.ts';
import { grantedRights, missingRights, takenRights } from './rights.ts';
import { controllerKubeconfig, readShipped } from './shipped.ts';
import { CONTROLLER, openWorld, type World } from './world.ts';

/** Rights that the story does not reach yet. */
const PENDING: readonly RegExp[] = [
  // There is no tick in the story, and no resource of these vanishes between a watch and a list.
  /^(get|patch|delete) batch\/jobs$/,
  /^get highlander\.plexobject\.io\/workload(cronjobs|services|persistents)$/,
];

const ROOT = '/apis/highlander.plexobject.io/v1/namespaces/default';
const COLLECTION = `${ROOT}/workloadprocesses`;
const OTHERS = [
  ['workloadcronjobs', 'WorkloadCronJob'],
  ['workloadservices', 'WorkloadService'],
  ['workloadpersistents', 'WorkloadPersistent'],
] as const;
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
  await api.apply(foreigners());
  await new GoProgram(api, 'go-1').startService(oldService());
  await eventually('it runs', () => world.referee.isHeld('old'));
  const kubeconfig = await controllerKubeconfig(world);
  const configOf = (port: number, ...names: readonly string[]): Readonly<Record<string, unknown>> => ({
    leaderLockTTL: '2s',
    workloads: { processes: names.map((name) => refereedProcess(name, world.referee.dir)), ...others(port) },
  });
  const first = await world.controller('first', configOf(8080, 'filed', 'taken'), { kubeconfig });
  await world.leader([first]);
  const second = await world.controller('second', configOf(8081, 'filed', 'taken', 'added'), { kubeconfig });
  await world.running('filed');
  await eventually('the foreign pod is reported', async () =>
    (await first.get('/status')).body.includes('ForeignOwner'),
  );
  await eventually('what the Go program made is adopted', async () => {
    const path = '/apis/apps/v1/namespaces/default/deployments/old';
    const { body } = await api.request<Manifest>('GET', path);
    return body.metadata.labels?.[LABEL.tenant] !== undefined;
  });
  const asked = await runLauncher(['run-now', 'cronjob/filed-workloadcronjobs', '--wait'], {
    cwd: world.referee.dir,
    env: { KUBECONFIG: world.sandbox.kubeconfig },
  });
  expect(asked.exit, asked.stderr).toBe(0);
  await applyResource('stored');
  await world.running('stored');
  for (const [plural, kind] of OTHERS) await applyOther(plural, kind);
  for (const path of [
    `${COLLECTION}/stored`,
    ...OTHERS.map(([plural]) => `${ROOT}/${plural}/stored-${plural}`),
  ]) {
    await api.request('DELETE', path);
    await eventually(`${path} is gone`, async () => (await api.request('GET', path)).status === 404);
  }
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

/** What the kinds that are not processes need, beside an image and something to run. */
const needsOf = (plural: string, port: number): object =>
  plural === 'workloadcronjobs'
    ? { schedule: '0 0 1 1 *' }
    : { ports: [{ name: 'http', containerPort: port }] };

const specOf = (plural: string, port = 8080): object => ({
  image: 'busybox',
  terminationGracePeriod: '1s',
  script: { commands: ['sleep 1000'] },
  ...needsOf(plural, port),
});

const entryOf = (name: string, spec: object): object => ({ name, ...spec });

/** Two workloads of each other kind, for the file; somebody else has the objects of one. */
function others(port: number): Readonly<Record<string, unknown>> {
  const named = (plural: string): readonly object[] =>
    ['filed', 'taken'].map((name) => entryOf(`${name}-${plural}`, specOf(plural, port)));
  return {
    cronJobs: named('workloadcronjobs'),
    services: [...named('workloadservices'), oldService()],
    persistentSets: named('workloadpersistents'),
  };
}

/** A service that the Go program ran. */
function oldService(): GoEntry {
  const { env, image, script } = refereedProcess('old', world.referee.dir) as unknown as GoEntry;
  return { name: 'old', env, image, script };
}

/** Objects of somebody else under names that workloads of the file would take. */
function foreigners(): readonly Manifest[] {
  const labels = { app: 'foreign' };
  const containers = [{ name: 'main', image: 'busybox' }];
  const template = { metadata: { labels }, spec: { containers } };
  const selector = { matchLabels: labels };
  const job = { spec: { template: { ...template, spec: { containers, restartPolicy: 'Never' } } } };
  const foreign = (
    apiVersion: string,
    kind: string,
    plural: string,
    spec: object,
    prefix = 'taken',
  ): Manifest => ({
    apiVersion,
    kind,
    metadata: { name: `${prefix}-${plural}`, namespace: 'default' },
    spec,
  });
  return [
    foreign('apps/v1', 'Deployment', 'workloadservices', { replicas: 0, selector, template }),
    foreign('v1', 'Service', 'workloadservices', { ports: [{ port: 80 }] }, 'filed'),
    foreign('apps/v1', 'StatefulSet', 'workloadpersistents', {
      replicas: 0,
      serviceName: 'x',
      selector,
      template,
    }),
    foreign('batch/v1', 'CronJob', 'workloadcronjobs', { schedule: '0 0 1 1 *', jobTemplate: job }),
  ];
}

/** A resource of another kind; resolves when its status has been written. */
async function applyOther(plural: string, kind: string): Promise<void> {
  const name = `stored-${plural}`;
  const apiVersion = 'highlander.plexobject.io/v1';
  const metadata = { name, namespace: 'default' };
  await world.sandbox.api.apply([{ apiVersion, kind, metadata, spec: specOf(plural) }]);
  await eventually(`${name} has a status`, async () => {
    const { body } = await world.sandbox.api.request<{ status?: object }>('GET', `${ROOT}/${plural}/${name}`);
    return body.status !== undefined;
  });
}

async function applyResource(name: string): Promise<void> {
  const { name: _name, ...spec } = refereedProcess(name, world.referee.dir);
  const metadata = { name, namespace: 'default' };
  const apiVersion = 'highlander.plexobject.io/v1';
  await world.sandbox.api.apply([{ apiVersion, kind: 'WorkloadProcess', metadata, spec }]);
}

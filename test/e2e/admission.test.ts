/** The shipped admission policies against people with edit rights, on the real API server. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageOf, openApi, type Api, type ApiAnswer } from '../../sandbox/api.ts';
import { renderCronJob } from '../../src/core/manifests/cron-job.ts';
import { renderStatefulSet } from '../../src/core/manifests/persistent.ts';
import type { Pod } from '../../src/core/manifests/pod.ts';
import { renderProcessPod } from '../../src/core/manifests/process.ts';
import { renderDeployment } from '../../src/core/manifests/service.ts';
import { IDENTITY, makeCronJob, makePersistent, makeProcess, makeService } from '../workload-fixture.ts';
import { controllerKubeconfig, enforcePolicies, readShipped } from './shipped.ts';
import { eventually } from './eventually.ts';
import { openWorld, type World } from './world.ts';

const GROUP = 'highlander.plexobject.io';
const GATE = `${GROUP}/permit`;
const FINALIZER = `${GROUP}/singleton`;
const TERM = `${GROUP}/term`;
const LABELS = {
  app: 'x',
  'managed-by': 'k8-highlander',
  [`${GROUP}/tenant`]: 'default',
  [`${GROUP}/kind`]: 'process',
};
const PODS = '/api/v1/namespaces/default/pods';

let world: World;
/** Somebody with the right to edit the namespace. */
let mallory: Api;
/** The controller's own identity. */
let controller: Api;
/** An administrator: not the controller either. */
let admin: Api;

beforeAll(async () => {
  world = await openWorld({ nodes: 1 });
  admin = world.sandbox.api;
  const edit = [{ kind: 'ClusterRole', name: 'edit', namespace: 'default' }] as const;
  mallory = await openApi(await world.sandbox.identity('mallory', { roles: edit }));
  controller = await openApi(await controllerKubeconfig(world));
  await enforcePolicies(world);
});

afterAll(async () => {
  await mallory?.close();
  await controller?.close();
  await world?.stop();
});

const instanceMeta = (name: string): Readonly<Record<string, unknown>> => ({
  name,
  namespace: 'default',
  labels: LABELS,
  annotations: { [`${GROUP}/workload`]: `process/default/${name}` },
  finalizers: [FINALIZER],
});

const podSpec = {
  schedulingGates: [{ name: GATE }],
  containers: [{ name: 'main', image: 'busybox', command: ['sleep', '1000'] }],
};

const podOf = (
  name: string,
  meta: Readonly<Record<string, unknown>> = {},
  spec: Readonly<Record<string, unknown>> = {},
): unknown => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { ...instanceMeta(name), ...meta },
  spec: { ...podSpec, ...spec },
});

const merge = (api: Api, path: string, body: unknown): Promise<ApiAnswer<unknown>> =>
  api.request('PATCH', path, { body, contentType: 'application/merge-patch+json' });

const annotate = (api: Api, path: string, annotations: Readonly<Record<string, string | null>>) =>
  merge(api, path, { metadata: { annotations } });

function expectRefusal(answer: ApiAnswer<unknown>, sentence: string): void {
  expect(answer.status, messageOf(answer)).toBe(403);
  expect(messageOf(answer)).toContain(sentence);
}

function expectDone(answer: ApiAnswer<unknown>): void {
  expect(answer.status, messageOf(answer)).toBeLessThan(300);
}

describe('the policies', () => {
  it('are free of errors by the server’s own check, and each is bound', async () => {
    const shipped = await readShipped('admission-policy.yaml');
    const names = shipped
      .filter(({ kind }) => kind === 'ValidatingAdmissionPolicy')
      .map(({ metadata }) => metadata.name);
    const bound = shipped.filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding');
    expect(bound.map(({ spec }) => (spec as { policyName: string }).policyName)).toEqual(names);
    for (const name of names) {
      const checked = await eventually(`${name} is checked`, async () => {
        const { body } = await admin.request<{
          metadata: { generation: number };
          status?: { observedGeneration?: number; typeChecking?: unknown };
        }>('GET', `/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/${name}`);
        return body.status?.observedGeneration === body.metadata.generation ? body.status : undefined;
      });
      expect(checked.typeChecking, name).toEqual({});
    }
  });
});

describe('an instance pod', () => {
  it('is not created without the gate or without the finalizer, by anybody', async () => {
    const ungated = podOf('ungated', {}, { schedulingGates: [] });
    const unkept = podOf('unkept', { finalizers: [] });
    for (const api of [mallory, admin, controller]) {
      expectRefusal(await api.request('POST', PODS, { body: ungated }), 'scheduling gate');
      expectRefusal(await api.request('POST', PODS, { body: unkept }), 'finalizer');
    }
    const foreign = podOf('foreign', { labels: { app: 'x' }, finalizers: [] }, { schedulingGates: [] });
    expectDone(await mallory.request('POST', PODS, { body: foreign }));
  });

  it('keeps its gate until the controller lifts it', async () => {
    expectDone(await controller.request('POST', PODS, { body: podOf('gated') }));
    const lift = { spec: { schedulingGates: null } };
    const sentence = 'may not lift the scheduling gate highlander.plexobject.io/permit of pod gated';
    expectRefusal(await merge(mallory, `${PODS}/gated`, lift), `mallory ${sentence}`);
    expectRefusal(await merge(admin, `${PODS}/gated`, lift), sentence);
    expectDone(await merge(controller, `${PODS}/gated`, lift));
  });

  it('keeps its finalizer until the controller drops it, also when it is being deleted', async () => {
    expectDone(await controller.request('POST', PODS, { body: podOf('kept') }));
    const drop = { metadata: { finalizers: null } };
    const sentence = 'may not drop the finalizer highlander.plexobject.io/singleton of pod kept';
    expectRefusal(await merge(mallory, `${PODS}/kept`, drop), `mallory ${sentence}`);
    expectRefusal(await merge(admin, `${PODS}/kept/status`, drop), sentence);
    const force = { body: { gracePeriodSeconds: 0 } };
    expectDone(await mallory.request('DELETE', `${PODS}/kept`, force));
    expectRefusal(await merge(mallory, `${PODS}/kept`, drop), sentence);
    expectDone(await merge(controller, `${PODS}/kept`, drop));
    expect((await admin.request('GET', `${PODS}/kept`)).status).toBe(404);
  });

  it('keeps what the controller knows it by; everything else of it may be edited', async () => {
    expectDone(await controller.request('POST', PODS, { body: podOf('marked') }));
    const path = `${PODS}/marked`;
    for (const key of Object.keys(LABELS).filter((label) => label !== 'app')) {
      const labels = { [key]: null };
      expectRefusal(await merge(mallory, path, { metadata: { labels } }), `may not change ${key}`);
    }
    for (const key of ['workload', 'term', 'fencing-token'])
      expectRefusal(
        await annotate(mallory, path, { [`${GROUP}/${key}`]: '9' }),
        `may not change ${GROUP}/${key}`,
      );
    expectRefusal(await annotate(admin, `${path}/status`, { [TERM]: '9' }), `may not change ${TERM}`);
    expectDone(await annotate(mallory, path, { note: 'mine' }));
    expectDone(await annotate(controller, path, { [TERM]: '9' }));
  });
});

describe('a term', () => {
  it('never goes down, not even for the controller', async () => {
    const marked = podOf('claimed', {
      annotations: { [TERM]: '7', [`${GROUP}/workload`]: 'process/default/claimed' },
    });
    expectDone(await controller.request('POST', PODS, { body: marked }));
    const path = `${PODS}/claimed`;
    const sentence = 'the term of pods/claimed may not go down: a later leader has claimed it in term';
    expectRefusal(
      await annotate(controller, path, { [TERM]: '6' }),
      `${sentence} 7, and this write carries term 6`,
    );
    expectRefusal(
      await annotate(controller, path, { [TERM]: null }),
      `${sentence} 7, and this write carries no term`,
    );
    expectRefusal(await annotate(controller, path, { [TERM]: 'x' }), `${sentence} 7`);
    expectDone(await annotate(controller, path, { [TERM]: '7' }));
    // Numbers, not texts: '10' is more than '9'.
    expectDone(await annotate(controller, path, { [TERM]: '9' }));
    expectDone(await annotate(controller, path, { [TERM]: '10' }));
  });

  it.each([
    ['configmaps', '/api/v1', 'ConfigMap', {}],
    ['services', '/api/v1', 'Service', { spec: { ports: [{ port: 80 }] } }],
    [
      'persistentvolumeclaims',
      '/api/v1',
      'PersistentVolumeClaim',
      {
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    ],
  ])('never goes down on %s', async (plural, root, kind, rest) => {
    const base = `${root}/namespaces/default/${plural}`;
    const body = {
      apiVersion: 'v1',
      kind,
      metadata: { name: 'owned', labels: LABELS, annotations: { [TERM]: '3' } },
      ...rest,
    };
    expectDone(await admin.request('POST', base, { body }));
    expectRefusal(
      await annotate(mallory, `${base}/owned`, { [TERM]: '2' }),
      `the term of ${plural}/owned may not go down`,
    );
    expectDone(await annotate(mallory, `${base}/owned`, { note: 'mine' }));
    expectDone(await annotate(admin, `${base}/owned`, { [TERM]: '4' }));
  });
});

describe('a pod template', () => {
  const template = { metadata: { labels: LABELS, finalizers: [FINALIZER] }, spec: podSpec };
  const selector = { matchLabels: { app: 'x' } };
  const job = { template: { ...template, spec: { ...podSpec, restartPolicy: 'Never' } } };

  it.each([
    ['deployments', 'apps', 'Deployment', { replicas: 0, selector, template }, ['template']],
    ['replicasets', 'apps', 'ReplicaSet', { replicas: 0, selector, template }, ['template']],
    [
      'statefulsets',
      'apps',
      'StatefulSet',
      { replicas: 0, selector, serviceName: 'x', template },
      ['template'],
    ],
    ['jobs', 'batch', 'Job', { suspend: true, ...job }, ['template']],
    [
      'cronjobs',
      'batch',
      'CronJob',
      { schedule: '0 0 1 1 *', suspend: true, jobTemplate: { spec: job } },
      ['jobTemplate', 'spec', 'template'],
    ],
  ])('of %s is born with gate and finalizer and keeps them', async (plural, group, kind, spec, at) => {
    const base = `/apis/${group}/v1/namespaces/default/${plural}`;
    const object = {
      apiVersion: `${group}/v1`,
      kind,
      metadata: { name: 'x', labels: LABELS, annotations: { [TERM]: '5' } },
      spec,
    };
    const nested = (inner: unknown): unknown =>
      at.toReversed().reduce<unknown>((value, key) => ({ [key]: value }), inner);
    /** The object, with this merged into its template. */
    const without = (inner: Readonly<Record<string, unknown>>): unknown => {
      const copy = structuredClone(object) as { spec: Record<string, any> };
      const found = at.reduce<Record<string, any>>((value, key) => value[key], copy.spec);
      Object.assign(found['metadata'], inner['metadata']);
      Object.assign(found['spec'], inner['spec']);
      return copy;
    };
    const noGate = { spec: { schedulingGates: [] } };
    const noFinalizer = { metadata: { finalizers: [] } };
    const sentence = `the pod template of ${plural}/x must carry`;
    expectRefusal(
      await mallory.request('POST', base, { body: without(noGate) }),
      `${sentence} the scheduling gate`,
    );
    expectRefusal(
      await mallory.request('POST', base, { body: without(noFinalizer) }),
      `${sentence} the finalizer`,
    );
    expectDone(await admin.request('POST', base, { body: object }));
    const refusals = [
      await merge(mallory, `${base}/x`, { spec: nested({ spec: { schedulingGates: null } }) }),
      await merge(mallory, `${base}/x`, { spec: nested({ metadata: { finalizers: null } }) }),
    ];
    for (const answer of refusals) expectRefusal(answer, sentence);
    const unlabel = { metadata: { labels: { 'managed-by': null } } };
    expectRefusal(await merge(mallory, `${base}/x`, unlabel), 'may not change managed-by');
    expectRefusal(await annotate(mallory, `${base}/x`, { [TERM]: '4' }), 'may not go down');
    expectDone(await annotate(mallory, `${base}/x`, { note: 'mine' }));
    expectDone(await admin.request('DELETE', `${base}/x`, { body: { propagationPolicy: 'Background' } }));
  });

  it('that had neither, as an earlier release left it, may be edited and gets them when it gets them', async () => {
    const base = '/apis/apps/v1/namespaces/default/deployments';
    const { [`${GROUP}/tenant`]: _tenant, ...old } = LABELS;
    const bare = { metadata: { labels: old }, spec: { containers: podSpec.containers } };
    const spec = { replicas: 0, selector, template: bare };
    const body = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'old', labels: old }, spec };
    expectDone(await mallory.request('POST', base, { body }));
    expectDone(await merge(admin, `${base}/old`, { metadata: { labels: LABELS } }));
    expectDone(await merge(mallory, `${base}/old`, { spec: { minReadySeconds: 1 } }));
    expectDone(await merge(admin, `${base}/old`, { spec: { template } }));
    expectRefusal(
      await merge(mallory, `${base}/old`, { spec: { template: { spec: { schedulingGates: null } } } }),
      'must carry the scheduling gate',
    );
  });

  it('loses both when the controller lets it go, and in no other write', async () => {
    const base = '/apis/apps/v1/namespaces/default/statefulsets';
    const spec = { replicas: 0, selector, serviceName: 'let', template };
    const metadata = { name: 'let', labels: LABELS };
    const body = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata, spec };
    expectDone(await admin.request('POST', base, { body }));
    const free = { spec: { template: { metadata: { finalizers: null }, spec: { schedulingGates: null } } } };
    const letGo = { metadata: { labels: { 'managed-by': null } }, ...free };
    expectRefusal(await merge(controller, `${base}/let`, free), 'must carry');
    expectRefusal(await merge(mallory, `${base}/let`, letGo), 'must carry');
    expectDone(await merge(controller, `${base}/let`, letGo));
  });

  it('makes pods that wait, however many are asked for, and cleaning up works', async () => {
    const base = '/apis/apps/v1/namespaces/default/deployments';
    const labels = { ...LABELS, app: 'many' };
    const spec = {
      replicas: 3,
      selector: { matchLabels: { app: 'many' } },
      template: { ...template, metadata: { labels, finalizers: [FINALIZER] } },
    };
    const body = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'many', labels }, spec };
    expectDone(await mallory.request('POST', base, { body }));
    const pods = async (): Promise<readonly { metadata: { name: string }; spec: { nodeName?: string } }[]> =>
      (await admin.request<{ items: [] }>('GET', `${PODS}?labelSelector=app=many`)).body.items;
    const born = await eventually('three pods', async () => {
      const items = await pods();
      return items.length === 3 ? items : undefined;
    });
    expect(born.map((pod) => pod.spec.nodeName)).toEqual([undefined, undefined, undefined]);
    expectDone(
      await mallory.request('DELETE', `${base}/many`, { body: { propagationPolicy: 'Background' } }),
    );
    await eventually('the garbage collector has deleted them', async () =>
      (await pods()).every(({ metadata }) => 'deletionTimestamp' in metadata),
    );
    for (const { metadata } of born)
      expectDone(await merge(controller, `${PODS}/${metadata.name}`, { metadata: { finalizers: null } }));
    expect(await pods()).toEqual([]);
  });
});

describe('what the controller renders', () => {
  it('is let through, and so is what Kubernetes makes of it: the pods of every kind are born gated', async () => {
    await admin.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } }]);
    const cron = renderCronJob(makeCronJob('small'), IDENTITY);
    const service = renderDeployment(makeService('small'), IDENTITY);
    const persistent = renderStatefulSet(makePersistent('small'), IDENTITY);
    const process = renderProcessPod(makeProcess('small'), IDENTITY);
    const create = async (api: Api, path: string, body: unknown): Promise<void> =>
      expectDone(await api.request('POST', path, { body }));
    await create(controller, '/api/v1/namespaces/ns/pods', process);
    await create(controller, '/apis/apps/v1/namespaces/ns/deployments', service);
    await create(controller, '/apis/apps/v1/namespaces/ns/statefulsets', persistent);
    await create(controller, '/apis/batch/v1/namespaces/ns/cronjobs', cron);
    // As `kubectl create job --from` and the controller of CronJobs do.
    const { spec, metadata } = cron.spec.jobTemplate;
    const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { ...metadata, name: 'tick' }, spec };
    await create(admin, '/apis/batch/v1/namespaces/ns/jobs', job);
    const kinds = await eventually('a pod of each kind', async () => {
      const { body } = await admin.request<{ items: Pod[] }>('GET', '/api/v1/namespaces/ns/pods');
      const waiting = body.items.filter(
        (pod) =>
          pod.spec.schedulingGates?.some((gate) => gate.name === GATE) === true &&
          pod.metadata.finalizers?.includes(FINALIZER) === true,
      );
      const found = new Set(waiting.map((pod) => pod.metadata.labels?.[`${GROUP}/kind`]));
      return found.size === 4 && body.items.length === waiting.length ? found : undefined;
    });
    expect(kinds).toEqual(new Set(['cronjob', 'persistent', 'process', 'service']));
  });
});

describe('the fence anchor', () => {
  const CONFIG_MAPS = '/api/v1/namespaces/k8-highlander/configmaps';

  const raise = async (tenant: string, epoch: string): Promise<void> => {
    const labels = { ...LABELS, [`${GROUP}/tenant`]: tenant, [`${GROUP}/role`]: 'fence' };
    const body = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `highlander-fence-${tenant}`, labels },
      data: { epoch },
    };
    expectDone(await controller.request('POST', CONFIG_MAPS, { body }));
  };

  it('refuses a gate lift below its epoch, of its own tenant', async () => {
    await raise('anchored', '12');
    await raise('other', '900');
    for (const name of ['late', 'unmarked', 'current']) {
      const labels = { ...LABELS, [`${GROUP}/tenant`]: 'anchored' };
      expectDone(await controller.request('POST', PODS, { body: podOf(name, { labels }) }));
    }
    const lift = (name: string, annotations: Readonly<Record<string, string>>) =>
      merge(controller, `${PODS}/${name}`, { metadata: { annotations }, spec: { schedulingGates: null } });
    const sentence = (what: string): string => `may not be lifted in ${what}: the fence anchor`;
    await eventually(
      'the anchor is known',
      async () => (await lift('late', { [TERM]: '11' })).status === 403,
    );
    expectRefusal(await lift('late', { [TERM]: '11' }), sentence('term 11'));
    expectRefusal(await lift('unmarked', {}), sentence('no term'));
    expectDone(await lift('current', { [TERM]: '12' }));
  });

  it('never goes down itself', async () => {
    await raise('firm', '5');
    const path = `${CONFIG_MAPS}/highlander-fence-firm`;
    for (const data of [{ epoch: '4' }, { epoch: null }])
      expectRefusal(await merge(admin, path, { data }), 'the epoch of the fence anchor');
    expectDone(await merge(controller, path, { data: { epoch: '6' } }));
  });
});

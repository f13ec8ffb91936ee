/** The custom resource definitions as the API server enforces them: what it refuses, in which words, and what it lets be. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../../sandbox/api.ts';
import { definitionsText } from '../../scripts/definitions.ts';
import { KIND_ORDER, KINDS } from '../../src/core/workload/kinds.ts';
import type { WorkloadKind } from '../../src/core/workload/model.ts';
import { eventually } from './eventually.ts';
import { openWorld, type World } from './world.ts';

type Spec = Readonly<Record<string, unknown>>;

interface Answer {
  readonly status: number;
  readonly message: string;
  readonly spec: Spec;
}

let world: World;

beforeAll(async () => {
  world = await openWorld({ nodes: 1, simulate: true });
  await world.sandbox.api.apply(definitionsText());
  for (const kind of KIND_ORDER)
    await eventually(`${kind} is served`, async () => {
      const { status } = await world.sandbox.api.request('GET', collection(kind));
      return status === 200;
    });
});

afterAll(async () => {
  await world?.stop();
});

function collection(kind: WorkloadKind): string {
  return `/apis/highlander.plexobject.io/v1/namespaces/default/${KINDS[kind].plural}`;
}

function resource(kind: WorkloadKind, name: string, spec: unknown): object {
  return {
    apiVersion: 'highlander.plexobject.io/v1',
    kind: KINDS[kind].resourceKind,
    metadata: { name },
    spec,
  };
}

async function send(
  method: 'POST' | 'PATCH',
  path: string,
  body: object,
  contentType?: string,
): Promise<Answer> {
  const answer = await world.sandbox.api.request<{ readonly message?: string; readonly spec?: Spec }>(
    method,
    path,
    { body, ...(contentType === undefined ? {} : { contentType }) },
  );
  return { status: answer.status, message: answer.body?.message ?? '', spec: answer.body?.spec ?? {} };
}

const create = (kind: WorkloadKind, name: string, spec: unknown): Promise<Answer> =>
  send('POST', `${collection(kind)}?fieldValidation=Strict`, resource(kind, name, spec));

const merge = (kind: WorkloadKind, name: string, spec: unknown): Promise<Answer> =>
  send('PATCH', `${collection(kind)}/${name}`, { spec }, 'application/merge-patch+json');

/** What every kind needs. */
const LEAST: Readonly<Record<WorkloadKind, Spec>> = {
  process: { image: 'x' },
  cronjob: { image: 'x', schedule: '@daily' },
  service: { image: 'x' },
  persistent: { image: 'x' },
};

const DURATION = 'for example 30s or 1m30s; an integer means seconds';
const VOLUME = { name: 'data', mountPath: '/data', size: '1Gi' };

describe('a new resource', () => {
  it.each(KIND_ORDER)('of kind %s needs little, and is stored with its defaults', async (kind) => {
    const { status, spec } = await create(kind, 'least', LEAST[kind]);
    expect(status).toBe(201);
    const defaults = Object.entries(KINDS[kind].fields).flatMap(([name, field]) =>
      'default' in field && field.type !== 'duration' ? [[name, field.default]] : [],
    );
    expect(defaults.length).toBeGreaterThan(0);
    expect(spec).toMatchObject(Object.fromEntries(defaults));
  });

  it.each<[string, WorkloadKind, Spec, string]>([
    ['an unknown field', 'process', { imagePull: 'x' }, 'unknown field "spec.imagePull"'],
    ['a wrong type', 'process', { maxRestarts: 'many' }, 'spec.maxRestarts: Invalid value: "string"'],
    ['a wrong word', 'cronjob', { restartPolicy: 'Always' }, 'supported values: "OnFailure", "Never"'],
    ['replicas above one', 'service', { replicas: 3 }, 'at most one instance runs: write 1, or 0 to stop it'],
    ['a negative number of replicas', 'service', { replicas: -1 }, 'spec.replicas'],
    [
      'a time zone in the schedule',
      'cronjob',
      { schedule: 'CRON_TZ=UTC 0 0 * * *' },
      'write timeZone: Europe/Berlin beside it',
    ],
    [
      'a short grace period',
      'process',
      { terminationGracePeriod: '500ms' },
      `write a duration from 1s to 8760h, ${DURATION}`,
    ],
    ['no grace period at all', 'process', { terminationGracePeriod: 0 }, 'write a duration from 1s'],
    ['what is not a duration', 'service', { readinessTimeout: 'soon' }, DURATION],
    [
      'a short starting deadline',
      'cronjob',
      { startingDeadline: '9s' },
      `write a duration from 10s to 8760h, ${DURATION}`,
    ],
    ['a short starting deadline in seconds', 'cronjob', { startingDeadline: 9 }, 'a duration from 10s'],
    [
      'a port out of range',
      'service',
      { ports: [{ name: 'http', containerPort: 70_000 }] },
      'should be less than or equal to 65535',
    ],
    [
      'a bad port name',
      'service',
      { ports: [{ name: 'HTTP', containerPort: 80 }] },
      'a port name has lower-case letters',
    ],
    [
      'a port name twice',
      'process',
      {
        ports: [
          { name: 'http', containerPort: 80 },
          { name: 'http', containerPort: 81 },
        ],
      },
      'spec.ports[1]: Duplicate value',
    ],
    [
      'a sidecar named main',
      'process',
      { sidecars: [{ name: 'main', image: 'x' }] },
      'main is the name of the main container',
    ],
    [
      'a relative path',
      'persistent',
      { persistentVolumes: [{ ...VOLUME, mountPath: 'data' }] },
      'write an absolute path without a colon',
    ],
    ['a bad name of the Service', 'persistent', { serviceName: '1db' }, 'begins with a letter'],
    ['a bad dependency', 'process', { dependsOn: ['api'] }, 'write kind/name or kind/namespace/name'],
    ['Force without a time', 'process', { nodeLoss: { policy: 'Force' } }, 'policy Force needs after'],
    ['an object name in capitals', 'process', { secrets: ['Key'] }, 'use lower-case letters, digits'],
  ])('with %s is refused, with a sentence', async (_what, kind, extra, sentence) => {
    const { status, message } = await create(kind, 'bad', { ...LEAST[kind], ...extra });
    expect(message).toContain(sentence);
    expect(status).toBeOneOf([400, 422]);
  });

  it.each<[WorkloadKind, number]>([
    ['process', 63],
    ['cronjob', 52],
    ['service', 63],
    ['persistent', 52],
  ])('of kind %s has a name of at most %i characters', async (kind, most) => {
    const refused = await create(kind, 'a'.repeat(most + 1), LEAST[kind]);
    expect(refused.message).toContain(`the name is too long: at most ${most} characters`);
    expect((await create(kind, 'a'.repeat(most), LEAST[kind])).status).toBe(201);
  });

  it('may have script and command, as before: the controller says which one wins', async () => {
    const both = { image: 'x', script: { commands: ['a'] }, command: ['b'] };
    expect((await create('process', 'both', both)).status).toBe(201);
  });
});

it('the samples beside the definitions are accepted', async () => {
  const file = resolve(import.meta.dirname, '../../config/sample-workload-resources.yaml');
  const text = await readFile(file, 'utf8');
  await world.sandbox.api.apply(text);
  for (const kind of KIND_ORDER) {
    const name = kind === 'cronjob' ? 'singleton-cron' : `singleton-${kind}`;
    expect((await merge(kind, name, { image: 'x' })).status).toBe(200);
  }
});

describe('a resource as the Go program had it', () => {
  const common = {
    image: 'busybox:latest',
    script: { commands: ['echo a', 'sleep 10'], shell: '/bin/sh' },
    env: { A: 'b', EMPTY: '' },
    resources: { cpuRequest: '50m', memoryRequest: '32Mi', cpuLimit: '100m', memoryLimit: '64Mi' },
  };
  const server = {
    ...common,
    replicas: 1,
    ports: [{ name: 'http', containerPort: 8080, servicePort: 80 }],
    healthCheckPath: '/health',
    healthCheckPort: 8080,
    readinessTimeout: '2m',
  };

  it.each<[WorkloadKind, Spec]>([
    ['process', { ...common, restartPolicy: 'Never', maxRestarts: 3, gracePeriod: '20s' }],
    ['process', { ...common, restartPolicy: 'Always', maxRestarts: 0, gracePeriod: '0s' }],
    ['process', { image: 'x', gracePeriod: 20, resources: { cpuLimit: 1, memoryLimit: '' } }],
    ['cronjob', { ...common, schedule: '*/5 * * * *', restartPolicy: 'OnFailure' }],
    ['service', server],
    ['service', { ...common, replicas: 1, healthCheckPath: '', healthCheckPort: 0 }],
    [
      'persistent',
      {
        ...server,
        serviceName: 'redis-persistent',
        persistentVolumes: [
          { name: 'data', mountPath: '/data', size: '1Gi', storageClassName: 'standard' },
          { name: 'log', mountPath: '/log', size: '100M' },
        ],
      },
    ],
    ['persistent', { ...common, replicas: 1, serviceName: '' }],
  ])('is accepted: %s %j', async (kind, spec) => {
    const dry = `${collection(kind)}?fieldValidation=Strict&dryRun=All`;
    expect(await send('POST', dry, resource(kind, 'go', spec))).toMatchObject({ status: 201, message: '' });
  });
});

it.each(KIND_ORDER)('resources of kind %s can be selected by what their status says', async (kind) => {
  const select = async (field: string): Promise<number> =>
    (await world.sandbox.api.request('GET', `${collection(kind)}?fieldSelector=${field}`)).status;
  expect(await select('status.healthy=false')).toBe(200);
  expect(await select('status.active=true,status.reason!=Active')).toBe(200);
  expect(await select('status.term=1')).toBe(400);
});

describe('a stored resource', () => {
  it('keeps its volumes and the name of its Service', async () => {
    const spec = { image: 'x', persistentVolumes: [VOLUME] };
    expect((await create('persistent', 'fixed', spec)).status).toBe(201);
    const refusals: readonly (readonly [Spec, string])[] = [
      [{ persistentVolumes: [{ ...VOLUME, name: 'other' }] }, 'a volume cannot be renamed'],
      [{ persistentVolumes: [] }, 'volumes cannot be added or removed'],
      [{ persistentVolumes: null }, 'volumes cannot be added or removed'],
      [
        { persistentVolumes: [VOLUME, { ...VOLUME, name: 'more', mountPath: '/more' }] },
        'volumes cannot be added or removed',
      ],
      [{ persistentVolumes: [{ ...VOLUME, size: '512Mi' }] }, 'the size of a volume may only grow'],
      [{ persistentVolumes: [{ ...VOLUME, size: 'large' }] }, 'the size of a volume may only grow'],
      [{ persistentVolumes: [{ ...VOLUME, storageClassName: 'fast' }] }, 'the storage class of a volume'],
      [{ serviceName: 'other' }, 'serviceName cannot be changed'],
    ];
    for (const [change, sentence] of refusals)
      expect(await merge('persistent', 'fixed', change)).toMatchObject({
        status: 422,
        message: expect.stringContaining(sentence) as string,
      });
    const grown = { persistentVolumes: [{ ...VOLUME, size: '1.5Gi' }], serviceName: 'fixed' };
    expect((await merge('persistent', 'fixed', grown)).status).toBe(200);
    const moved = { persistentVolumes: [{ ...VOLUME, size: '2Gi', mountPath: '/moved' }] };
    expect((await merge('persistent', 'fixed', moved)).status).toBe(200);
  });

  it('that a looser schema let in may stay as it is, and may get better, but not worse', async () => {
    await loosened(async () => {
      const spec = { image: 'x', replicas: 3, readinessTimeout: 'soon' };
      expect((await create('service', 'old', spec)).status).toBe(201);
      const cron = { image: 'x', schedule: 'TZ=UTC 0 0 * * *' };
      expect((await create('cronjob', `old-${'x'.repeat(56)}`, cron)).status).toBe(201);
    });
    expect((await merge('service', 'old', { image: 'y' })).status).toBe(200);
    expect((await merge('service', 'old', { replicas: 4 })).message).toContain('at most one instance runs');
    expect((await merge('service', 'old', { replicas: 2 })).status).toBe(200);
    expect((await merge('service', 'old', { replicas: 1 })).status).toBe(200);
    expect((await merge('service', 'old', { replicas: 2 })).status).toBe(422);
    expect((await merge('cronjob', `old-${'x'.repeat(56)}`, { image: 'y' })).status).toBe(200);
  });
});

/** Runs `work` while the schemas have no rules at all, as those of the Go program. */
async function loosened(work: () => Promise<void>): Promise<void> {
  const loose = parseAllDocuments(definitionsText()).map((document): Manifest => {
    const text = JSON.stringify(document.toJS(), (key, value: unknown) =>
      key === 'x-kubernetes-validations' ? undefined : value,
    );
    return JSON.parse(text);
  });
  await world.sandbox.api.apply(loose);
  await eventually('the loose schema is in force', async () => {
    const probe = await create('service', 'probe', { image: 'x', replicas: 9 });
    return probe.status === 201;
  });
  await eventually('for cron jobs too', async () => {
    const probe = await create('cronjob', 'probe', { image: 'x', schedule: 'TZ=UTC @daily' });
    return probe.status === 201;
  });
  await work();
  await world.sandbox.api.apply(definitionsText());
  await eventually('the definitions are in force again', async () => {
    const service = await create('service', 'probe-again', { image: 'x', replicas: 9 });
    const cron = await create('cronjob', 'probe-again', { image: 'x', schedule: 'TZ=UTC @daily' });
    return service.status === 422 && cron.status === 422;
  });
}

/**
 * Who may ask a controller for what, with real tokens of service accounts and the reviews of a real API server: a reader
 * cannot act, an operator can, nobody acts while the API server is away; and no secret comes out anywhere.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Manifest } from '../../sandbox/api.ts';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { startProxy, type Proxy } from '../../sandbox/proxy.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import { definitionsText } from '../../scripts/definitions.ts';
import { eventually } from './eventually.ts';
import { grantedRights, takenRights } from './rights.ts';
import { readShipped } from './shipped.ts';
import { openWorld, type World } from './world.ts';

const AUDIENCE = 'k8-highlander';
const WORKLOAD = '/api/v1/workloads/process/default/filed';
const PAUSE = { action: 'pause', reason: 'a test' };
const RESOURCES = '/apis/highlander.plexobject.io/v1/namespaces/default/workloadprocesses';
/** Planted in env values and a script. */
const CANARIES = ['canary-env-5dd1', 'canary-script-77aa'];
const STORY = 60_000;

let world: World;
let proxy: Proxy;
let controller: ControllerProcess;
let operator: string;
let reader: string;
/** Made for the API server, not for us. */
let foreign: string;
/** May list processes of one namespace. */
let narrow: string;
let kubeconfig: string;
let config: Readonly<Record<string, unknown>>;

type Json = Readonly<Record<string, any>>;

interface Answer {
  readonly status: number;
  readonly body: Json;
}

beforeAll(async () => {
  world = await openWorld({ nodes: 1 });
  const { api, server } = world.sandbox;
  await api.apply(definitionsText());
  await eventually('the definitions are served', async () => {
    const { status } = await api.request('GET', RESOURCES);
    return status === 200;
  });
  await api.apply(await readShipped('auth-token.yaml'));
  await api.apply(accounts());
  [operator, reader, narrow] = (await Promise.all(
    ['operator', 'reader', 'narrow'].map((name) => tokenOf(name, AUDIENCE)),
  )) as [string, string, string];
  foreign = await tokenOf('operator');
  const { hostname: host, port } = new URL(server);
  proxy = await startProxy({ host, port: Number(port) });
  kubeconfig = await world.sandbox.identity('guarded', {
    roles: [
      { kind: 'ClusterRole', name: 'k8-highlander' },
      { kind: 'ClusterRole', name: 'k8-highlander-auth' },
      { kind: 'Role', name: 'k8-highlander', namespace: 'k8-highlander' },
    ],
    server: `https://127.0.0.1:${proxy.port}`,
  });
  const plain = refereedProcess('filed', world.referee.dir);
  const commands = (plain['script'] as { readonly commands: readonly string[] }).commands;
  const filed = {
    ...plain,
    env: { ...(plain['env'] as object), API_KEY: CANARIES[0] },
    script: { shell: '/bin/sh', commands: [`: ${CANARIES[1]}`, ...commands] },
  };
  config = { leaderLockTTL: '2s', auth: { mode: 'token' }, workloads: { processes: [filed] } };
  controller = await world.controller('guarded', config, { kubeconfig });
  await world.leader([controller]);
  await world.running('filed');
});

afterAll(async () => {
  await controller?.destroy();
  await proxy?.close();
  await world?.stop();
});

/**
 * A reader without any right, an operator who may steer workloads of `default` and those of the file, and one who may list
 * processes of `default`.
 */
function accounts(): readonly Manifest[] {
  const rbac = 'rbac.authorization.k8s.io/v1';
  const role = (namespace: string, rule: object, name = 'operator', verb = 'patch'): Manifest => ({
    apiVersion: rbac,
    kind: 'Role',
    metadata: { name, namespace },
    rules: [{ ...rule, verbs: [verb] }],
  });
  const binding = (namespace: string, name = 'operator'): Manifest => ({
    apiVersion: rbac,
    kind: 'RoleBinding',
    metadata: { name, namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [{ kind: 'ServiceAccount', name, namespace: 'default' }],
  });
  const processes = { apiGroups: ['highlander.plexobject.io'], resources: ['workloadprocesses'] };
  return [
    ...['reader', 'operator', 'narrow'].map((name) => ({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name, namespace: 'default' },
    })),
    role('default', processes),
    binding('default'),
    role('default', processes, 'narrow', 'list'),
    binding('default', 'narrow'),
    role('k8-highlander', {
      apiGroups: [''],
      resources: ['configmaps'],
      resourceNames: ['highlander-control-default'],
    }),
    binding('k8-highlander'),
  ];
}

/** By the TokenRequest API, as `kubectl create token` does. */
async function tokenOf(name: string, audience?: string): Promise<string> {
  const path = `/api/v1/namespaces/default/serviceaccounts/${name}/token`;
  const spec = audience === undefined ? {} : { audiences: [audience] };
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
  const answer = await world.sandbox.api.request<Json>('POST', path, { body });
  if (answer.status !== 201) throw new Error(`no token for ${name}: ${answer.status}`);
  return String(answer.body['status'].token);
}

async function act(path: string, token: string | undefined, body: object, key?: string): Promise<Answer> {
  const { ports } = await controller.waitForLog('its ports', ({ msg }) => msg === 'starting');
  const [port] = ports as readonly number[];
  const answer = await fetch(`http://127.0.0.1:${port}${path}/actions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(key !== undefined && { 'idempotency-key': key }),
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(15_000),
  });
  return { status: answer.status, body: (await answer.json()) as Json };
}

const shown = async (path: string): Promise<Json> => JSON.parse((await controller.get(path)).body) as Json;
const reasonOf = (path: string, reason: string, within?: number): Promise<boolean> =>
  eventually(`${path} is ${reason}`, async () => (await shown(path))['reason'] === reason, within);

it('who is not known, or has a token for somebody else, reads and does not act', async () => {
  await reasonOf(WORKLOAD, 'Active');
  for (const token of [undefined, 'wrong', foreign])
    expect(await act(WORKLOAD, token, PAUSE)).toMatchObject({
      status: 401,
      body: { code: 'unauthenticated' },
    });
});

it('a reader does not act, and is told which right is missing', async () => {
  for (const path of [WORKLOAD, '/api/v1'])
    expect(await act(path, reader, PAUSE)).toMatchObject({
      status: 403,
      body: {
        code: 'forbidden',
        detail:
          'system:serviceaccount:default:reader may not patch configmaps/highlander-control-default in namespace k8-highlander',
      },
    });
});

it(
  'an operator pauses and resumes a workload of the file, and the same request twice is one',
  { timeout: STORY },
  async () => {
    const first = await act(WORKLOAD, operator, PAUSE, 'once');
    expect(first).toMatchObject({
      status: 202,
      body: { kind: 'Action', id: 'once', action: 'pause', by: 'system:serviceaccount:default:operator' },
    });
    const control = '/api/v1/namespaces/k8-highlander/configmaps/highlander-control-default';
    const written = async (): Promise<Json> => {
      const { body } = await world.sandbox.api.request<Json>('GET', control);
      return body;
    };
    const before = await written();
    await act(WORKLOAD, operator, PAUSE, 'once');
    expect((await written())['metadata'].resourceVersion).toBe(before['metadata'].resourceVersion);
    await reasonOf(WORKLOAD, 'Paused');
    expect((await act(WORKLOAD, operator, { action: 'resume' })).status).toBe(202);
    await reasonOf(WORKLOAD, 'Active');
  },
);

it('an operator restarts a workload, and the leader carries it out', { timeout: STORY }, async () => {
  const name = String(WORKLOAD.split('/').at(-1));
  const pod = () => world.pod(`${name}-pod`);
  const before = (await pod())?.metadata.uid;
  const asked = await act(WORKLOAD, operator, { action: 'restart', reason: 'a test' }, 'again');
  expect(asked).toMatchObject({ status: 202, body: { id: 'again', action: 'restart' } });
  await eventually('another pod', async () => {
    const uid = (await pod())?.metadata.uid;
    return uid !== undefined && uid !== before;
  });
  await reasonOf(WORKLOAD, 'Active');
});

it('the right is that on the custom resource, where there is one', { timeout: STORY }, async () => {
  const metadata = { name: 'stored', namespace: 'default' };
  const apiVersion = 'highlander.plexobject.io/v1';
  const spec = { image: 'busybox:latest', script: { commands: ['sleep 1000'] } };
  await world.sandbox.api.apply([{ apiVersion, kind: 'WorkloadProcess', metadata, spec }]);
  const path = '/api/v1/workloads/process/default/stored';
  await reasonOf(path, 'Active');
  const denied = await act(path, reader, PAUSE);
  expect(denied.body['detail']).toContain(
    'may not patch workloadprocesses.highlander.plexobject.io/stored in namespace default',
  );
  expect((await act(path, operator, PAUSE)).status).toBe(202);
  await reasonOf(path, 'Paused');
  expect((await act(path, operator, { action: 'resume' })).status).toBe(202);
  await reasonOf(path, 'Active');
});

it.each([
  [{}, 'action'],
  [{ action: 'pause' }, 'reason'],
  [{ ...PAUSE, until: 'yesterday' }, 'until'],
  [{ ...PAUSE, dryRun: true }, 'dryRun'],
])('%j is refused, and says where', async (body, path) => {
  const answer = await act(WORKLOAD, operator, body);
  expect(answer).toMatchObject({ status: 400, body: { code: 'invalid-body', errors: [{ path }] } });
});

it('with the API server out of reach nobody acts, and everybody reads', { timeout: STORY }, async () => {
  const unseen = await tokenOf('operator', AUDIENCE);
  proxy.refuse();
  try {
    expect(await act(WORKLOAD, unseen, PAUSE)).toMatchObject({
      status: 503,
      body: { code: 'kube-unavailable', retryable: true },
    });
    expect((await controller.get(WORKLOAD)).status).toBe(200);
  } finally {
    proxy.restore();
  }
  await world.leader([controller]);
});

it('what became of an action is told under its id', { timeout: STORY }, async () => {
  const record = await eventually('the restart is done', async () => {
    const told = await shown('/api/v1/actions/again');
    return told['state'] === 'succeeded' && told;
  });
  expect(record).toMatchObject({
    action: 'restart',
    target: { is: 'workload', name: 'process/default/filed' },
    by: 'system:serviceaccount:default:operator',
    reason: 'a test',
  });
  const { items } = await shown('/api/v1/actions');
  expect((items as readonly Json[]).map(({ id }) => String(id))).toContain('again');
});

it(
  'who may list in one namespace sees what is there, and how much is hidden',
  { timeout: STORY },
  async () => {
    const { api } = world.sandbox;
    await api.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'elsewhere' } }]);
    const spec = { image: 'busybox:latest', script: { commands: ['sleep 1000'] } };
    const metadata = { name: 'hidden', namespace: 'elsewhere' };
    await api.apply([{ apiVersion: 'highlander.plexobject.io/v1', kind: 'WorkloadProcess', metadata, spec }]);
    await reasonOf('/api/v1/workloads/process/elsewhere/hidden', 'Active');
    const auth = { mode: 'token', anonymous: 'none' };
    const closed = await world.controller('closed', { ...config, auth }, { kubeconfig });
    const { ports } = await closed.waitForLog('its ports', ({ msg }) => msg === 'starting');
    const [port] = ports as readonly number[];
    const ask = async (path: string, token: string): Promise<Answer> => {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`, { headers });
      return { status: answer.status, body: (await answer.json()) as Json };
    };
    const list = await eventually('it has seen all of them', async () => {
      const { status, body } = await ask('workloads', narrow);
      const detail = (body['metadata']?.partial as readonly Json[] | undefined)?.find(
        ({ source }) => source === 'access',
      )?.['detail'];
      return status === 200 && detail === '1 hidden: no right to list in elsewhere' && body;
    });
    expect(list['items'].map(({ name }: Json) => String(name)).toSorted()).toEqual(['filed', 'stored']);
    expect((await ask('workloads/process/elsewhere/hidden', narrow)).status).toBe(403);
    expect((await ask('workloads', reader)).status).toBe(403);
    expect((await ask('whoami', narrow)).body).toMatchObject({
      user: 'system:serviceaccount:default:narrow',
      role: 'reader',
    });
    const { permissions } = (await ask('whoami?namespace=default', operator)).body;
    const allowed = (permissions as readonly Json[]).filter((one) => one['allowed'] === 'true');
    expect(allowed.map(({ target }) => [target.is, target.source, target.kind])).toEqual([
      ['tenant', null, null],
      ['controller', null, null],
      ['workload', 'file', null],
      ['workload', 'cr', 'process'],
    ]);
    await closed.destroy();
  },
);

it('each right of auth-token.yaml is used, and there are no others', async () => {
  const taken = new Set<string>();
  for await (const event of world.sandbox.audit({ user: 'guarded' }))
    for (const right of takenRights(event)) taken.add(right);
  const granted = grantedRights(await readShipped('auth-token.yaml'));
  expect(granted).toEqual([
    'create authentication.k8s.io/tokenreviews',
    'create authorization.k8s.io/subjectaccessreviews',
  ]);
  expect(granted.filter((right) => !taken.has(right))).toEqual([]);
});

it('no secret comes out: not in an answer, the log, a metric or an event', async () => {
  const { paths } = await shown('/openapi.json');
  const filled = Object.keys(paths as object)
    .filter((path) => !path.endsWith('/stream'))
    .map((path) => path.replace('{kind}', 'process').replace('{namespace}', 'default'))
    .map((path) => path.replace('{name}', 'filed').replace('{id}', 'guarded').replace('{code}', 'internal'));
  const legacy = ['/status', '/debug/status', '/api/dbinfo', '/api/workloads', '/api/pods', '/metrics'];
  const texts: string[] = [];
  for (const path of [...filled, ...legacy, '/api/pods?all=true', '/api/workloads/filed'])
    texts.push((await controller.get(path)).body);
  expect(texts.length).toBeGreaterThan(20);
  // They are there to be found.
  const pod = JSON.stringify(await world.pod('filed-pod'));
  for (const planted of CANARIES) expect(pod).toContain(planted);
  const events = await world.sandbox.api.request('GET', '/apis/events.k8s.io/v1/events');
  texts.push(JSON.stringify(events.body), JSON.stringify(controller.log));
  for (const secret of [...CANARIES, operator, reader, foreign])
    expect(
      texts.filter((text) => text.includes(secret)).map((text) => text.slice(0, 200)),
      secret.slice(0, 12),
    ).toEqual([]);
  const audit = controller.log.filter(({ msg }) => msg === 'action accepted' || msg === 'action refused');
  expect(audit.length).toBeGreaterThan(8);
  expect(audit).toContainEqual(
    expect.objectContaining({
      msg: 'action accepted',
      user: 'system:serviceaccount:default:operator',
      target: 'process/default/filed',
      action: 'pause',
      id: 'once',
    }),
  );
});

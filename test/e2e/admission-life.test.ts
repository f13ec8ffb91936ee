/** What the shipped admission policies let through, and what they hold against a leader that is none any more. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { messageOf, openApi, type Api } from '../../sandbox/api.ts';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { startProxy } from '../../sandbox/proxy.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import { ANNOTATION, PERMIT_GATE, SINGLETON_FINALIZER } from '../../src/core/workload/names.ts';
import { eventually } from './eventually.ts';
import { controllerKubeconfig, enforcePolicies } from './shipped.ts';
import { CONTROLLER, endAll, openWorld, type World } from './world.ts';

const TTL_MS = 2000;
const PODS = '/api/v1/namespaces/default/pods';

let world: World;
let kubeconfig: string;
let controllers: ControllerProcess[] = [];
let round = 0;
let name = '';
let since = new Date();

beforeAll(async () => {
  world = await openWorld();
  kubeconfig = await controllerKubeconfig(world);
  await enforcePolicies(world);
  since = new Date();
});

afterEach(async () => {
  expect(world.referee.violations()).toEqual([]);
  await endAll(controllers);
  controllers = [];
});

afterAll(async () => {
  await world?.stop();
});

async function start(options: { readonly through?: string; readonly again?: boolean } = {}) {
  if (options.again !== true) {
    round += 1;
    name = `guarded-${round}`;
  }
  const config = {
    tenant: `guarded-${round}`,
    leaderLockTTL: `${TTL_MS}ms`,
    workloads: { processes: [refereedProcess(name, world.referee.dir)] },
  };
  const id = `${name}-${controllers.length + 1}`;
  const controller = await world.controller(id, config, { kubeconfig: options.through ?? kubeconfig });
  controllers.push(controller);
  return controller;
}

async function replaced(before: string | undefined): Promise<void> {
  await eventually('a new instance', async () => {
    const { uid, deletionTimestamp } = (await world.pod(`${name}-pod`))?.metadata ?? {};
    return uid !== undefined && uid !== before && deletionTimestamp === undefined;
  });
  await world.running(name);
}

/**
 * Writes that were refused since the last question, whoever sent them. Policies look at writes alone, and the dry run by
 * which a leader learns of them is no write.
 */
async function refusals(): Promise<readonly string[]> {
  const found: string[] = [];
  const verbs = ['create', 'update', 'patch', 'delete', 'deletecollection'];
  for await (const event of world.sandbox.audit({ since, verbs }))
    if (event.responseStatus?.code === 403 && !event.requestURI.includes('dryRun=All'))
      found.push(`${event.user.username} ${event.verb} ${event.requestURI}`);
  since = new Date();
  return found;
}

describe('under the policies', () => {
  it('a process workload lives its whole life, and nobody who does his work is refused anything', async () => {
    const first = await start();
    const born = await world.running(name);
    await world.deletePod(`${name}-pod`);
    await replaced(born.metadata.uid);
    const second = await world.running(name);
    await world.deletePod(`${name}-pod`, 0);
    await replaced(second.metadata.uid);
    const third = await world.running(name);
    first.kill('SIGKILL');
    const heir = await start({ again: true });
    await world.leader([heir], 10 * TTL_MS);
    await eventually(
      'the heir has claimed the instance',
      async () => (await world.pod(`${name}-pod`))?.metadata.annotations?.[ANNOTATION.leaderId] === heir.id,
    );
    const adopted = await world.running(name);
    expect(adopted.metadata.uid).toBe(third.metadata.uid);
    const node = world.sandbox.nodes.get(adopted.spec.nodeName ?? '');
    await node?.partition();
    await world.deletePod(`${name}-pod`);
    await eventually('it is waited for', async () =>
      /WaitingForOldInstance|NodeUnreachable|StopTimedOut/.test((await heir.get('/status')).body),
    );
    await node?.heal();
    await replaced(adopted.metadata.uid);
    heir.kill('SIGTERM');
    expect(await heir.exited).toBe(0);
    expect(await refusals()).toEqual([]);
  });

  it('a namespace is deleted with an instance in it', async () => {
    await world.sandbox.api.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'doomed' } }]);
    round += 1;
    name = `guarded-${round}`;
    const config = {
      tenant: name,
      namespace: 'doomed',
      leaderLockTTL: `${TTL_MS}ms`,
      workloads: { processes: [refereedProcess(name, world.referee.dir)] },
    };
    controllers.push(await world.controller(name, config, { kubeconfig }));
    await eventually(
      'it runs',
      async () => (await world.pod(`${name}-pod`, 'doomed'))?.status?.phase === 'Running',
    );
    since = new Date();
    await world.sandbox.api.request('DELETE', '/api/v1/namespaces/doomed');
    await eventually('the namespace is gone', async () => {
      const { status } = await world.sandbox.api.request('GET', '/api/v1/namespaces/doomed');
      return status === 404;
    });
    // What is created in a namespace that is being deleted is refused by the server itself.
    expect((await refusals()).filter((line) => !line.includes(' create '))).toEqual([]);
  });
});

describe('a former leader', () => {
  it('that was stopped in the middle of a replacement has no write accepted below the term of the next', async () => {
    const { hostname, port } = new URL(world.sandbox.server);
    const proxy = await startProxy({ host: hostname, port: Number(port) });
    const through = await controllerKubeconfig(world, `https://127.0.0.1:${proxy.port}`);
    const began = new Date();
    const leader = await start({ through });
    await world.leader([leader]);
    const next = await start({ again: true });
    const before = (await world.running(name)).metadata.uid;
    proxy.delay(150);
    await world.deletePod(`${name}-pod`);
    await eventually(
      'the old pod is gone',
      async () => (await world.pod(`${name}-pod`))?.metadata.uid !== before,
    );
    leader.kill('SIGSTOP');
    await world.leader([next], 10 * TTL_MS);
    await replaced(before);
    leader.kill('SIGCONT');
    await leader.waitForLog('that it is no leader any more', ({ msg }) => msg === 'leadership-lost');
    const terms: number[] = [];
    for await (const { user, verb, requestObject, responseStatus, objectRef } of world.sandbox.audit({
      since: began,
      resource: 'pods',
    })) {
      const isWrite = user.username === CONTROLLER && verb === 'patch' && objectRef?.name === `${name}-pod`;
      const term = /~1term","value":"(\d+)"/.exec(JSON.stringify(requestObject ?? ''))?.[1];
      if (isWrite && term !== undefined && (responseStatus?.code ?? 500) < 300) terms.push(Number(term));
    }
    expect(new Set(terms).size).toBe(2);
    expect(terms).toEqual(terms.toSorted((a, b) => a - b));
    await proxy.close();
  });

  it('is refused by the server what it sends with the rights of the controller and the term it once had', async () => {
    const leader = await start();
    const pod = await world.running(name);
    const term = Number(pod.metadata.annotations?.[ANNOTATION.term]);
    leader.kill('SIGKILL');
    const next = await start({ again: true });
    await world.leader([next], 10 * TTL_MS);
    await eventually(
      'the instance is claimed',
      async () => Number((await world.pod(`${name}-pod`))?.metadata.annotations?.[ANNOTATION.term]) > term,
    );
    const stale = await openApi(kubeconfig);
    const late = await lateWrites(stale, term);
    await stale.close();
    expect(late.claim).toContain(`the term of pods/${name}-pod may not go down`);
    expect(late.permit).toContain(`the fence anchor highlander-fence-${name} has seen term`);
    expect(late.anchor).toContain(`the epoch of the fence anchor highlander-fence-${name} may not go down`);
  });
});

/** What the server answers to the three kinds of write of an old term that carry no resourceVersion any more. */
async function lateWrites(
  stale: Api,
  term: number,
): Promise<Readonly<Record<'claim' | 'permit' | 'anchor', string>>> {
  const patch = async (path: string, body: unknown): Promise<string> =>
    messageOf(await stale.request('PATCH', path, { body, contentType: 'application/merge-patch+json' }));
  const annotations = { [ANNOTATION.term]: String(term) };
  const claim = await patch(`${PODS}/${name}-pod`, { metadata: { annotations } });
  // One that no later leader knows: without the workload's annotation it is nobody's.
  const labels = { 'managed-by': 'k8-highlander', 'highlander.plexobject.io/tenant': name };
  const fresh = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${name}-late`, labels, finalizers: [SINGLETON_FINALIZER] },
    spec: { schedulingGates: [{ name: PERMIT_GATE }], containers: [{ name: 'main', image: 'busybox' }] },
  };
  const created = await stale.request('POST', PODS, { body: fresh });
  expect(created.status, messageOf(created)).toBe(201);
  const lift = { metadata: { annotations }, spec: { schedulingGates: null } };
  const permit = await eventually('the anchor is known to the server', async () => {
    const answer = await patch(`${PODS}/${name}-late?dryRun=All`, lift);
    return answer.includes('fence anchor') && answer;
  });
  const anchor = `/api/v1/namespaces/k8-highlander/configmaps/highlander-fence-${name}`;
  return { claim, permit, anchor: await patch(anchor, { data: { epoch: String(term) } }) };
}

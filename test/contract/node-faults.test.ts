/** Nodes that break down, against a real control plane; and a simulated one under load. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { SandboxNode } from '../../sandbox/node/node.ts';
import type { Pod } from '../../sandbox/node/pod.ts';
import { NodeWorld, PODS, WAIT, containerOf, isAlive, isReady, untilDead } from './node-world.ts';

let world: NodeWorld;

beforeAll(async () => {
  world = await NodeWorld.open();
});

afterAll(() => world?.close());

describe('faults', () => {
  let faulty: SandboxNode;
  beforeAll(async () => {
    faulty = await world.addNode('node-b', { restartBackoff: 300 });
    // Where every node is lost, the node controller suspects itself and evicts nothing.
    await world.addNode('node-c', { simulate: true });
  });
  afterAll(() => faulty?.stop());

  const tolerant = { tolerations: [{ operator: 'Exists' }] };

  test('partitioned, its processes run on and the cluster learns nothing; healed, it reports and obeys', async () => {
    await world.create('cut', 'sleep 1000', { on: 'node-b' });
    await world.create('cut-tolerant', 'echo run >>$HIGHLANDER_VOLUME_D/runs; sleep 1; exit 1', {
      on: 'node-b',
      spec: { ...tolerant, volumes: [{ name: 'd', emptyDir: {} }] },
      container: { volumeMounts: [{ name: 'd', mountPath: '/d' }] },
    });
    await world.untilReady('cut');
    await world.untilReady('cut-tolerant');
    const { pid } = containerOf(faulty, 'cut');
    await faulty.partition();
    await vi.waitFor(async () => expect(await world.nodeReady('node-b')).toBe('Unknown'), WAIT);
    await world.until('cut', (pod) => expect(pod.metadata.deletionTimestamp).toBeDefined());
    expect(isAlive(pid)).toBe(true);
    expect(containerOf(faulty, 'cut-tolerant').restarts).toBeGreaterThan(1);
    await faulty.heal();
    await world.untilGone('cut');
    expect(isAlive(pid)).toBe(false);
    await vi.waitFor(async () => expect(await world.nodeReady('node-b')).toBe('True'), WAIT);
    await world.until('cut-tolerant', ({ status }) =>
      expect(status?.containerStatuses?.[0]?.restartCount).toBeGreaterThan(1),
    );
    await world.remove('cut-tolerant');
  });

  test('a pod deleted by force during a partition runs on, and after it for its own grace period', async () => {
    await world.create('cut-forced', `trap '' TERM; while :; do sleep 0.05; done`, {
      on: 'node-b',
      spec: { ...tolerant, terminationGracePeriodSeconds: 1 },
    });
    await world.untilReady('cut-forced');
    const { pid } = containerOf(faulty, 'cut-forced');
    await faulty.partition();
    await world.delete('cut-forced', '?gracePeriodSeconds=0');
    await world.untilGone('cut-forced');
    await faulty.heal();
    expect(isAlive(pid)).toBe(true);
    await untilDead(pid);
  });

  test('a crash kills every process and changes nothing in the API; a reboot starts the same pod again', async () => {
    await world.create('survivor', 'setsid sleep 1000 & sleep 1000', { on: 'node-b', spec: tolerant });
    await world.create('once', 'sleep 1000', { on: 'node-b', spec: { ...tolerant, restartPolicy: 'Never' } });
    const before = await world.untilReady('survivor');
    await world.untilReady('once');
    const { pid } = containerOf(faulty, 'survivor');
    const bootID = faulty.bootID;
    await faulty.crash();
    expect(isAlive(pid)).toBe(false);
    expect((await world.get('survivor'))?.metadata.resourceVersion).toBe(before.metadata.resourceVersion);
    await expect(faulty.heal()).rejects.toThrow('reboot');
    await faulty.reboot();
    expect(faulty.bootID).not.toBe(bootID);
    const after = await world.until('survivor', ({ status }) =>
      expect(status?.containerStatuses?.[0]).toMatchObject({
        restartCount: 1,
        ready: true,
        lastState: { terminated: { exitCode: 255, reason: 'Unknown' } },
      }),
    );
    expect(after.metadata.uid).toBe(before.metadata.uid);
    expect(containerOf(faulty, 'survivor').pid).not.toBe(pid);
    await world.untilStatus('once', { phase: 'Failed' });
    const { body } = await world.sandbox.api.request<any>('GET', '/api/v1/nodes/node-b');
    expect(body.status.nodeInfo.bootID).toBe(faulty.bootID);
    await world.remove('survivor', 'once');
  });

  test('a node whose object was deleted stays unknown to the cluster until it reboots', async () => {
    await faulty.partition();
    await world.sandbox.api.request('DELETE', '/api/v1/nodes/node-b');
    await faulty.heal();
    const status = async (): Promise<number> =>
      (await world.sandbox.api.request('GET', '/api/v1/nodes/node-b')).status;
    expect(await status()).toBe(404);
    await faulty.reboot();
    expect(await status()).toBe(200);
  });

  test('another process under the same node name takes the pods over and goes on counting restarts', async () => {
    await world.create('inherited', 'sleep 1000', { on: 'node-b', spec: tolerant });
    const before = await world.untilReady('inherited');
    await faulty.stop();
    faulty = await world.addNode('node-b');
    await world.until('inherited', ({ status }) => {
      expect(status?.containerStatuses?.[0]).toMatchObject({ restartCount: 1, ready: true });
      expect(status?.podIP).toBe(before.status?.podIP);
    });
    await world.remove('inherited');
  });

  test('a slow node is late with everything, and still gets there', async () => {
    faulty.slow(500);
    const begin = Date.now();
    await world.create('late', 'sleep 1000', { on: 'node-b', spec: tolerant });
    await world.untilReady('late');
    expect(Date.now() - begin).toBeGreaterThan(1000);
    faulty.slow(0);
    await world.remove('late');
  });
});

/** Listing all of them is work for the API server too. */
const SELDOM = { timeout: 60_000, interval: 500 };

describe('a simulated node', () => {
  let simulated: SandboxNode;
  beforeAll(async () => {
    simulated = await world.addNode('node-s', { simulate: true });
  });
  afterAll(() => simulated?.stop());

  test('takes hundreds of pods through two status writes each, as a kubelet does, and removes them again', async () => {
    const names = Array.from({ length: 200 }, (_, index) => `sim-${index}`);
    await Promise.all(
      names.map((name) => world.create(name, 'true', { on: 'node-s', metadata: { labels: { sim: 'yes' } } })),
    );
    const pods = async (): Promise<readonly Pod[]> =>
      (await world.sandbox.api.request<{ items: Pod[] }>('GET', `${PODS}?labelSelector=sim%3Dyes`)).body
        .items;
    await vi.waitFor(async () => {
      const ready = (await pods()).filter((pod) => isReady(pod) === 'True');
      expect(ready).toHaveLength(names.length);
    }, SELDOM);
    let writes = 0;
    const filter = { user: 'system:node:node-s', verbs: ['patch'], resource: 'pods' };
    for await (const event of world.sandbox.audit(filter))
      writes += event.responseStatus?.code === 200 ? 1 : 0;
    expect(writes).toBe(2 * names.length);
    await world.sandbox.api.request('DELETE', `${PODS}?labelSelector=sim%3Dyes`);
    await vi.waitFor(async () => expect(await pods()).toEqual([]), SELDOM);
    await vi.waitFor(() => expect(simulated.pods()).toEqual([]), WAIT);
  });
});

/**
 * The faults that make other designs run two, on the real control plane with real processes. After each: one instance,
 * no overlap, no accepted write of an old term. The same faults for every lock store.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { startProxy } from '../../sandbox/proxy.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import { eventually } from './eventually.ts';
import { endAll, openWorld, staleWrites, type World } from './world.ts';

export const TTL_MS = 2000;

/** A lock store under test. */
export interface StoreUnderTest {
  /** The part of the configuration that chooses it. */
  readonly config: Readonly<Record<string, unknown>>;
  stop(): Promise<void>;
}

/** Two controllers and one running instance, in a tenant of their own. */
export interface Round {
  readonly world: World;
  readonly name: string;
  readonly leader: ControllerProcess;
  readonly second: ControllerProcess;
  /** The uid of the running instance. */
  readonly uid: () => Promise<string>;
  /** Resolves when another pod than `before` is up and holds the lock file. */
  readonly replaced: (before: string) => Promise<void>;
}

/**
 * Runs the faults with one store. `more` adds those that only this store knows; `faults: 'election'` leaves out those in
 * which no lock changes hands, because they are the same with every store.
 */
export function describeNeverTwo(
  title: string,
  openStore: () => Promise<StoreUnderTest>,
  more: (openRound: () => Promise<Round>) => void = () => {},
  { faults = 'all' }: { readonly faults?: 'all' | 'election' } = {},
): void {
  let world: World;
  let store: StoreUnderTest;
  let round = 0;
  let controllers: ControllerProcess[] = [];
  /** The workload of the present test: a name of its own, so that no journal is shared. */
  let name = '';

  beforeAll(async () => {
    store = await openStore();
    world = await openWorld();
  });

  afterAll(async () => {
    await world?.stop();
    await store?.stop();
  });

  const settings = (): Record<string, unknown> => ({
    tenant: `round-${round}`,
    leaderLockTTL: `${TTL_MS}ms`,
    workloads: { processes: [refereedProcess(name, world.referee.dir)] },
    ...store.config,
  });

  async function openRound(options: { readonly server?: string } = {}): Promise<ControllerProcess> {
    round += 1;
    name = `singleton-${round}`;
    const first = await world.controller(`first-${round}`, settings(), options);
    controllers = [first];
    await world.leader([first]);
    controllers.push(await world.controller(`second-${round}`, settings()));
    await world.running(name);
    await eventually('the second is ready', async () => (await second().get('/readyz')).status === 200);
    return first;
  }

  function second(): ControllerProcess {
    const [, controller] = controllers;
    if (controller === undefined) throw new Error('no second controller');
    return controller;
  }

  afterEach(async () => {
    expect(world.referee.violations()).toEqual([]);
    const users = controllers.map(({ id }) => id);
    expect(await staleWrites(world.sandbox.audit(), users)).toEqual([]);
    await endAll(controllers);
  });

  async function uidOf(): Promise<string> {
    return (await world.running(name)).metadata.uid ?? '';
  }

  async function replaced(before: string): Promise<void> {
    await eventually('a new instance', async () => {
      const pod = await world.pod(`${name}-pod`);
      return pod !== undefined && pod.metadata.uid !== before && pod.metadata.deletionTimestamp === undefined;
    });
    await world.running(name);
  }

  describe(`never two, and one again: ${title}`, () => {
    it('after the leader was killed: the instance goes on, and the next leader looks after it', async () => {
      const leader = await openRound();
      const before = await world.running(name);
      leader.kill('SIGKILL');
      await world.leader([second()], 10 * TTL_MS);
      const after = await world.running(name);
      expect(after.metadata.uid).toBe(before.metadata.uid);
      expect(after.status?.startTime).toBe(before.status?.startTime);
      expect(world.referee.starts(name)).toBe(1);
      await world.deletePod(`${name}-pod`);
      await replaced(before.metadata.uid ?? '');
    });

    it('after the leader was stopped in the middle of a replacement and woke up when another led', async () => {
      const { host, port } = apiServer(world);
      const proxy = await startProxy({ host, port });
      const leader = await openRound({ server: `https://127.0.0.1:${proxy.port}` });
      const before = await uidOf();
      // What the leader sends from here on arrives late: its create is on the way when it stops.
      proxy.delay(150);
      await world.deletePod(`${name}-pod`);
      await eventually(
        'the old pod is gone',
        async () => (await world.pod(`${name}-pod`))?.metadata.uid !== before,
      );
      leader.kill('SIGSTOP');
      await world.leader([second()], 10 * TTL_MS);
      await replaced(before);
      const current = await uidOf();
      leader.kill('SIGCONT');
      await leader.waitForLog('that it is no leader any more', ({ msg }) => msg === 'leadership-lost');
      expect(await uidOf()).toBe(current);
      await proxy.close();
    });

    it('after the leader slept for three lock times', async () => {
      const leader = await openRound();
      const before = await uidOf();
      leader.kill('SIGSTOP');
      await world.leader([second()], 10 * TTL_MS);
      await eventually('three lock times passed', () => performanceSince(leader) > 3 * TTL_MS, 10 * TTL_MS);
      leader.kill('SIGCONT');
      await leader.waitForLog('that it is no leader any more', ({ msg }) => msg === 'leadership-lost');
      expect(await uidOf()).toBe(before);
    });

    it('after both controllers were killed and the pod was deleted while none ran', async () => {
      const leader = await openRound();
      const before = await uidOf();
      leader.kill('SIGKILL');
      second().kill('SIGKILL');
      await Promise.all(controllers.map((controller) => controller.exited));
      await world.deletePod(`${name}-pod`);
      controllers.push(await world.controller(`third-${round}`, settings()));
      await replaced(before);
    });

    const describeClusterFaults = (): void => {
      it('after a pod was deleted', async () => {
        await openRound();
        const before = await uidOf();
        await world.deletePod(`${name}-pod`);
        await replaced(before);
      });

      it('after a pod was deleted by force', async () => {
        await openRound();
        const before = await uidOf();
        await world.deletePod(`${name}-pod`, 0);
        await replaced(before);
      });

      it('on a partitioned node: nothing is started elsewhere until the node reports', async () => {
        await openRound();
        const pod = await world.running(name);
        const node = world.sandbox.nodes.get(pod.spec.nodeName ?? '');
        if (node === undefined) throw new Error('not on a node of the sandbox');
        await node.partition();
        await world.deletePod(`${name}-pod`, 0);
        const [leader] = controllers;
        await eventually(
          'the node is NotReady',
          async () => {
            const { body } = await world.sandbox.api.request('GET', `/api/v1/nodes/${pod.spec.nodeName}`);
            const { status } = body as { status: { conditions: { type: string; status: string }[] } };
            return status.conditions.some((c) => c.type === 'Ready' && c.status !== 'True');
          },
          60_000,
        );
        await eventually('it is waited for, by name', async () => {
          const { body } = (await leader?.get('/status')) ?? { body: '' };
          return (
            /WaitingForOldInstance|StopTimedOut|NodeUnreachable/.test(body) &&
            body.includes(pod.spec.nodeName ?? '?')
          );
        });
        expect((await world.pod(`${name}-pod`))?.metadata.uid).toBe(pod.metadata.uid);
        expect(world.referee.isHeld(name)).toBe(true);
        await node.heal();
        await replaced(pod.metadata.uid ?? '');
      });

      it('when the Node object was deleted: nothing is started elsewhere until the kubelet registers again', async () => {
        await openRound();
        const pod = await world.running(name);
        const node = world.sandbox.nodes.get(pod.spec.nodeName ?? '');
        if (node === undefined) throw new Error('not on a node of the sandbox');
        await node.partition();
        await world.sandbox.api.request('DELETE', `/api/v1/nodes/${pod.spec.nodeName}`);
        await world.deletePod(`${name}-pod`, 0);
        const [leader] = controllers;
        await eventually('it is waited for', async () =>
          /WaitingForOldInstance|StopTimedOut|NodeUnreachable/.test(
            (await leader?.get('/status'))?.body ?? '',
          ),
        );
        expect(world.referee.isHeld(name)).toBe(true);
        expect((await world.pod(`${name}-pod`))?.metadata.uid).toBe(pod.metadata.uid);
        await node.heal();
        await replaced(pod.metadata.uid ?? '');
      });
    };

    if (faults === 'all') describeClusterFaults();

    more(async () => {
      const leader = await openRound();
      return { world, name, leader, second: second(), uid: uidOf, replaced };
    });
  });
}

function apiServer(world: World): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(world.sandbox.server);
  return { host: hostname, port: Number(port) };
}

/** Milliseconds since this controller last logged: it logs nothing while it is stopped. */
function performanceSince(controller: ControllerProcess): number {
  return Date.now() - Date.parse(controller.log.findLast(({ time }) => time !== '')?.time ?? '');
}

/** What a person asks of the leader, from the command line, on the real control plane with the referee watching. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import { runLauncher } from '../launcher.ts';
import { eventually } from './eventually.ts';
import { endAll, openWorld, type World } from './world.ts';

let world: World;
let controllers: ControllerProcess[] = [];
let round = 0;

beforeAll(async () => {
  world = await openWorld();
});

afterAll(async () => {
  await world?.stop();
});

afterEach(async () => {
  expect(world.referee.violations()).toEqual([]);
  await endAll(controllers);
  controllers = [];
});

async function start(...processes: unknown[]): Promise<ControllerProcess> {
  round += 1;
  const config = { leaderLockTTL: '2s', workloads: { processes } };
  const controller = await world.controller(`actor-${round}`, config);
  controllers.push(controller);
  return controller;
}

/** Runs the program as an administrator would. */
function run(...args: readonly string[]) {
  return runLauncher(args, { cwd: world.referee.dir, env: { KUBECONFIG: world.sandbox.kubeconfig } });
}

const refereed = (name: string, extra: Readonly<Record<string, unknown>> = {}) =>
  refereedProcess(name, world.referee.dir, extra);

async function nodeIsSilent(name: string): Promise<void> {
  await eventually(
    `${name} is not ready`,
    async () => {
      const { body } = await world.sandbox.api.request<{
        status: { conditions: { type: string; status: string }[] };
      }>('GET', `/api/v1/nodes/${name}`);
      return body.status.conditions.some(({ type, status }) => type === 'Ready' && status !== 'True');
    },
    90_000,
  );
}

function sandboxNode(name: string) {
  const node = world.sandbox.nodes.get(name);
  if (node === undefined) throw new Error(`no node ${name}`);
  return node;
}

describe('restart', () => {
  it('stops the instance with proof and starts another, once', async () => {
    await start(refereed('again'));
    const before = await world.running('again');
    const { exit, stdout, stderr } = await run('restart', 'again', '--reason', 'stuck', '--wait');
    expect(exit, stderr).toBe(0);
    expect(stdout).toContain('restart of process/default/again: pod uid');
    const after = await world.running('again');
    expect(after.metadata.uid).not.toBe(before.metadata.uid);
    expect(world.referee.starts('again')).toBe(2);
    const next = await start(refereed('again'));
    controllers[0]?.kill('SIGTERM');
    await world.leader([next]);
    await next.waitForLog('the sweep', ({ msg }) => msg === 'all workloads looked at');
    expect((await world.running('again')).metadata.uid).toBe(after.metadata.uid);
  });

  it('starts again what has completed', async () => {
    const once = { restartPolicy: 'Never', script: { commands: ['exit 0'] } };
    const controller = await start(refereed('done', once));
    await controller.waitForLog('that it is done', ({ reason }) => reason === 'Completed');
    const uid = (await world.pod('done-pod'))?.metadata.uid;
    expect(await run('restart', 'done', '--wait')).toMatchObject({ exit: 0 });
    expect((await world.pod('done-pod'))?.metadata.uid).not.toBe(uid);
  });
});

describe('leadership', () => {
  it('moves to the controller that is named, and nothing is restarted', async () => {
    const first = await start(refereed('steady'));
    await world.leader([first]);
    const others = [await start(refereed('steady')), await start(refereed('steady'))];
    const before = await world.running('steady');
    const target = others[1]!;
    const moved = await run('failover', '--to', target.id, '--reason', 'maintenance', '--wait');
    expect(moved.exit, moved.stderr).toBe(0);
    expect((await world.leader([first, ...others])).id).toBe(target.id);
    expect((await world.running('steady')).metadata.uid).toBe(before.metadata.uid);
    expect(await run('failover', '--to', target.id, '--wait')).toMatchObject({ exit: 1 });
  });

  it('leaves a controller that is drained, and does not come back to it until it is undrained', async () => {
    const first = await start(refereed('steady'));
    await world.leader([first]);
    expect(await run('drain', first.id)).toMatchObject({ exit: 0 });
    await eventually('it does not lead', async () => {
      const { body } = await first.get('/status');
      return body.includes('"isLeader":false') || body.includes('"isLeader": false');
    });
    const second = await start(refereed('steady'));
    expect((await world.leader([first, second])).id).toBe(second.id);
    expect(await run('undrain', first.id)).toMatchObject({ exit: 0 });
    second.kill('SIGTERM');
    expect((await world.leader([first])).id).toBe(first.id);
  });
});

describe('a node that is lost', () => {
  it("is believed to be off at a person's word, until its kubelet reports again", async () => {
    await start(refereed('fenced'));
    const before = await world.running('fenced');
    const name = before.spec.nodeName ?? '';
    expect(await run('fence', 'node', name, '--i-confirm-it-is-off')).toMatchObject({ exit: 1 });
    await sandboxNode(name).crash();
    await nodeIsSilent(name);
    expect(await run('fence', 'node', name)).toMatchObject({ exit: 2 });
    const fenced = await run('fence', 'node', name, '--i-confirm-it-is-off', '--reason', 'pulled', '--wait');
    expect(fenced.exit, fenced.stderr).toBe(0);
    expect(fenced.stdout).toContain('process/default/fenced (pod fenced-pod)');
    const after = await eventually('another pod', async () => {
      const pod = await world.pod('fenced-pod');
      return pod !== undefined && pod.metadata.uid !== before.metadata.uid ? pod : undefined;
    });
    expect(after.metadata.uid).not.toBe(before.metadata.uid);
    const running = await world.running('fenced');
    expect(running.spec.nodeName).not.toBe(name);
    await sandboxNode(name).reboot();
    await controllers[0]?.waitForLog(
      'that the word is void',
      ({ msg, state }) => msg === 'request' && state === 'void',
    );
    expect((await world.running('fenced')).metadata.uid).toBe(running.metadata.uid);
  });

  it('is given up after the time that nodeLoss allows, which is shown', async () => {
    await start(refereed('forced', { nodeLoss: { policy: 'Force', after: '10s' } }));
    const before = await world.running('forced');
    const name = before.spec.nodeName ?? '';
    await sandboxNode(name).crash();
    await eventually(
      'it runs elsewhere',
      async () => {
        const pod = await world.pod('forced-pod');
        return pod !== undefined && pod.metadata.uid !== before.metadata.uid && pod.spec.nodeName !== name;
      },
      120_000,
    );
    await world.running('forced');
    const ended = controllers[0]?.log.find(({ proof }) => proof === 'GivenUp');
    expect(ended).toBeDefined();
    await sandboxNode(name).reboot();
  });
});

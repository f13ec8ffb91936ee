/**
 * The launcher is called: how long until a ready follower, and until the acting leader of a free lock, beside a bare
 * Node that starts and ends.
 */
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControllerProcess } from '../sandbox/controller-process.ts';
import { openWorld, type World } from '../test/e2e/world.ts';
import { percentile, type Row, type RowOptions, type RowResult } from './row.ts';

export const startRow: Row = {
  name: 'start',
  about:
    'Lease store: the launcher is called → acting leader of a free lock; → ready follower; a bare Node beside it',
  run,
};

async function run({ rounds = 10, say }: RowOptions): Promise<RowResult> {
  const world = await openWorld({ nodes: 0 });
  try {
    const leading: number[] = [];
    const ready: number[] = [];
    const bare: number[] = [];
    await compileOnce(world);
    for (let round = 0; round < rounds; round++) {
      const tenant = `start-${round}`;
      const [one, two] = await Promise.all([
        world.identity(`leader-${round}`),
        world.identity(`follower-${round}`),
      ]);
      bare.push(startBareNode());
      const leader = await start(world, `leader-${round}`, tenant, one);
      leading.push((await acting(leader.controller)) - leader.calledAt);
      const follower = await start(world, `follower-${round}`, tenant, two);
      ready.push((await answeringReady(follower.controller)) - follower.calledAt);
      await Promise.all([leader.controller.destroy(), follower.controller.destroy()]);
      say(
        `round ${round + 1}: leader ${leading.at(-1)?.toFixed(0)} ms, follower ${ready.at(-1)?.toFixed(0)} ms`,
      );
    }
    return {
      measures: [
        {
          name: 'acting leader of a free lock, median',
          value: percentile(leading, 0.5),
          unit: 'ms',
          target: 800,
        },
        { name: 'ready follower, median', value: percentile(ready, 0.5), unit: 'ms', target: 500 },
        { name: 'bare Node, start to end, median', value: percentile(bare, 0.5), unit: 'ms' },
      ],
      samples: { leading, ready, bare },
      setup: { rounds, store: 'lease' },
    };
  } finally {
    await world.stop();
  }
}

/** The first start after an installation compiles, and leaves what it compiled to all others: it is not counted. */
async function compileOnce(world: World): Promise<void> {
  const { controller } = await start(world, 'first', 'start-first', await world.identity('first'));
  await acting(controller);
  await answeringReady(controller);
  controller.kill('SIGTERM');
  await controller.exited;
}

interface Started {
  readonly controller: ControllerProcess;
  /** Milliseconds since the Unix epoch, as the log has them. */
  readonly calledAt: number;
}

async function start(world: World, id: string, tenant: string, kubeconfig: string): Promise<Started> {
  const calledAt = Date.now();
  return { calledAt, controller: await world.controller(id, { tenant }, { kubeconfig }) };
}

async function acting(controller: ControllerProcess): Promise<number> {
  const line = await controller.waitForLog('that it leads', ({ msg }) => msg === 'leader-elected');
  return Date.parse(line.time);
}

async function answeringReady(controller: ControllerProcess): Promise<number> {
  while ((await controller.get('/readyz')).status !== 200) await sleep(2);
  return Date.now();
}

function startBareNode(): number {
  const began = performance.now();
  execFileSync(process.execPath, ['-e', '0']);
  return performance.now() - began;
}

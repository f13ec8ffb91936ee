/**
 * A thousand workloads on a simulated node: from the start of the controller until all have converged, beside a floor that
 * creates the same objects bare.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openWorld } from '../test/e2e/world.ts';
import { watchConverged } from './converged.ts';
import { percentile, type Row, type RowOptions, type RowResult } from './row.ts';
import type { WorkloadSet } from './workload-set.ts';

const LIMIT_MS = 180_000;

/** Its `slowestFloor`, in milliseconds: a slower floor means that the machine was busy with something else, and the row says nothing. */
export function convergeRow(set: WorkloadSet, { slowestFloor }: { readonly slowestFloor: number }): Row {
  return {
    name: `scale-${set.name}`,
    about: `${set.about} on a simulated node: start of the controller → all converged, beside a floor of the same objects bare`,
    run: (options) => run(options, set, slowestFloor),
  };
}

async function run(
  { rounds = 3, say }: RowOptions,
  set: WorkloadSet,
  slowestFloor: number,
): Promise<RowResult> {
  const floor: number[] = [];
  const gated: number[] = [];
  const ours: number[] = [];
  for (let round = 0; round < rounds; round++) {
    floor.push(await measureFloor(set));
    if (set.isPods) gated.push(await measureFloor(set, 'gated'));
    ours.push(await measureOurs(set));
    const told = Object.entries({ floor, gated, ours })
      .filter(([, samples]) => samples.length > 0)
      .map(([name, samples]) => `${name} ${samples.at(-1)?.toFixed(0)} ms`);
    say(`round ${round + 1}: ${told.join(', ')}`);
  }
  const floorMedian = percentile(floor, 0.5);
  if (floorMedian > slowestFloor) throw new Error(`void: the floor took ${floorMedian.toFixed(0)} ms`);
  return {
    measures: [
      { name: 'ours / floor', value: percentile(ours, 0.5) / floorMedian, unit: 'ratio', target: 1.3 },
      ...(set.isPods
        ? [
            {
              name: 'gates alone / floor',
              value: percentile(gated, 0.5) / floorMedian,
              unit: 'ratio',
            } as const,
          ]
        : []),
      { name: 'ours, median', value: percentile(ours, 0.5), unit: 'ms' },
      { name: 'floor, median', value: floorMedian, unit: 'ms' },
    ],
    samples: { floor, ...(set.isPods ? { gated } : {}), ours },
    setup: { rounds, workloads: set.count, store: 'lease' },
  };
}

/** As a user of its own with the controller's rights: an administrator's requests are neither authorized by rules nor queued. */
async function measureFloor({ section, count }: WorkloadSet, mode?: 'gated'): Promise<number> {
  const world = await openWorld({ nodes: 1, simulate: true });
  const converged = await watchConverged(world.sandbox.kubeconfig, { cronJobs: 'bare' });
  try {
    const file = join(world.sandbox.dir, 'workloads.json');
    await writeFile(file, JSON.stringify(section));
    const kubeconfig = await world.identity('floor');
    const began = performance.now();
    const program = spawn(
      process.execPath,
      [join(import.meta.dirname, 'floor.ts'), kubeconfig, file, ...(mode === undefined ? [] : [mode])],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    const ended = once(program, 'exit');
    const done = await converged.reach(count, LIMIT_MS);
    const [code] = await ended;
    if (code !== 0) throw new Error(`the floor ended with ${code}`);
    return done - began;
  } finally {
    await converged.close();
    await world.stop();
  }
}

async function measureOurs({ section, count }: WorkloadSet): Promise<number> {
  const world = await openWorld({ nodes: 1, simulate: true });
  const converged = await watchConverged(world.sandbox.kubeconfig);
  try {
    const kubeconfig = await world.identity('controller-a');
    const began = performance.now();
    await world.controller('controller-a', { workloads: section }, { kubeconfig });
    return (await converged.reach(count, LIMIT_MS)) - began;
  } finally {
    await converged.close();
    await world.stop();
  }
}

/** A thousand workloads, of which fifty cannot be used and fifty crash at once: the others do not notice. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { watchConverged, type Converged } from '../../bench/converged.ts';
import { SIMULATED_EXIT } from '../../sandbox/node/container.ts';
import { eventually } from './eventually.ts';
import { openWorld, type World } from './world.ts';

const API = '/apis/highlander.plexobject.io/v1/namespaces/default/workloadprocesses';
const SOUND = 900;
const BAD = 50;
let world: World;
let pods: Converged;

beforeAll(async () => {
  world = await openWorld({ nodes: 1, simulate: true });
  const definitions = resolve(import.meta.dirname, '../../config/highlander-crds.yaml');
  await world.sandbox.api.apply(await readFile(definitions, 'utf8'));
  await eventually(
    'the type is served',
    async () => (await world.sandbox.api.request('GET', API)).status === 200,
  );
  pods = await watchConverged(world.sandbox.kubeconfig);
});

afterAll(async () => {
  await pods?.close();
  await world?.stop();
});

function entry(name: string, extra: object = {}): object {
  return {
    name,
    image: 'busybox',
    script: { commands: ['sleep 1000000'] },
    restartPolicy: 'Always',
    ...extra,
  };
}

/** How many workloads there are for each reason. */
async function reasons(
  get: (path: string) => Promise<{ readonly body: string }>,
): Promise<ReadonlyMap<string, number>> {
  const { workloads } = JSON.parse((await get('/status')).body) as {
    readonly workloads: readonly { readonly reason: string }[];
  };
  const counts = new Map<string, number>();
  for (const { reason } of workloads) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return counts;
}

it('runs the sound ones, names the others, and keeps its term', { timeout: 240_000 }, async () => {
  const unusable = (_: unknown, at: number): object => ({
    apiVersion: 'highlander.plexobject.io/v1',
    kind: 'WorkloadProcess',
    metadata: { name: `unusable-${at}` },
    spec: { image: 'not an image' },
  });
  const created = await Promise.all(
    Array.from({ length: BAD }, unusable).map((body) => world.sandbox.api.request('POST', API, { body })),
  );
  expect(new Set(created.map(({ status }) => status))).toEqual(new Set([201]));
  const crashing = { env: { [SIMULATED_EXIT]: '1' }, restartPolicy: 'Never', maxRestarts: 2 };
  const processes = [
    ...Array.from({ length: SOUND }, (_, at) => entry(`sound-${at}`)),
    ...Array.from({ length: BAD }, (_, at) => entry(`crashing-${at}`, crashing)),
  ];
  const controller = await world.controller('thousand', { workloads: { processes } });
  await pods.reach(SOUND, 120_000);

  let seen: ReadonlyMap<string, number> = new Map();
  const counts = await eventually(
    'every workload says how it fares',
    async () => {
      seen = await reasons((path) => controller.get(path));
      return seen.get('MaxRestartsExceeded') === BAD && seen.get('InvalidSpec') === BAD ? seen : undefined;
    },
    90_000,
    () => JSON.stringify([...seen]),
  );
  expect(Object.fromEntries(counts)).toEqual({ Active: SOUND, MaxRestartsExceeded: BAD, InvalidSpec: BAD });
  expect([...pods.snapshot().values()]).toEqual(Array.from({ length: SOUND }, () => 0));
  const starts = controller.log.filter(
    ({ msg, workload }) => msg === 'instance permitted' && String(workload).includes('/sound-'),
  );
  expect(starts).toHaveLength(SOUND);
  const elections = controller.log.filter(({ msg }) => msg === 'leader-elected' || msg === 'leadership-lost');
  expect(elections).toHaveLength(1);
});

/**
 * The referee must be able to fail. Here the proof that an instance is gone is taken out of the product: every
 * terminating pod counts as gone. A node is cut off and the pod deleted by force; the instance runs on there, another
 * one starts, and the referee has to see it. On one machine both see the same lock file, whatever node they are on.
 */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { refereedProcess } from '../../sandbox/referee.ts';
import { eventually } from './eventually.ts';
import { openWorld, type World } from './world.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const INTACT = `  const { pod } = instance;
  if (isGated(pod)) return 'NeverPermitted';`;
const BROKEN = `${INTACT}
  if (pod.metadata.deletionTimestamp !== undefined) return 'KubeletReported';`;

let world: World;
let copy: string;

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'k8-highlander-broken-'));
  for (const part of ['src', 'bin', 'package.json'])
    await cp(join(ROOT, part), join(copy, part), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const file = join(copy, 'src/core/reconcile/proof.ts');
  const source = await readFile(file, 'utf8');
  if (!source.includes(INTACT)) throw new Error('the line to break is not there any more');
  await writeFile(file, source.replace(INTACT, BROKEN));
  world = await openWorld();
});

afterAll(async () => {
  await world?.stop();
  await rm(copy, { recursive: true, force: true });
});

it('sees two instances when the product stops asking for proof', async () => {
  const workloads = { processes: [refereedProcess('broken', world.referee.dir)] };
  const controller = await world.controller('controller', { leaderLockTTL: '2s', workloads }, { root: copy });
  await world.leader([controller]);
  const pod = await world.running('broken');
  const node = pod.spec.nodeName ?? '';
  await world.sandbox.nodes.get(node)?.partition();
  // Cordoned, so that the next pod goes to the other node at once and not after this one is found NotReady.
  await world.sandbox.api.request('PATCH', `/api/v1/nodes/${node}`, {
    body: { spec: { unschedulable: true } },
    contentType: 'application/merge-patch+json',
  });
  await world.deletePod('broken-pod', 0);
  const violations = await eventually('the violation', () => {
    const found = world.referee.violations();
    return found.length > 0 && found;
  });
  expect(violations[0]).toContain('two instances at once');
});

/** `deletionPolicy: Orphan` on the real control plane: what ran runs on, and nothing of it is ours any more. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import type { Pod } from '../../src/core/manifests/pod.ts';
import { LABEL } from '../../src/core/workload/names.ts';
import { eventually } from './eventually.ts';
import { actors, Stage } from './owned-stage.ts';
import { openWorld, type World } from './world.ts';

const [web, db] = actors();
const ORPHAN = { deletionPolicy: 'Orphan' } as const;

let world: World;
let stage: Stage;

beforeAll(async () => {
  world = await openWorld();
  stage = new Stage(world);
  await stage.define();
});

afterAll(async () => {
  await world?.stop();
});

function start(id: string, ...processes: readonly unknown[]): Promise<ControllerProcess> {
  return world.controller(id, { leaderLockTTL: '2s', workloads: { processes } });
}

function isUnmanaged({ metadata }: Pod): boolean {
  return metadata.labels?.[LABEL.tenant] === undefined && (metadata.finalizers ?? []).length === 0;
}

it('what is deleted runs on, and a set makes its next pod without us', async () => {
  if (web === undefined || db === undefined) throw new Error('no actors');
  const keeper = await start('keeper');
  const both = [web, db];
  for (const actor of both) await stage.apply(actor, ORPHAN);
  for (const { name } of both) await eventually(`${name} runs`, () => world.referee.isHeld(name));
  const before = await Promise.all(both.map((actor) => stage.pods(actor)));
  for (const { name, plural } of both) {
    const path = `/apis/highlander.plexobject.io/v1/namespaces/default/${plural}/${name}`;
    await world.sandbox.api.request('DELETE', path);
    await eventually(`${path} is gone`, async () => {
      const { status } = await world.sandbox.api.request('GET', path);
      return status === 404;
    });
  }
  const after = await Promise.all(both.map((actor) => stage.pods(actor)));
  const uids = (all: readonly (readonly Pod[])[]) => all.flat().map(({ metadata }) => metadata.uid);
  expect(uids(after)).toEqual(uids(before));
  expect(after.flat().every(isUnmanaged)).toBe(true);
  for (const { name } of both) expect(world.referee.starts(name)).toBe(1);
  expect(world.referee.violations()).toEqual([]);
  // It has no fencing token: nobody has permitted it.
  await world.deletePod(`${db.name}-0`);
  await eventually('its set has started another', () => world.referee.starts(db.name) === 2);
  await keeper.destroy();
});

it('what leaves the file runs on under the next leader', async () => {
  const first = await start('with', refereedProcess('kept', world.referee.dir, ORPHAN));
  const { metadata } = await world.running('kept');
  await first.destroy();
  const second = await start('without');
  const pod = await eventually('it is let go', async () => {
    const found = await world.pod('kept-pod');
    return found !== undefined && isUnmanaged(found) ? found : undefined;
  });
  expect(pod.metadata.uid).toBe(metadata.uid);
  expect(pod.metadata.deletionTimestamp).toBeUndefined();
  expect(world.referee.isHeld('kept')).toBe(true);
  expect(second.log.filter(({ msg }) => msg.includes('vanished'))).toEqual([]);
});

/** Workloads that depend on others: started after them, stopped before them. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { refereedProcess } from '../../sandbox/referee.ts';
import { eventually } from './eventually.ts';
import { openWorld, type World } from './world.ts';

const API = '/apis/highlander.plexobject.io/v1/namespaces/default/workloadprocesses';
let world: World;

beforeAll(async () => {
  world = await openWorld({ nodes: 1 });
  const definitions = resolve(import.meta.dirname, '../../config/highlander-crds.yaml');
  await world.sandbox.api.apply(await readFile(definitions, 'utf8'));
});

afterAll(() => world?.stop());

/** An instance that takes a second to stop. */
const SLOW = [
  'J="$REFEREE_DIR/$REFEREE_NAME.journal"',
  'exec 9>>"$REFEREE_DIR/$REFEREE_NAME.lock"',
  'flock -n 9',
  'trap \'sleep 1; echo "stop $HIGHLANDER_FENCING_TOKEN $(date +%s%N)" >> "$J"; exit 0\' TERM',
  'echo "start $HIGHLANDER_FENCING_TOKEN $(date +%s%N)" >> "$J"',
  'while :; do sleep 60 & wait $!; done',
];

function resource(name: string, dependsOn: readonly string[], commands?: readonly string[]): object {
  const extra = commands === undefined ? {} : { script: { shell: '/bin/sh', commands } };
  const { name: _name, ...spec } = refereedProcess(name, world.referee.dir, extra);
  return {
    apiVersion: 'highlander.plexobject.io/v1',
    kind: 'WorkloadProcess',
    metadata: { name },
    spec: { ...spec, dependsOn },
  };
}

async function reasonOf(name: string): Promise<string | undefined> {
  const { body } = await world.sandbox.api.request<{ status?: { reason?: string } }>('GET', `${API}/${name}`);
  return body.status?.reason;
}

it('starts a workload after what it depends on, and stops it before', async () => {
  await eventually(
    'the type is served',
    async () => (await world.sandbox.api.request('GET', API)).status === 200,
  );
  await world.controller('ordered', { leaderLockTTL: '2s' });
  await world.sandbox.api.request('POST', API, { body: resource('upper', ['process/lower'], SLOW) });
  await eventually('it waits', async () => (await reasonOf('upper')) === 'WaitingForDependency');
  expect(await world.pod('upper-pod')).toBeUndefined();

  await world.sandbox.api.request('POST', API, { body: resource('lower', []) });
  await world.running('lower');
  await world.running('upper');
  const token = (name: string): number => world.referee.journal(name)[0]?.token ?? 0;
  expect(token('lower')).toBeLessThan(token('upper'));

  await world.sandbox.api.request('DELETE', `${API}/upper`);
  await world.sandbox.api.request('DELETE', `${API}/lower`);
  await eventually('both are gone', async () => {
    const answers = ['lower', 'upper'].map((name) => world.sandbox.api.request('GET', `${API}/${name}`));
    return (await Promise.all(answers)).every(({ status }) => status === 404);
  });
  const stopped = (name: string): bigint =>
    world.referee.journal(name).find(({ kind }) => kind === 'stop')?.at ?? 0n;
  expect(stopped('upper')).toBeGreaterThan(0n);
  expect(stopped('lower')).toBeGreaterThan(stopped('upper'));
  expect(world.referee.violations()).toEqual([]);
});

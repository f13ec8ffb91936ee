/** A controller that logs in with a credential plugin, on a real control plane. */
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import { eventually } from './eventually.ts';
import { endAll, openWorld, type World } from './world.ts';

let world: World;
let started: ControllerProcess[] = [];

beforeAll(async () => {
  world = await openWorld({ nodes: 1 });
});
afterAll(() => world?.stop());
afterEach(async () => {
  await endAll(started);
  started = [];
  expect(world.referee.violations()).toEqual([]);
});

/** A kubeconfig whose user runs a plugin that hands out the user's certificate for `seconds`. */
async function withPlugin(id: string, seconds: number): Promise<{ kubeconfig: string; runs: string }> {
  const config = parse(await readFile(await world.identity(id), 'utf8'));
  const [{ user }] = config.users;
  const pem = (field: string): string => Buffer.from(user[field], 'base64').toString('utf8');
  const folder = world.referee.dir;
  const [plugin, runs] = [join(folder, `${id}-plugin`), join(folder, `${id}-runs`)];
  const answer = {
    kind: 'ExecCredential',
    apiVersion: 'client.authentication.k8s.io/v1',
    status: {
      clientCertificateData: pem('client-certificate-data'),
      clientKeyData: pem('client-key-data'),
      expirationTimestamp: '@END@',
    },
  };
  await writeFile(`${plugin}.json`, JSON.stringify(answer));
  const end = `$(date -u -d '+${seconds} seconds' +%Y-%m-%dT%H:%M:%SZ)`;
  await writeFile(plugin, `#!/bin/sh\necho x >> '${runs}'\nsed "s/@END@/${end}/" '${plugin}.json'\n`);
  await chmod(plugin, 0o755);
  config.users[0].user = {
    exec: {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: plugin,
      interactiveMode: 'Never',
      provideClusterInfo: true,
    },
  };
  const kubeconfig = join(folder, `${id}.kubeconfig`);
  await writeFile(kubeconfig, stringify(config));
  return { kubeconfig, runs };
}

it('leads, runs its workload, and goes on leading when the credential was replaced', async () => {
  const { kubeconfig, runs } = await withPlugin('plugged', 5);
  const workloads = { processes: [refereedProcess('plugged', world.referee.dir)] };
  const controller = await world.controller(
    'plugged',
    { tenant: 'plugged', leaderLockTTL: '2s', workloads },
    { kubeconfig },
  );
  started.push(controller);
  await world.leader([controller]);
  await world.running('plugged');
  const count = async (): Promise<number> => (await readFile(runs, 'utf8')).length / 2;
  const before = await count();
  await eventually('the next credentials', async () => (await count()) >= before + 4);
  expect(JSON.parse((await controller.get('/status')).body)).toMatchObject({ isLeader: true });
  expect(controller.log.filter(({ msg }) => msg === 'leadership-lost')).toEqual([]);
  expect(controller.log.filter(({ msg }) => msg === 'leader-elected')).toHaveLength(1);
});

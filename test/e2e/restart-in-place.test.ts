/**
 * A controller that died and whose container runs it again takes the lock back at once, because the kernel and the kubelet
 * vouch for the end of its former self; another candidate has to wait. The container is what counts of one: a pid namespace,
 * and the mount of the kubelet.
 */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { detectIsolation } from '../../sandbox/node/container.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import { openWorld, type World } from './world.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const POD = '0f7b5b1e-6c3d-4a7e-9f52-1c2d3e4f5a6b';

let world: World;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'k8-highlander-container-'));
  world = await openWorld({ nodes: 1 });
});

afterAll(async () => {
  await world?.stop();
  await rm(dir, { recursive: true });
});

/** A checkout whose launcher runs the real one as the first process of a container. */
async function containerOf(name: string): Promise<string> {
  const root = join(dir, name);
  const message = join(dir, 'pods', POD, 'containers', name);
  await Promise.all(
    [join(root, 'bin'), message, join(root, 'dev')].map((path) => mkdir(path, { recursive: true })),
  );
  await writeFile(join(message, 'a1b2c3d4'), '');
  const launcher = join(root, 'bin', 'k8-highlander');
  // Who is not root is it in a user namespace of its own.
  const user = (await detectIsolation()) === 'pid-namespace' ? '' : '--user --map-root-user ';
  await writeFile(
    launcher,
    `#!/bin/sh
exec unshare ${user}--mount --pid --fork --kill-child=SIGKILL --mount-proc sh -eu -c '
mount --rbind /dev "$0/dev"
mount -t tmpfs tmpfs /dev
for device in null zero random urandom; do touch /dev/$device; mount --bind "$0/dev/$device" /dev/$device; done
touch /dev/termination-log
mount --bind "$1" /dev/termination-log
shift
exec "$@"
' ${root} ${join(message, 'a1b2c3d4')} ${join(ROOT, 'bin', 'k8-highlander')} "$@"
`,
  );
  await chmod(launcher, 0o755);
  return root;
}

it('takes its own lock back long before it runs out, and restarts nothing', async () => {
  const root = await containerOf('controller');
  const config = {
    tenant: 'in-place',
    leaderLockTTL: '60s',
    workloads: { processes: [refereedProcess('in-place', world.referee.dir)] },
  };
  const first = await world.controller('first', config, { root });
  await first.waitForLog('that it leads', ({ msg, term }) => msg === 'leader-elected' && term === 1);
  const before = await world.running('in-place');
  const other = await world.controller('other', config);
  await other.waitForLog('who leads', ({ msg }) => msg === 'holder-changed');

  first.kill('SIGKILL');
  await first.exited;
  const second = await world.controller('second', config, { root });
  const { previous } = await second.waitForLog(
    'that it leads',
    ({ msg }) => msg === 'leader-elected',
    20_000,
  );
  expect(previous).toContain(`/${POD}:controller/`);
  expect(other.log.some(({ msg }) => msg === 'leader-elected')).toBe(false);
  const after = await world.running('in-place');
  expect(after.metadata.uid).toBe(before.metadata.uid);
  expect(world.referee.violations()).toEqual([]);
}, 120_000);

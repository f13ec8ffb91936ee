/** `npm run sandbox` as a user, a script or an accident meets it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { openApi } from '../../sandbox/api.ts';
import { startSandbox } from '../../sandbox/cluster.ts';
import { freePorts } from '../../sandbox/free-port.ts';
import { alive, processTree } from './process-tree.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'sandbox/main.ts');
const WAIT = { timeout: 20_000, interval: 50 };

interface Ready {
  readonly kubeconfig: string;
  readonly auditLog: string;
  readonly faults: string;
  readonly nodes: readonly string[];
}

let tmp: string;
const children: ChildProcess[] = [];

/** The first start may have to build the control plane, which is not what is tested here. */
beforeAll(async () => {
  const progress = { line: () => undefined, moving: () => undefined };
  const options = { nodes: 0, simulate: true, progress, signal: new AbortController().signal };
  await (await startSandbox(options)).stop();
});

beforeEach(async () => {
  tmp = await mkdtemp(join(tmpdir(), 'command-'));
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(tmp, { recursive: true, force: true });
});

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...process.env, TMPDIR: tmp, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

const sandbox = (args: readonly string[], env?: NodeJS.ProcessEnv): ChildProcess =>
  run(process.execPath, [MAIN, ...args], env);

/** The first line of stdout that is an object. npm prints a banner of its own before it. */
function ready(child: ChildProcess): Promise<Ready> {
  return new Promise((settle, reject) => {
    let complaints = '';
    child.stderr?.on('data', (data: Buffer) => (complaints += data.toString()));
    child.once('close', () => reject(new Error(`ended without a ready line: ${complaints}`)));
    if (child.stdout === null) throw new Error('no stdout');
    createInterface(child.stdout).on('line', (line) => {
      if (line.startsWith('{')) settle(JSON.parse(line));
    });
  });
}

async function outcome(
  child: ChildProcess,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const said = { stdout: '', stderr: '' };
  child.stdout?.on('data', (data: Buffer) => (said.stdout += data.toString()));
  child.stderr?.on('data', (data: Buffer) => (said.stderr += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...said };
}

/** A pod whose command has left its session, as deep as it gets. */
async function runDeepPod({ kubeconfig }: Ready): Promise<void> {
  const api = await openApi(kubeconfig);
  const path = '/api/v1/namespaces/default/pods';
  const command = ['sh', '-c', 'setsid sh -c "sleep 4242 & sleep 4242" & wait'];
  const body = {
    metadata: { name: 'deep' },
    spec: { containers: [{ name: 'main', image: 'busybox', command }] },
  };
  expect((await api.request('POST', path, { body })).status).toBe(201);
  await vi.waitFor(async () => {
    const answer = await api.request('GET', `${path}/deep`);
    expect(answer.body).toMatchObject({ status: { phase: 'Running' } });
  }, WAIT);
  await api.close();
}

/** Everything below the child, once the pod's innermost processes are there. */
function treeWithPod(child: ChildProcess): Promise<ReturnType<typeof processTree>> {
  return vi.waitFor(() => {
    const tree = processTree(child.pid ?? 0);
    expect(tree.filter(({ name }) => name === 'sleep')).toHaveLength(2);
    return tree;
  }, WAIT);
}

test('up prints one ready line; the fault address breaks things; SIGTERM cleans up and exits 0', async () => {
  const child = sandbox(['up', '--nodes', '1']);
  const { kubeconfig, auditLog, faults, nodes } = await ready(child);
  expect([existsSync(kubeconfig), existsSync(auditLog), nodes]).toEqual([true, true, ['node-1']]);
  expect((await fetch(`${faults}/nodes/node-1/partition`, { method: 'POST' })).status).toBe(204);
  expect((await fetch(`${faults}/nodes/node-1/heal`, { method: 'POST' })).status).toBe(204);
  expect((await fetch(`${faults}/control-plane/kube-scheduler/kill`, { method: 'POST' })).status).toBe(204);
  expect((await fetch(`${faults}/control-plane/kube-scheduler/restart`, { method: 'POST' })).status).toBe(
    204,
  );
  // A restarted component goes through `sh` before it becomes the program.
  const tree = await vi.waitFor(() => {
    const found = processTree(child.pid ?? 0);
    expect(found.map(({ name }) => name)).toEqual(expect.arrayContaining(['etcd', 'kube-scheduler']));
    return found;
  }, WAIT);
  child.kill('SIGTERM');
  expect((await outcome(child)).code).toBe(0);
  expect(alive(tree)).toEqual([]);
  expect(existsSync(dirname(dirname(kubeconfig)))).toBe(false);
});

test('Ctrl-C ends it although the API server is stopped and answers nothing', async () => {
  const child = sandbox(['up', '--nodes', '1']);
  const { faults } = await ready(child);
  await fetch(`${faults}/control-plane/kube-apiserver/stop`, { method: 'POST' });
  const tree = processTree(child.pid ?? 0);
  child.kill('SIGINT');
  expect((await outcome(child)).code).toBe(0);
  expect(alive(tree)).toEqual([]);
});

test('Ctrl-C while it starts ends it, too', async () => {
  const child = sandbox(['up']);
  const tree = await vi.waitFor(() => {
    const found = processTree(child.pid ?? 0);
    expect(found.map(({ name }) => name)).toContain('kube-apiserver');
    return found;
  }, WAIT);
  child.kill('SIGINT');
  expect((await outcome(child)).code).toBe(0);
  expect(alive(tree)).toEqual([]);
});

test('kill -9 leaves no process at any depth after 5 seconds', async () => {
  const child = sandbox(['up', '--nodes', '1']);
  await runDeepPod(await ready(child));
  const tree = await treeWithPod(child);
  child.kill('SIGKILL');
  await vi.waitFor(() => expect(alive(tree)).toEqual([]), { timeout: 5_000, interval: 50 });
});

test('kill -9 of npm leaves no process at any depth after 5 seconds, and no folder', async () => {
  const child = run('npm', ['run', 'sandbox', '--', 'up', '--nodes', '1']);
  const line = await ready(child);
  await runDeepPod(line);
  const tree = await treeWithPod(child);
  child.kill('SIGKILL');
  await vi.waitFor(() => expect(alive(tree)).toEqual([]), { timeout: 5_000, interval: 50 });
  expect(existsSync(dirname(dirname(line.kubeconfig)))).toBe(false);
});

test.each([[[]], [['down']], [['up', 'more']], [['up', '--nodes', 'two']], [['up', '--colour']]])(
  'wrong usage %j exits 2 with a complaint',
  async (args) => {
    const { code, stdout, stderr } = await outcome(sandbox(args));
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^error: .+\nUsage: npm run sandbox -- up/);
  },
);

test('--help says what there is and exits 0', async () => {
  const { code, stdout } = await outcome(sandbox(['--help']));
  expect([code, stdout.includes('--simulate')]).toEqual([0, true]);
});

test('a folder that cannot be used is one sentence and exit code 1', async () => {
  const { code, stderr } = await outcome(sandbox(['up', '--dir', '/dev/null/here']));
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: the folder \/dev\/null\/here cannot be used: .+\n/);
});

test('no binaries, no network, no Go: one sentence names each, within seconds', async () => {
  const bin = join(tmp, 'bin');
  await mkdir(bin);
  for (const program of ['setpriv', 'flock', 'sh', 'cat'])
    await symlink(`/usr/bin/${program}`, join(bin, program));
  const [port] = await freePorts(1);
  const started = performance.now();
  const { code, stderr } = await outcome(
    sandbox(['up'], {
      PATH: bin,
      HIGHLANDER_CONTROL_PLANE: '',
      KUBEBUILDER_ASSETS: '',
      HIGHLANDER_CACHE: join(tmp, 'cache'),
      HIGHLANDER_KUBERNETES_DOWNLOAD: `http://127.0.0.1:${port}/k`,
      HIGHLANDER_ETCD_DOWNLOAD: `http://127.0.0.1:${port}/e`,
    }),
  );
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^error: no control plane: HIGHLANDER_CONTROL_PLANE is not set; KUBEBUILDER_ASSETS is not set; the cache \S+ is empty; the download failed \(http:\/\/127\.0\.0\.1:\d+\/\S+: ECONNREFUSED\); the build failed \(go is not on PATH\)$/m,
  );
  expect(performance.now() - started).toBeLessThan(5_000);
});

test('without setpriv nothing is started, and the message says where it comes from', async () => {
  const { code, stderr } = await outcome(sandbox(['up'], { PATH: join(tmp, 'empty') }));
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^error: etcd cannot be started: .*setpriv.* ENOENT \(setpriv is part of util-linux\)$/m,
  );
});

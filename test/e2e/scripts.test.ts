/** The scripts that people have in their own scripts: parameters, exit codes and what they send, with kubectl. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { definitionsText } from '../../scripts/definitions.ts';
import { eventually } from './eventually.ts';
import { openWorld, type World } from './world.ts';

const SCRIPTS = resolve(import.meta.dirname, '../../scripts');
const COLLECTION = '/apis/highlander.plexobject.io/v1/namespaces/default/workloadcronjobs';

interface Outcome {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let world: World;
let folder: string;
/** Rights to read and to write nothing. */
let powerless: string;

beforeAll(async () => {
  const { exit } = await run('sh', ['-c', 'command -v kubectl'], {});
  if (exit !== 0)
    throw new Error('these tests need kubectl on PATH: https://kubernetes.io/docs/tasks/tools/');
  folder = await mkdtemp(join(tmpdir(), 'k8-highlander-scripts-'));
  world = await openWorld({ nodes: 0 });
  powerless = await world.sandbox.identity('powerless');
});

afterAll(async () => {
  await world?.stop();
  await rm(folder, { recursive: true, force: true });
});

function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Outcome> {
  return new Promise((succeed, fail) => {
    const child = spawn(command, args, { env: { PATH: process.env['PATH'] ?? '', HOME: tmpdir(), ...env } });
    const text = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => (text.stdout += String(chunk)));
    child.stderr.on('data', (chunk) => (text.stderr += String(chunk)));
    child.once('error', fail);
    child.once('close', (exit) => succeed({ exit, ...text }));
  });
}

const script = (name: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  run(join(SCRIPTS, name), args, { KUBECONFIG: world.sandbox.kubeconfig, ...env });

const create = (args: readonly string[], env?: Readonly<Record<string, string>>) =>
  script('create-cronjob-crd.sh', args, env);

const remove = (args: readonly string[], env?: Readonly<Record<string, string>>) =>
  script('delete-workload-crd.sh', args, env);

async function get(name: string): Promise<any> {
  const { status, body } = await world.sandbox.api.request('GET', `${COLLECTION}/${name}`);
  return status === 200 ? body : undefined;
}

/** A PATH on which there is everything but kubectl. */
async function pathWithout(): Promise<string> {
  const path = join(folder, 'bin');
  await mkdir(path);
  for (const tool of ['cat', 'grep', 'sed', 'tr']) {
    const { stdout } = await run('sh', ['-c', `command -v ${tool}`], {});
    await symlink(stdout.trim(), join(path, tool));
  }
  return path;
}

async function closedServer(): Promise<string> {
  const file = join(folder, 'closed');
  const text = await readFile(world.sandbox.kubeconfig, 'utf8');
  await writeFile(file, text.replace(world.sandbox.server, 'https://127.0.0.1:9'));
  return file;
}

describe('before the definitions are there', () => {
  it('both scripts say what the API says and exit 1', async () => {
    const created = await create(['--name', 'early']);
    expect(created.exit).toBe(1);
    expect(created.stderr).toContain('no matches for kind "WorkloadCronJob"');
    const deleted = await remove(['--name', 'early', '--kind', 'WorkloadCronJob']);
    expect(deleted.exit).toBe(1);
    expect(deleted.stderr).toContain('was not deleted');
  });
});

describe('with the definitions', () => {
  beforeAll(async () => {
    await world.sandbox.api.apply(definitionsText());
    await eventually('the definitions are served', async () => {
      const { status } = await world.sandbox.api.request('GET', COLLECTION);
      return status === 200;
    });
  });

  it('create applies one WorkloadCronJob with the documented defaults, again and again', async () => {
    for (const args of [['--name=plain'], ['--name', 'plain']]) {
      const { exit, stdout, stderr } = await create(args);
      expect(exit, stderr).toBe(0);
      expect(stdout).toBe('');
      expect(stderr).toContain('workloadcronjob.highlander.plexobject.io/plain');
    }
    expect((await get('plain')).spec).toMatchObject({
      image: 'busybox:latest',
      schedule: '*/1 * * * *',
      restartPolicy: 'OnFailure',
      script: {
        shell: '/bin/sh',
        commands: ['echo "cron job $CRONJOB_NAME runs"', 'echo "on host $(hostname)"', 'sleep 15'],
      },
      env: { TEST_ENV: 'crd-value', CRD_DEFINED: 'true', CRONJOB_NAME: 'plain' },
      resources: { cpuRequest: '50m', memoryRequest: '32Mi', cpuLimit: '100m', memoryLimit: '64Mi' },
    });
  });

  it('create carries every value unchanged, whatever characters it has', async () => {
    const odd = `a "quoted" \\ back\\nslash, 'single', #no comment, $(no) \`command\`, {brace}: - [x]\t tab\nsecond line, ü €`;
    const args = ['--name', 'odd', '--image=registry.example:5000/a/b@sha256:0', '--shell', '/bin/bash'];
    const more = [
      '--schedule',
      '0 3 * * MON',
      '--restart-policy=Never',
      '--cpu-request',
      '1',
      '--cpu-limit=2',
    ];
    const sizes = ['--memory-request=1Gi', '--memory-limit', '2Gi', '--namespace', 'default'];
    const free = ['--command', odd, `--command=--flag=${odd}`, '--env', `ODD=${odd}`, '--env=TEST_ENV=mine'];
    const { exit, stderr } = await create([...args, ...more, ...sizes, ...free]);
    expect(exit, stderr).toBe(0);
    const { spec } = await get('odd');
    expect(spec).toMatchObject({
      image: 'registry.example:5000/a/b@sha256:0',
      schedule: '0 3 * * MON',
      restartPolicy: 'Never',
      resources: { cpuRequest: '1', memoryRequest: '1Gi', cpuLimit: '2', memoryLimit: '2Gi' },
    });
    expect(spec.script).toEqual({ shell: '/bin/bash', commands: [odd, `--flag=${odd}`] });
    expect(spec.env).toEqual({ ODD: odd, TEST_ENV: 'mine', CRD_DEFINED: 'true', CRONJOB_NAME: 'odd' });
  });

  it('create --dry-run prints the object and sends nothing', async () => {
    const { exit, stdout } = await create(['--name=unsent', '--dry-run'], { KUBECONFIG: '/nowhere' });
    expect(exit).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'WorkloadCronJob', metadata: { name: 'unsent' } });
    expect(await get('unsent')).toBeUndefined();
  });

  it.each([
    [[], '--name is required'],
    [['--name'], '--name needs a value'],
    [['--name='], '--name needs a value'],
    [['--name', '--namespace', 'x'], '--name needs a value'],
    [['--nmae', 'x'], 'unknown option: --nmae'],
    [['--nmae=x'], 'unknown option: --nmae'],
    [['x'], 'unexpected argument: x'],
    [['--name', 'X'], '--name must be lower case'],
    [['--name', 'x'.repeat(53)], 'at most 52'],
    [['--name', 'x\ny'], '--name must be lower case'],
    [['--name=x', '--namespace=a/b'], '--namespace must be'],
    [['--name=x', '--image=a b'], '--image must be'],
    [['--name=x', '--schedule=* * * *'], '--schedule must be'],
    [['--name=x', '--schedule=@sometimes'], '--schedule must be'],
    [['--name=x', '--restart-policy=Always'], '--restart-policy must be'],
    [['--name=x', '--cpu-limit=much'], '--cpu-limit must be'],
    [['--name=x', '--memory-request=-1'], '--memory-request must be'],
    [['--name=x', '--env', 'A'], '--env must be KEY=VALUE'],
    [['--name=x', '--env', '1A=x'], 'the key of --env'],
    [['--name=x', '--env=A=1', '--env=A=2'], '--env A is given twice'],
    [['--name=x', '--command', 'bell \u0007'], '--command contains a control character'],
  ])('create %j is wrong usage: exit 2, and nothing is sent', async (args, sentence) => {
    const { exit, stdout, stderr } = await create(args, { KUBECONFIG: '/nowhere' });
    expect(exit).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(sentence);
  });

  it.each([
    [['--kind=wlc'], '--name is required'],
    [['--name=x'], '--kind is required'],
    [['--name=x', '--kind=Pod'], '--kind must be WorkloadProcess'],
    [['--name=x', '--kind=wlc', '--force'], 'unknown option: --force'],
    [['--name=x', '--kind'], '--kind needs a value'],
    [['--name=X', '--kind=wlc'], '--name must be'],
    [['--name=x', '--kind=wlc', '--namespace=A'], '--namespace must be'],
  ])('delete %j is wrong usage: exit 2, and nothing is sent', async (args, sentence) => {
    const { exit, stderr } = await remove(args, { KUBECONFIG: '/nowhere' });
    expect(exit).toBe(2);
    expect(stderr).toContain(sentence);
  });

  it.each(['WorkloadCronJob', 'workloadcronjob', 'WORKLOADCRONJOBS', 'wlc', 'wcron'])(
    'delete --kind %s deletes; the second time it is not found: 3, or 0 with --ignore-not-found',
    async (kind) => {
      expect((await create(['--name=doomed'])).exit).toBe(0);
      const first = await remove(['--name', 'doomed', '--kind', kind]);
      expect(first.exit, first.stderr).toBe(0);
      expect(await get('doomed')).toBeUndefined();
      const second = await remove([`--kind=${kind}`, '--name=doomed']);
      expect(second.exit).toBe(3);
      expect(second.stderr).toContain('was not found in namespace default');
      expect((await remove(['--name=doomed', `--kind=${kind}`, '--ignore-not-found'])).exit).toBe(0);
    },
  );

  it.each([
    'WorkloadProcess',
    'wlp',
    'wproc',
    'WorkloadService',
    'wls',
    'wsvc',
    'WorkloadPersistent',
    'wlper',
    'wpers',
  ])('delete knows the kind %s', async (kind) => {
    expect((await remove(['--name=none', `--kind=${kind}`])).exit).toBe(3);
  });

  it('what the API refuses ends with 1', async () => {
    const created = await create(['--name=refused'], { KUBECONFIG: powerless });
    expect(created.exit).toBe(1);
    expect(created.stderr).toContain('cannot get resource "workloadcronjobs"');
    expect((await create(['--name=lost', '--namespace=nowhere'])).exit).toBe(1);
    expect((await remove(['--name=plain', '--kind=wlc'], { KUBECONFIG: powerless })).exit).toBe(1);
    expect(await get('plain')).toBeDefined();
  });

  it('without kubectl, or without a cluster that answers, both end with 4', async () => {
    const [path, closed] = [await pathWithout(), await closedServer()];
    for (const env of [{ PATH: path }, { KUBECONFIG: closed }]) {
      const created = await create(['--name=x'], env);
      expect(created.exit, created.stderr).toBe(4);
      const deleted = await remove(['--name=x', '--kind=wlc'], env);
      expect(deleted.exit, deleted.stderr).toBe(4);
    }
  });

  it('--help explains the exit codes on stdout', async () => {
    for (const { exit, stdout } of [await create(['--help']), await remove(['--help'])]) {
      expect(exit).toBe(0);
      expect(stdout).toContain('Exit codes: 0 done');
    }
  });
});

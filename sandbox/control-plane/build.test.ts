import { mkdtemp, readFile, readlink, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { buildControlPlane } from './build.ts';

const release = { kubernetes: '1.36.3', etcd: '3.6.8', arch: 'amd64' };
let root: string;
let into: string;
let printed: string[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'build-'));
  into = await mkdtemp(join(root, 'into-'));
  printed = [];
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true });
});

/** Builds with this script as `go build`, by a Go that calls itself `version`. */
async function build(version: string, script: string): Promise<void> {
  const text = `#!/bin/sh\nif [ "$1" = env ]; then echo ${version}; exit; fi\n${script}\n`;
  await writeFile(join(root, 'go'), text, { mode: 0o755 });
  vi.stubEnv('PATH', root + delimiter + (process.env['PATH'] ?? ''));
  const progress = { line: (line: string) => void printed.push(line), moving: () => {} };
  await buildControlPlane(release, into, progress, AbortSignal.timeout(10_000));
}

const WRITE_OUTPUT = 'while [ "$1" != -o ]; do shift; done; echo binary >"$2"';

test('the binary is linked to the name of each program', async () => {
  await build('go1.26.0', WRITE_OUTPUT);
  const names = (await readdir(into)).toSorted((a, b) => a.localeCompare(b));
  expect(names).toEqual([
    'controlplane',
    'etcd',
    'kube-apiserver',
    'kube-controller-manager',
    'kube-scheduler',
  ]);
  expect(await readlink(join(into, 'etcd'))).toBe('controlplane');
});

test('how long it may take is said before it starts', async () => {
  await build('go1.27.1', WRITE_OUTPUT);
  expect(printed[0]).toContain('with go1.27.1: about 5 minutes the first time');
});

test('the binary says the version of Kubernetes that it is', async () => {
  const log = join(root, 'arguments');
  await build('go1.26.0', `echo "$*" >'${log}'; ${WRITE_OUTPUT}`);
  expect(await readFile(log, 'utf8')).toMatch(/gitVersion=v1\.36\.3 .*gitMajor=1 .*gitMinor=36 /);
});

test('a Go that is too old is refused before anything is built', async () => {
  await expect(build('go1.25.9', 'exit 1')).rejects.toThrow('go1.25.9 is older than go1.26');
  expect(printed).toEqual([]);
});

test('the first complaint of the compiler is the reason', async () => {
  const script = 'printf "k8s.io/api/core/v1\\n# k8s.io/api\\nx.go:1: broken\\nx.go:2: too\\n" >&2; exit 1';
  await expect(build('go1.26.0', script)).rejects.toThrow(/^go build failed: x.go:1: broken$/);
});

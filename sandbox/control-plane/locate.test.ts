import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { COMPONENTS } from './component.ts';
import { cacheFolder, downloadBases, locateControlPlane } from './locate.ts';
import type { Source } from './locate.ts';
import { keyOf } from './release.ts';

const release = { kubernetes: '1.2.3', etcd: '4.5.6', arch: 'amd64' };
let root: string;
let asked: string[];
let printed: string[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'locate-'));
  asked = [];
  printed = [];
});

afterEach(() => rm(root, { recursive: true }));

async function fill(dir: string, names: readonly string[] = COMPONENTS): Promise<string> {
  await mkdir(dir, { recursive: true });
  for (const name of names) {
    await writeFile(join(dir, name), '');
    await chmod(join(dir, name), 0o755);
  }
  return dir;
}

function source(name: string, act: Source): { name: string; fill: Source } {
  return {
    name,
    fill: (...args) => {
      asked.push(name);
      return act(...args);
    },
  };
}
const brings = (name: string) => source(name, async (dir) => void (await fill(dir)));
const fails = (name: string, why: string) => source(name, () => Promise.reject(new Error(why)));

function locate(env: NodeJS.ProcessEnv, sources = [brings('the download')]): Promise<string> {
  const progress = { line: (text: string) => void printed.push(text), moving: () => {} };
  const options = { env: { HIGHLANDER_CACHE: join(root, 'cache'), ...env }, release, sources, progress };
  return locateControlPlane(options, AbortSignal.timeout(10_000));
}

const cached = (): string => join(root, 'cache', 'control-plane', keyOf(release));

test('HIGHLANDER_CONTROL_PLANE comes before everything else', async () => {
  const own = await fill(join(root, 'own'));
  const assets = await fill(join(root, 'assets'));
  await fill(cached());
  expect(await locate({ HIGHLANDER_CONTROL_PLANE: own, KUBEBUILDER_ASSETS: assets })).toBe(own);
});

test('KUBEBUILDER_ASSETS comes before the cache', async () => {
  const assets = await fill(join(root, 'assets'));
  await fill(cached());
  expect(await locate({ KUBEBUILDER_ASSETS: assets })).toBe(assets);
});

test('a folder without all four programs is said and passed over', async () => {
  const assets = await fill(join(root, 'assets'), ['etcd', 'kube-apiserver']);
  await fill(cached());
  expect(await locate({ KUBEBUILDER_ASSETS: assets })).toBe(cached());
  expect(printed.join()).toContain('no executable kube-controller-manager');
});

test('the cache comes before any source', async () => {
  await fill(cached());
  expect(await locate({})).toBe(cached());
  expect(asked).toEqual([]);
});

test('the first source that works fills the cache, for the next time too', async () => {
  const sources = [fails('the download', 'no network'), brings('the build')];
  expect(await locate({}, sources)).toBe(cached());
  expect(await locate({}, sources)).toBe(cached());
  expect(asked).toEqual(['the download', 'the build']);
});

test('a source that brings too little counts as failed and leaves nothing behind', async () => {
  const half = source('half', async (dir) => void (await fill(dir, ['etcd'])));
  await expect(locate({}, [half])).rejects.toThrow('half failed (it brought no executable kube-apiserver)');
  expect(await readdir(join(root, 'cache', 'control-plane'))).toEqual([`${keyOf(release)}.lock`]);
});

test('what a dead process left half-filled is removed', async () => {
  await fill(`${cached()}.new-dead00`, ['etcd']);
  await locate({});
  const left = await readdir(join(root, 'cache', 'control-plane'));
  expect(left.toSorted((a, b) => a.localeCompare(b))).toEqual([keyOf(release), `${keyOf(release)}.lock`]);
});

test('when nothing works one sentence names everything that was tried', async () => {
  const env = { HIGHLANDER_CONTROL_PLANE: '/nowhere' };
  const attempt = locate(env, [
    fails('the download', 'https://example.test: ENOTFOUND'),
    fails('the build', 'go is not on PATH'),
  ]);
  await expect(attempt).rejects.toThrow(
    new Error(
      `no control plane: HIGHLANDER_CONTROL_PLANE=/nowhere has no executable etcd; KUBEBUILDER_ASSETS is not set; ` +
        `the cache ${cached()} is empty; the download failed (https://example.test: ENOTFOUND); ` +
        `the build failed (go is not on PATH)`,
    ),
  );
});

test('a cache that cannot be written is part of that sentence', async () => {
  await writeFile(join(root, 'file'), '');
  await expect(locate({ HIGHLANDER_CACHE: join(root, 'file') })).rejects.toThrow(
    'the cache cannot be written',
  );
});

test('two at once fill the cache once', async () => {
  const [first, second] = await Promise.all([locate({}), locate({})]);
  expect([first, second, asked.length]).toEqual([cached(), cached(), 1]);
});

test('the cache folder is HIGHLANDER_CACHE, else under XDG_CACHE_HOME, else under the home; empty is unset', () => {
  expect(cacheFolder({ HIGHLANDER_CACHE: '/a', XDG_CACHE_HOME: '/b' })).toBe('/a');
  expect(cacheFolder({ HIGHLANDER_CACHE: '', XDG_CACHE_HOME: '/b' })).toBe('/b/k8-highlander');
  expect(cacheFolder({ XDG_CACHE_HOME: '' })).toMatch(/\/\.cache\/k8-highlander$/);
});

test('download addresses can be replaced, with or without a final slash', () => {
  expect(downloadBases({ HIGHLANDER_KUBERNETES_DOWNLOAD: 'http://mirror/k/' })).toEqual({
    kubernetes: 'http://mirror/k',
    etcd: 'https://github.com/etcd-io/etcd/releases/download',
  });
});

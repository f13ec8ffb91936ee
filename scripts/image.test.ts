/** What the Dockerfile puts into the image, put into a folder: it runs without anything else of the repository. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const lines = readFileSync(join(ROOT, 'Dockerfile'), 'utf8').split('\n');
let folder: string;

interface Locked {
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'k8-highlander-image-'));
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>;
  };
  const isProduction = ([path, { dev, optional, devOptional }]: readonly [string, Locked]): boolean =>
    path.startsWith('node_modules/') && dev !== true && optional !== true && devOptional !== true;
  for (const [path] of Object.entries(lock.packages).filter(isProduction))
    await cp(join(ROOT, path), join(folder, path), { recursive: true });
  for (const source of copied())
    await cp(join(ROOT, source), join(folder, source), {
      recursive: true,
      filter: (path) => !path.endsWith('.test.ts'),
    });
}, 60_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

/** What comes from the repository into the last stage. */
function copied(): readonly string[] {
  return lines
    .slice(lines.findLastIndex((line) => line.startsWith('FROM ')))
    .flatMap((line) => /^COPY (?!--)(.+) \S+$/.exec(line)?.[1]?.split(' ') ?? []);
}

/** The entrypoint of the image with this Node, in the folder. */
async function run(...args: readonly string[]): Promise<string> {
  const text = lines.find((line) => line.startsWith('ENTRYPOINT '))?.slice('ENTRYPOINT '.length) ?? '[]';
  const [, ...entry] = JSON.parse(text) as string[];
  const inFolder = entry.map((part) => part.replace(/^\/app/, folder));
  const { stdout } = await promisify(execFile)(process.execPath, [...inFolder, ...args], {
    env: { HOME: folder },
    cwd: folder,
  });
  return stdout;
}

it('everything that the Dockerfile copies is there', () => {
  expect(copied()).toEqual(['package.json', 'src']);
  for (const source of copied()) expect(existsSync(join(ROOT, source)), source).toBe(true);
});

it('the image runs Node with the flags of the launcher', () => {
  const [, flags] = /^flags='(.+)'$/m.exec(readFileSync(join(ROOT, 'bin/k8-highlander'), 'utf8')) ?? [];
  const entry = JSON.parse(
    lines.find((line) => line.startsWith('ENTRYPOINT '))?.slice(11) ?? '[]',
  ) as string[];
  expect(entry.slice(1, -1)).toEqual(flags?.split(' '));
  // Without it, `adapters/idle-collection.ts` gives nothing back.
  expect(entry).toContain('--expose-gc');
});

it('the image holds what the controller and its commands need', { timeout: 90_000 }, async () => {
  expect(await run('--version')).toContain('K8 Highlander');
  expect(await run('run', '--print-config')).toContain('storageType: "lease"');
  await run('validate', '-f', join(ROOT, 'config/config.yaml'));
  await expect(run('uninstall', '--kubeconfig', 'none')).rejects.toMatchObject({ code: 4 });
});

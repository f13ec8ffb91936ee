/** Builds the control plane with the Go toolchain: one binary that is each of the four programs by name. */
import { execFile } from 'node:child_process';
import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { ended, spawnBound } from '../bound-process.ts';
import type { Progress } from '../progress.ts';
import { codeOf, reasonOf } from '../reason.ts';
import { COMPONENTS } from './component.ts';
import { MODULE_DIR } from './release.ts';
import type { Release } from './release.ts';

const BINARY = 'controlplane';
const MINIMUM_GO = [1, 26] as const;

/** Go's own words for its version, if it is new enough. */
async function findGo(signal: AbortSignal): Promise<string> {
  const run = promisify(execFile);
  const { stdout } = await run('go', ['env', 'GOVERSION'], { cwd: MODULE_DIR, signal }).catch(
    (error: unknown) => {
      throw new Error(
        codeOf(error) === 'ENOENT' ? 'go is not on PATH' : `go does not run: ${firstLine(reasonOf(error))}`,
      );
    },
  );
  const version = stdout.trim();
  const [major = 0, minor = 0] = version.replace(/^go/, '').split('.').map(Number);
  if (major < MINIMUM_GO[0] || (major === MINIMUM_GO[0] && minor < MINIMUM_GO[1]))
    throw new Error(`${version} is older than go${MINIMUM_GO.join('.')}`);
  return version;
}

/**
 * Builds into `dir`, which must exist.
 *
 * @throws Error with the reason in a few words: no Go, too old, or the compiler's first complaint.
 */
export async function buildControlPlane(
  release: Release,
  dir: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const go = await findGo(signal);
  progress.line(
    `building the control plane (Kubernetes ${release.kubernetes}) with ${go}: about 5 minutes the first time, then it is cached`,
  );
  const [major = '', minor = ''] = release.kubernetes.split('.');
  const stamp = 'k8s.io/component-base/version';
  const linked = [
    '-s -w',
    `-X ${stamp}.gitVersion=v${release.kubernetes}`,
    `-X ${stamp}.gitMajor=${major}`,
    `-X ${stamp}.gitMinor=${minor}`,
  ].join(' ');
  const child = spawnBound(
    'go',
    ['build', '-v', '-trimpath', '-ldflags', linked, '-o', join(dir, BINARY), '.'],
    {
      cwd: MODULE_DIR,
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const onAbort = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', onAbort, { once: true });
  const started = performance.now();
  let compiled = 0;
  let latest = '';
  const complaints: string[] = [];
  const seconds = (): number => Math.round((performance.now() - started) / 1000);
  const show = (): void =>
    progress.moving(`building: ${seconds()} s, ${compiled} packages compiled ${latest}`);
  const timer = setInterval(show, 1000);
  // With -v, go names each package that it compiles; what is neither that nor a download is a complaint.
  const lines = createInterface({ input: child.stderr ?? process.stdin });
  lines.on('line', (line) => {
    if (/^[\w.-]+(\/[\w.~-]+)*$/.test(line)) {
      compiled += 1;
      latest = line;
    } else if (line.startsWith('go: downloading ')) latest = line.slice('go: '.length);
    else if (!line.startsWith('#')) complaints.push(line);
  });
  try {
    await ended(child);
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', onAbort);
    lines.close();
  }
  signal.throwIfAborted();
  if (child.exitCode !== 0) {
    await rm(join(dir, BINARY), { force: true });
    throw new Error(`go build failed: ${complaints[0] ?? `exit code ${child.exitCode}`}`);
  }
  progress.line(`built the control plane in ${seconds()} s`);
  await Promise.all(COMPONENTS.map((name) => symlink(BINARY, join(dir, name))));
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text;
}

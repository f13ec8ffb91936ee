/**
 * The linter that `promtool check metrics` runs, built with Go from `test/promlint` into the cache, once. Without Go there
 * is `metric-lint.ts`, which knows the same rules.
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, constants, mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { cacheFolder } from '../sandbox/control-plane/locate.ts';
import { codeOf, reasonOf } from '../sandbox/reason.ts';

const MODULE = join(import.meta.dirname, 'promlint');

/** What is wrong with metrics in the text format, as `name: fault`. */
export type Promlint = (metrics: string) => Promise<readonly string[]>;

/** The linter, or why there is none. */
export async function openPromlint(): Promise<Promlint | { readonly missing: string }> {
  const sources = await Promise.all(['main.go', 'go.sum'].map((name) => readFile(join(MODULE, name))));
  const key = createHash('sha256').update(Buffer.concat(sources)).digest('hex').slice(0, 16);
  const folder = join(cacheFolder(process.env), 'promlint');
  const program = join(folder, key);
  const isThere = await access(program, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    await mkdir(folder, { recursive: true });
    const missing = await build(`${program}.${process.pid}`);
    if (missing !== undefined) return { missing };
    await rename(`${program}.${process.pid}`, program);
  }
  return (metrics) => lint(program, metrics);
}

/** Why it could not be built. */
async function build(file: string): Promise<string | undefined> {
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' };
  try {
    await promisify(execFile)('go', ['build', '-trimpath', '-o', file, '.'], { cwd: MODULE, env });
    return undefined;
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? 'go is not on PATH' : `go build failed: ${reasonOf(error)}`;
  }
}

async function lint(program: string, metrics: string): Promise<readonly string[]> {
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  child.stdin.end(metrics);
  const [found, complaint] = await Promise.all([readAll(child.stdout), readAll(child.stderr)]);
  if ((await ended) !== 0) throw new Error(complaint.trim());
  return found.split('\n').filter((line) => line !== '');
}

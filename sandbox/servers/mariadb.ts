/** A real MariaDB on a loopback port, with a data folder of its own, for tests and demos to break. */
import type { ChildProcess } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ended, signalGroup, spawnBound } from '../bound-process.ts';
import { freePorts } from '../free-port.ts';
import { dataFolder, locateProgram, serverUser, type Program, type Surroundings } from './programs.ts';

/** A running server with a database `test` and a user `root` without a password. It dies with the thread that started it. */
export interface MariadbServer {
  readonly port: number;
  /** `host:port`. */
  readonly address: string;
  /** SIGSTOP: sockets stay open, nothing answers. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Kills it if it runs and starts it again on the same port, with its data. `args` replace those it had. */
  restart(args?: readonly string[]): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

const READY_DEADLINE_MS = 20_000;

/**
 * Starts a server and waits until it greets. `args` are options of mariadbd, e.g. `['--max-connections=1']`.
 *
 * @throws Error of one sentence when there is no server program or it does not come up within twenty seconds.
 */
export async function startMariadb(
  surroundings: Surroundings,
  signal: AbortSignal,
  args: readonly string[] = [],
): Promise<MariadbServer> {
  const program = await locateProgram(
    {
      names: ['mariadbd'],
      packages: ['mariadb-server-core', 'libaio1', 'libnuma1', 'liburing2', 'libssl3'],
      folder: 'usr/sbin',
    },
    surroundings,
    signal,
  );
  const [port = 0] = await freePorts(1);
  const data = await dataFolder('mariadb');
  let child: ChildProcess | undefined;
  let options = args;

  const kill = async (): Promise<void> => {
    if (child === undefined) return;
    signalGroup(child, 'SIGKILL');
    await ended(child);
    child = undefined;
  };
  const stop = async (): Promise<void> => {
    await kill();
    await rm(data, { recursive: true, force: true });
  };
  try {
    await bootstrap(program, data);
    const start = async (): Promise<void> => {
      const where = [
        '--bind-address=127.0.0.1',
        `--port=${port}`,
        `--socket=${data}/s`,
        `--pid-file=${data}/p`,
      ];
      child = launch(program, data, [...where, '--skip-name-resolve', ...options], 'ignore');
      await greets(child, port, signal);
    };
    await start();
    return {
      port,
      address: `127.0.0.1:${port}`,
      pause: () => child && signalGroup(child, 'SIGSTOP'),
      resume: () => child && signalGroup(child, 'SIGCONT'),
      kill,
      restart: async (next = options) => {
        await kill();
        options = next;
        await start();
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function launch(
  program: Program,
  data: string,
  args: readonly string[],
  stdin: 'ignore' | 'pipe',
): ChildProcess {
  const usr = dirname(dirname(program.path));
  const messages = join(usr, 'share/mysql');
  const common = [
    '--no-defaults',
    `--basedir=${usr}`,
    `--datadir=${data}`,
    `--lc-messages-dir=${messages}`,
    `--character-sets-dir=${messages}/charsets`,
    '--innodb-log-file-size=8M',
    '--innodb-buffer-pool-size=32M',
    '--innodb-flush-log-at-trx-commit=0',
  ];
  const uid = serverUser();
  return spawnBound(program.path, [...common, ...args], {
    cwd: '/',
    env: { ...program.env, LC_ALL: 'C' },
    stdio: [stdin, 'ignore', 'ignore'],
    ...(uid !== undefined && { uid }),
  });
}

/** Makes the system tables, as mariadb-install-db does. In this mode each line is a statement. */
async function bootstrap(program: Program, data: string): Promise<void> {
  const scripts = join(dirname(dirname(program.path)), 'share/mysql');
  const parts = ['mysql_system_tables', 'mysql_performance_tables', 'mysql_system_tables_data'];
  const texts = await Promise.all(parts.map((part) => readFile(join(scripts, `${part}.sql`), 'utf8')));
  const before = ['create database mysql;', 'use mysql;', 'set @auth_root_socket=NULL;'];
  const lines = [...before, 'set @skip_auth_anonymous=1;', ...texts, 'create database test;', ''];
  const child = launch(program, data, ['--bootstrap'], 'pipe');
  child.stdin?.on('error', () => {}); // it ended early, which its exit code tells
  child.stdin?.end(lines.join('\n'));
  await ended(child);
  if (child.exitCode !== 0)
    throw new Error(`mariadbd --bootstrap ended with ${child.exitCode ?? child.signalCode}`);
}

async function greets(child: ChildProcess, port: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + READY_DEADLINE_MS;
  while (!(await isGreeted(port))) {
    signal.throwIfAborted();
    if (child.exitCode !== null) throw new Error(`mariadbd ended with exit code ${child.exitCode}`);
    if (performance.now() > deadline) throw new Error('mariadbd did not answer within twenty seconds');
    await sleep(30, undefined, { signal });
  }
}

/** The server speaks first; an error packet (too many connections) is an answer, too. */
function isGreeted(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1_000 });
    const finish = (isUp: boolean): void => {
      socket.destroy();
      resolve(isUp);
    };
    socket.once('data', () => finish(true));
    socket.once('timeout', () => finish(false));
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
  });
}

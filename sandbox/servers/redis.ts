/** A real Redis (or Valkey) on a loopback port, with an empty data folder of its own, for tests and demos to break. */
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ended, signalGroup, spawnBound } from '../bound-process.ts';
import { freePorts } from '../free-port.ts';
import { locateProgram, type Surroundings } from './programs.ts';

/** A running server. It dies with the thread that started it. */
export interface RedisServer {
  readonly port: number;
  /** `host:port`. */
  readonly address: string;
  /** SIGSTOP: sockets stay open, nothing answers. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Kills it if it runs and starts it again on the same port: without persistence it comes back empty. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

const READY_DEADLINE_MS = 10_000;

/**
 * Starts a server and waits until it answers. `args` are options of redis-server, e.g. `['--requirepass', 'secret']`;
 * persistence is off unless they turn it on.
 *
 * @throws Error of one sentence when there is no server program or it does not come up within ten seconds.
 */
export async function startRedis(
  surroundings: Surroundings,
  signal: AbortSignal,
  args: readonly string[] = [],
): Promise<RedisServer> {
  const program = await locateProgram(
    {
      names: ['redis-server', 'valkey-server'],
      packages: ['redis-server', 'redis-tools', 'libatomic1', 'libjemalloc2', 'liblzf1', 'libssl3'],
      folder: 'usr/bin',
    },
    surroundings,
    signal,
  );
  const [port = 0] = await freePorts(1);
  const data = await mkdtemp(join(tmpdir(), 'k8-highlander-redis-'));
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', data];
  const persistence = ['--save', '', '--appendonly', 'no'];
  let child: ChildProcess | undefined;

  const kill = async (): Promise<void> => {
    if (child === undefined) return;
    signalGroup(child, 'SIGKILL');
    await ended(child);
    child = undefined;
  };
  const start = async (): Promise<void> => {
    child = spawnBound(program.path, [...options, ...persistence, ...args], {
      cwd: data,
      env: { ...program.env, LC_ALL: 'C' },
      stdio: 'ignore',
    });
    await answers(child, port, signal);
  };
  const stop = async (): Promise<void> => {
    await kill();
    await rm(data, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    address: `127.0.0.1:${port}`,
    pause: () => child && signalGroup(child, 'SIGSTOP'),
    resume: () => child && signalGroup(child, 'SIGCONT'),
    kill,
    restart: async () => {
      await kill();
      await start();
    },
    stop,
  };
}

/** Any reply to PING will do: a server that asks for a password is up too. */
async function answers(child: ChildProcess, port: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + READY_DEADLINE_MS;
  while (!(await ping(port))) {
    signal.throwIfAborted();
    if (child.exitCode !== null) throw new Error(`redis-server ended with exit code ${child.exitCode}`);
    if (performance.now() > deadline) throw new Error('redis-server did not answer within ten seconds');
    await sleep(20, undefined, { signal });
  }
}

function ping(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1_000 });
    const finish = (isUp: boolean): void => {
      socket.destroy();
      resolve(isUp);
    };
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (reply) => finish(/^(?:\+PONG|-NOAUTH)/.test(reply.toString())));
    socket.once('timeout', () => finish(false));
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
  });
}

/** A real Redis (or Valkey) or Sentinel on a loopback port, with an empty data folder of its own, for tests and demos to break. */
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
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

/** How a server is started, and what it speaks on its port. */
interface Start {
  readonly isTls?: boolean;
  readonly args: readonly string[];
  /** The lines of a configuration file, which the server may rewrite. */
  readonly config?: readonly string[];
}

/** A certificate for a server that speaks nothing but TLS: paths of PEM files. */
export interface ServerTls {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

/** Starts a server on which only TLS is spoken, without asking clients for a certificate. See `startRedis`. */
export function startTlsRedis(
  surroundings: Surroundings,
  signal: AbortSignal,
  { certFile, keyFile, caFile }: ServerTls,
): Promise<RedisServer> {
  const files = ['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', caFile];
  return start(surroundings, signal, (port) => ({
    isTls: true,
    args: ['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no', ...files, ...IN_MEMORY],
  }));
}

/**
 * Starts a Sentinel that watches the master under the name given and declares it dead after half a second without an
 * answer; one is enough to begin a failover. See `startRedis`.
 */
export function startSentinel(
  surroundings: Surroundings,
  signal: AbortSignal,
  masterName: string,
  master: RedisServer,
): Promise<RedisServer> {
  return start(surroundings, signal, (port) => ({
    args: ['--sentinel', '--port', String(port)],
    config: [
      `sentinel monitor ${masterName} 127.0.0.1 ${master.port} 1`,
      `sentinel down-after-milliseconds ${masterName} 500`,
      `sentinel failover-timeout ${masterName} 3000`,
    ],
  }));
}

const IN_MEMORY = ['--save', '', '--appendonly', 'no'];

/**
 * Starts a server and waits until it answers. `args` are options of redis-server, e.g. `['--requirepass', 'secret']`;
 * persistence is off unless they turn it on.
 *
 * @throws Error of one sentence when there is no server program or it does not come up within ten seconds.
 */
export function startRedis(
  surroundings: Surroundings,
  signal: AbortSignal,
  args: readonly string[] = [],
): Promise<RedisServer> {
  return start(surroundings, signal, (port) => ({ args: ['--port', String(port), ...IN_MEMORY, ...args] }));
}

async function start(
  surroundings: Surroundings,
  signal: AbortSignal,
  describe: (port: number) => Start,
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
  const { args, config = [], isTls = false } = describe(port);
  const options = ['--bind', '127.0.0.1', '--dir', data, ...args];
  const file = join(data, 'server.conf');
  await writeFile(file, `${config.join('\n')}\n`);
  let child: ChildProcess | undefined;

  const kill = async (): Promise<void> => {
    if (child === undefined) return;
    signalGroup(child, 'SIGKILL');
    await ended(child);
    child = undefined;
  };
  const launch = async (): Promise<void> => {
    child = spawnBound(program.path, [file, ...options], {
      cwd: data,
      env: { ...program.env, LC_ALL: 'C' },
      stdio: 'ignore',
    });
    await answers(child, port, isTls, signal);
  };
  const stop = async (): Promise<void> => {
    await kill();
    await rm(data, { recursive: true, force: true });
  };
  try {
    await launch();
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
      await launch();
    },
    stop,
  };
}

/** Any reply to PING will do: a server that asks for a password is up too, and one that speaks TLS closes the connection. */
async function answers(
  child: ChildProcess,
  port: number,
  isTls: boolean,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + READY_DEADLINE_MS;
  while (!(await ping(port, isTls))) {
    signal.throwIfAborted();
    if (child.exitCode !== null) throw new Error(`redis-server ended with exit code ${child.exitCode}`);
    if (performance.now() > deadline) throw new Error('redis-server did not answer within ten seconds');
    await sleep(20, undefined, { signal });
  }
}

function ping(port: number, isTls: boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1_000 });
    const finish = (isUp: boolean): void => {
      socket.destroy();
      resolve(isUp);
    };
    let isOpen = false;
    socket.once('connect', () => {
      isOpen = true;
      socket.write('PING\r\n');
    });
    socket.once('data', (reply) => finish(/^(?:\+PONG|-NOAUTH)/.test(reply.toString())));
    socket.once('timeout', () => finish(false));
    socket.once('error', () => finish(isOpen && isTls));
    socket.once('close', () => finish(isOpen && isTls));
  });
}

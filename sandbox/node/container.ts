/**
 * One container: a process tree that can be signalled and killed whole, and that ends with this process.
 *
 * With a PID namespace (pid_namespaces(7)) a small init, process 1 of the namespace, starts the command and waits for
 * it; when init ends, the kernel kills whatever is left in the namespace, at any depth and in any session, and only then
 * lets init's parent see it end. So the end of a container proves that nothing of it is alive. unshare(1) dies with us
 * (PR_SET_PDEATHSIG) and init dies with unshare (--kill-child), whatever killed us.
 *
 * Where namespaces are not allowed a process group takes its place: a process that makes itself a session of its own
 * then escapes. `isolation` says which one holds.
 *
 * SIGTERM goes to every process of the tree but the init, as in a pod whose containers run under an init such as tini:
 * a command without a handler dies of it at once, unlike a bare process 1.
 */
import { execFile } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';

import { SECOND } from '../../src/core/time.ts';
import type { Duration } from '../../src/core/time.ts';
import { spawnBound } from '../bound-process.ts';
import { codeOf } from '../reason.ts';
import type { Exit } from './container-record.ts';

/** What keeps a container's processes together. */
export type Isolation = 'pid-namespace' | 'user-and-pid-namespace' | 'process-group';

export interface Launch {
  readonly argv: readonly string[];
  /** Complete: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Must exist. */
  readonly cwd: string;
  /** Output is appended here; dropped when absent. */
  readonly log?: string;
}

export interface Container {
  /** Process id of the command as this process sees it; 0 where there is no process. */
  readonly pid: number;
  /** Resolves when every process of the tree is gone (with a process group: when the command is gone). */
  readonly exited: Promise<Exit>;
  /** SIGTERM now, SIGKILL after `grace`; 0 kills at once. A further call may only shorten the grace. */
  terminate(grace: Duration): void;
}

/** Starts containers. */
export interface ContainerRuntime {
  readonly isolation: Isolation | 'none';
  /** Resolves when the command has been handed to the kernel. Throws when that was not possible. */
  start(launch: Launch): Promise<Container>;
}

/** How long a killed process group may take to be gone before its end is taken for granted. */
const GROUP_END: Duration = 5 * SECOND;

const UNSHARE: Readonly<Record<Isolation, readonly string[]>> = {
  'pid-namespace': ['unshare', '--pid', '--fork', '--kill-child', '--'],
  'user-and-pid-namespace': [
    'unshare',
    '--user',
    '--map-current-user',
    '--pid',
    '--fork',
    '--kill-child',
    '--',
  ],
  'process-group': [],
};

/**
 * SIGTERM, which comes once at most, interrupts `wait` with 143, also when the command ended in that moment: then its
 * own code is still to be had. It is not (127) when 143 was that code. The names of variables are unlikely on purpose: one
 * that the command's environment has would be changed there too.
 */
const AWAIT_MAIN = `
wait $_s_main; _s_code=$?
if [ "$_s_told $_s_code" = "1 143" ]; then wait $_s_main; _s_own=$?; [ $_s_own = 127 ] || _s_code=$_s_own; fi
exit $_s_code`;

/**
 * Tells us on descriptor 3 its own process id and that of the command (the shell opens /proc of our own namespace, so
 * both are ours to use), then waits for the command through any SIGTERM. `kill -1` reaches every process of the
 * namespace but its sender.
 */
const NAMESPACE_INIT = `
trap '_s_told=1; kill -TERM -1' TERM
read -r _s_init _s_rest </proc/self/stat
(read -r _s_main _s_rest </proc/self/stat; echo "$_s_init $_s_main" >&3; exec 3>&-; exec "$@") & _s_main=$!
exec 3>&-${AWAIT_MAIN}`;

/**
 * The same for a process group. Descriptor 4 ends with our process; then the group kills itself. Descriptor 3 stays open
 * in the command and what it starts, so that its end tells when they are gone.
 */
const GROUP_INIT = `
trap _s_told=1 TERM
"$@" 4<&- & _s_main=$!
(trap '' TERM; exec 3>&-; read -r _ <&4; kill -KILL 0) &
exec 4<&-
echo "$$ $_s_main" >&3; exec 3>&-${AWAIT_MAIN}`;

/** Finds the strongest isolation this user may have. */
export async function detectIsolation(): Promise<Isolation> {
  for (const isolation of ['pid-namespace', 'user-and-pid-namespace'] as const) {
    const [program = '', ...args] = UNSHARE[isolation];
    const allowed = await promisify(execFile)(program, [...args, 'true']).then(
      () => true,
      () => false,
    );
    if (allowed) return isolation;
  }
  return 'process-group';
}

export function processRuntime(isolation: Isolation): ContainerRuntime {
  return { isolation, start: (launch) => startProcess(isolation, launch) };
}

async function startProcess(isolation: Isolation, launch: Launch): Promise<Container> {
  const script = isolation === 'process-group' ? GROUP_INIT : NAMESPACE_INIT;
  const [program = '', ...args] = [...UNSHARE[isolation], 'sh', '-c', script, 'init', ...launch.argv];
  const output = launch.log === undefined ? 'ignore' : openSync(launch.log, 'a', 0o600);
  let child: ChildProcess;
  try {
    child = spawnBound(program, args, {
      cwd: launch.cwd,
      env: launch.env,
      stdio: ['ignore', output, output, 'pipe', 'pipe'],
    });
  } finally {
    if (typeof output === 'number') closeSync(output);
  }
  const ended = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve(exitOf(code, signal)));
    child.once('error', () => resolve({ exitCode: 128 }));
  });
  const report = child.stdio[3];
  if (!(report instanceof Readable)) throw new Error('no pipe to the process');
  const closed = new Promise<void>((resolve) => report.once('close', resolve));
  const line = await firstLine(report);
  const [init = 0, pid = 0] = line.split(' ').map(Number);
  if (init === 0 || pid === 0) {
    const { exitCode } = await ended;
    throw new Error(`the container's process could not be started (exit code ${exitCode})`);
  }
  const group = isolation === 'process-group';
  const exited = ended.then(async (exit) => {
    // The command is gone; what it left behind in its group goes too. A namespace has already been emptied.
    if (group) {
      send(-init, 'SIGKILL');
      await Promise.race([closed, setTimeout(GROUP_END, undefined, { ref: false })]);
    }
    child.stdio[4]?.destroy();
    return exit;
  });
  return stoppable(pid, exited, (signal) => send(group ? -init : init, signal));
}

/** The text up to the first newline, or to the end of the stream; reads on so that its end is noticed. */
function firstLine(stream: Readable): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    stream.on('data', (chunk) => {
      text += String(chunk);
      if (text.includes('\n')) resolve(text.trim());
    });
    stream.once('close', () => resolve(text.trim()));
  });
}

/** The init passes on the shell's code: 128 + n for a command that died of signal n. */
function exitOf(code: number | null, signal: NodeJS.Signals | null): Exit {
  if (signal !== null) return { exitCode: 128 + constants.signals[signal] };
  return { exitCode: code ?? 128 };
}

function send(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

function stoppable(pid: number, exited: Promise<Exit>, signal: (name: NodeJS.Signals) => void): Container {
  let alive = true;
  let told = false;
  let killed = false;
  let deadline = Infinity;
  let timer: NodeJS.Timeout | undefined;
  const end = exited.then((exit) => {
    alive = false;
    clearTimeout(timer);
    // unshare cannot pass on that its child died of SIGKILL.
    return killed ? { exitCode: 128 + constants.signals.SIGKILL } : exit;
  });
  const kill = (): void => {
    killed = true;
    signal('SIGKILL');
  };
  return {
    pid,
    exited: end,
    terminate: (grace) => {
      if (!alive || Date.now() + grace >= deadline) return;
      deadline = Date.now() + grace;
      clearTimeout(timer);
      if (grace <= 0) return kill();
      if (!told) signal('SIGTERM');
      told = true;
      timer = globalThis.setTimeout(kill, grace);
    },
  };
}

/** Environment variable of a simulated container: the exit code with which it ends at once. */
export const SIMULATED_EXIT = 'SIMULATED_EXIT';

/**
 * Runs nothing: a container is up from its start until it is told to stop, and then ends cleanly. One whose environment
 * says so crashes instead.
 */
export function simulatedRuntime(): ContainerRuntime {
  const start = ({ env }: Launch): Promise<Container> => {
    const { promise, resolve } = Promise.withResolvers<Exit>();
    const exitCode = env[SIMULATED_EXIT];
    if (exitCode !== undefined) resolve({ exitCode: Number(exitCode) });
    return Promise.resolve({ pid: 0, exited: promise, terminate: () => resolve({ exitCode: 0 }) });
  };
  return { isolation: 'none', start };
}

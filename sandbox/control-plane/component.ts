/**
 * One program of the control plane as a process with faults.
 *
 * States: running ⇄ stopped (SIGSTOP and SIGCONT: the process is there, its sockets are open, nothing answers);
 * both → ended (`kill`, or by itself); ended → running (`restart`, same command line). An end that nobody asked for is
 * reported once, with the last line of its log.
 */
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { ChildProcess } from 'node:child_process';
import { ended, signalGroup, spawnBound } from '../bound-process.ts';

/** The programs, in the order in which they are started. */
export const COMPONENTS = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const;

/** The name of a program of the control plane. */
export type ComponentName = (typeof COMPONENTS)[number];

/** How a component is started. */
export interface ComponentCommand {
  readonly name: ComponentName;
  /** Absolute path. Its base name must be `name`: one binary may be all four programs. */
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** stdout and stderr, appended. */
  readonly logFile: string;
  /** Resolves when the component serves; rejects when the signal aborts. */
  readonly ready: (signal: AbortSignal) => Promise<void>;
}

/** A component of a running control plane, for tests and demos to break. */
export interface Component {
  readonly name: ComponentName;
  readonly logFile: string;
  /** Undefined while it does not run. */
  readonly pid: number | undefined;
  /** SIGSTOP: half-open connections, no answers. */
  stop(): void;
  /** SIGCONT. */
  cont(): void;
  /** SIGKILL; resolves when the process is gone. Doing it twice does nothing. */
  kill(): Promise<void>;
  /** Ends it if it runs and starts it again with the same command line; resolves when it serves. */
  restart(signal?: AbortSignal): Promise<void>;
}

const READY_DEADLINE_MS = 60_000;
const TERMINATE_DEADLINE_MS = 3_000;

/** A component under the control of its owner. */
export class ComponentProcess implements Component {
  readonly #command: ComponentCommand;
  readonly #report: (line: string) => void;
  /** Those whose end we caused. */
  readonly #asked = new WeakSet<ChildProcess>();
  #child: ChildProcess | undefined;

  constructor(command: ComponentCommand, report: (line: string) => void) {
    this.#command = command;
    this.#report = report;
  }

  get name(): ComponentName {
    return this.#command.name;
  }

  get logFile(): string {
    return this.#command.logFile;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  stop(): void {
    if (this.#child !== undefined) signalGroup(this.#child, 'SIGSTOP');
  }

  cont(): void {
    if (this.#child !== undefined) signalGroup(this.#child, 'SIGCONT');
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** SIGTERM, and SIGKILL after three seconds: for what should write its state to disk. */
  terminate(): Promise<void> {
    return this.#end('SIGTERM');
  }

  async restart(signal?: AbortSignal): Promise<void> {
    await this.kill();
    await this.start(signal);
  }

  /**
   * Starts the process and waits until it serves.
   *
   * @throws Error naming the component and the last line of its log, when it ends or is not ready within a minute.
   */
  async start(signal?: AbortSignal): Promise<void> {
    const { name, program, args, cwd, logFile, ready } = this.#command;
    const log = openSync(logFile, 'a', 0o600);
    let child: ChildProcess;
    try {
      child = spawnBound(program, args, {
        cwd,
        env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: cwd },
        stdio: ['ignore', log, log],
      });
    } finally {
      closeSync(log);
    }
    this.#child = child;
    const failed = new AbortController();
    child.once('error', (error) => {
      failed.abort(new Error(`${name} cannot be started: ${error.message} (setpriv is part of util-linux)`));
    });
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
      failed.abort();
    });
    const deadline = AbortSignal.timeout(READY_DEADLINE_MS);
    const signals = [failed.signal, deadline, ...(signal === undefined ? [] : [signal])];
    try {
      await ready(AbortSignal.any(signals));
    } catch (error) {
      await this.kill();
      signal?.throwIfAborted();
      if (child.pid === undefined) throw failed.signal.reason;
      const why = failed.signal.aborted ? 'ended while starting' : 'was not ready after a minute';
      throw new Error(`${name} ${why}: ${await lastLine(logFile)}`, { cause: error });
    }
    child.once('exit', (code, by) => {
      if (this.#asked.has(child)) return;
      this.#report(`${name} ended by itself (${by ?? `exit code ${code}`}); log: ${logFile}`);
    });
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#asked.add(child);
    signalGroup(child, signal);
    signalGroup(child, 'SIGCONT');
    const late = setTimeout(() => signalGroup(child, 'SIGKILL'), TERMINATE_DEADLINE_MS);
    await ended(child);
    clearTimeout(late);
  }
}

/** The last line that says something, for error messages. */
async function lastLine(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return (
    text
      .split('\n')
      .findLast((line) => line.trim() !== '')
      ?.trim() ?? 'its log is empty'
  );
}

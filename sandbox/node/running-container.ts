/** A container that is up: its process, its probes, and the way it is stopped (preStop hook, SIGTERM, SIGKILL). */
import type { Duration } from '../../src/core/time.ts';
import type { Exit } from './container-record.ts';
import type { Container, ContainerRuntime, Launch } from './container.ts';
import type { PodPlace } from './environment.ts';
import type { Action, ContainerSpec } from './pod.ts';
import { runAction, runProbes } from './probes.ts';
import type { ActionTarget, ProbeListener } from './probes.ts';

export class RunningContainer {
  readonly container: ContainerSpec;
  readonly exited: Promise<Exit>;
  readonly #process: Container;
  readonly #target: ActionTarget;
  readonly #probes = new AbortController();
  readonly #hook = new AbortController();
  #hookRuns = false;
  #told = false;
  #timer: NodeJS.Timeout | undefined;
  #deadline = Infinity;

  constructor(
    container: ContainerSpec,
    process: Container,
    launch: Launch,
    at: { readonly runtime: ContainerRuntime; readonly place: PodPlace },
  ) {
    this.container = container;
    this.#process = process;
    this.#target = {
      container,
      address: at.place.podIP,
      exec: (command, signal) =>
        execute(at.runtime, { argv: command, env: launch.env, cwd: launch.cwd }, signal),
    };
    this.exited = process.exited.then((exit) => {
      this.#probes.abort();
      this.#hook.abort();
      clearTimeout(this.#timer);
      return exit;
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Probes until the container ends or is told to stop. */
  probe(listener: ProbeListener): void {
    void runProbes(this.#target, listener, this.#probes.signal);
  }

  /** The preStop hook and the process share the grace. A further call may only shorten it. True the first time. */
  stop(grace: Duration): boolean {
    const isFirst = this.#deadline === Infinity;
    this.#stop(grace);
    return isFirst;
  }

  #stop(grace: Duration): void {
    this.#probes.abort();
    this.#deadline = Math.min(this.#deadline, Date.now() + grace);
    const left = this.#deadline - Date.now();
    const preStop = this.container.lifecycle?.preStop;
    const hasHook = preStop !== undefined && this.#process.pid !== 0;
    if (!hasHook || this.#told || left <= 0) {
      this.#process.terminate(Math.max(left, 0));
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#process.terminate(0), left);
    if (this.#hookRuns) return;
    this.#hookRuns = true;
    void this.#runHook(preStop, left);
  }

  async #runHook(preStop: Action, timeout: Duration): Promise<void> {
    await runAction(preStop, this.#target, timeout, this.#hook.signal);
    this.#told = true;
    this.#process.terminate(Math.max(this.#deadline - Date.now(), 0));
  }
}

/** Runs a command beside the container, and kills it when the signal aborts. */
async function execute(runtime: ContainerRuntime, launch: Launch, signal: AbortSignal): Promise<number> {
  const process = await runtime.start(launch);
  const kill = (): void => process.terminate(0);
  if (signal.aborted) kill();
  signal.addEventListener('abort', kill, { once: true });
  try {
    return (await process.exited).exitCode;
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

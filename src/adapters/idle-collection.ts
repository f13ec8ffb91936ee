/**
 * Gives back what work has taken. V8 collects old garbage only while new is made, and an idle process makes none: a
 * controller that has started a thousand workloads would keep 40 to 75 MiB of what that took, for good.
 */
import { SECOND, type Duration, type Instant } from '../core/time.ts';
import type { Clock, Timer } from '../ports/system.ts';

/** Without an event for so long, there is no work. */
const CALM: Duration = 10 * SECOND;

/** So many events leave garbage that is worth a collection. */
const WORTH = 500;

/** The process stands still for a collection, about a millisecond for every 0.4 MiB in use; it never does for long. */
const LARGEST = 128 * 1024 * 1024;

export class IdleCollection {
  readonly #clock: Clock;
  readonly #collect: (() => void) | undefined;
  /** A start is work. */
  #events = WORTH;
  #last: Instant;
  #timer: Timer | undefined;

  /** Without `collect` it does nothing. The process's start counts as work. */
  constructor(clock: Clock, collect: (() => void) | undefined = collector()) {
    this.#clock = clock;
    this.#collect = collect;
    this.#last = clock.now();
    this.#arm();
  }

  /** Something has happened. */
  touch(): void {
    this.#events += 1;
    this.#last = this.#clock.now();
    if (this.#timer === undefined) this.#arm();
  }

  close(): void {
    this.#timer?.cancel();
  }

  #arm(): void {
    if (this.#collect === undefined) return;
    this.#timer = this.#clock.timer(this.#last + CALM, () => this.#look());
  }

  #look(): void {
    this.#timer = undefined;
    if (this.#clock.now() < this.#last + CALM) return this.#arm();
    if (this.#events >= WORTH) this.#collect?.();
    this.#events = 0;
  }
}

/** Undefined in a process that was started without `--expose-gc`. */
function collector(): (() => void) | undefined {
  const { gc } = globalThis;
  if (gc === undefined) return undefined;
  return () => {
    if (process.memoryUsage().heapUsed <= LARGEST)
      gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  };
}

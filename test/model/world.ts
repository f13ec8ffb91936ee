/** Virtual time: a queue of what happens when, and hosts whose clocks, timers and messages hang on it. */
import { setImmediate as afterMicrotasks } from 'node:timers/promises';
import type { Clock, Timer } from '../../src/ports/system.ts';

interface Entry {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** True time in milliseconds, known to nobody inside. */
export class World {
  now = 0;
  /** How many things have happened. */
  happened = 0;
  #order = 0;
  readonly #heap: Entry[] = [];

  /** Runs `run` at true time `at`, in order of scheduling for equal times. */
  at(at: number, run: () => void): Timer {
    const entry: Entry = { at: Math.max(at, this.now), order: this.#order++, run };
    this.#push(entry);
    return {
      cancel: () => {
        entry.run = undefined;
      },
    };
  }

  /** Lets everything happen up to `end`, promises settled after each; `check` may stop it by answering false. */
  async runUntil(end: number, check: () => boolean): Promise<void> {
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      this.#pop();
      if (next.run === undefined) continue;
      this.now = next.at;
      this.happened += 1;
      next.run();
      await afterMicrotasks();
      if (!check()) return;
    }
    this.now = Math.max(this.now, end);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** A machine with one process: its code runs only while it is neither stopped, suspended nor dead. */
export class Host {
  readonly clock: Clock;
  readonly #world: World;
  readonly #rate: number;
  #monotonicOffset: number;
  #wallOffset: number;
  #frozen: { readonly since: number; readonly isSuspended: boolean } | undefined;
  #isDead = false;
  /** What could not be delivered while frozen. */
  #waiting: (() => void)[] = [];

  /** `rate`: how fast its monotonic clock runs. */
  constructor(world: World, rate: number, monotonicOffset: number) {
    this.#world = world;
    this.#rate = rate;
    this.#monotonicOffset = monotonicOffset;
    this.#wallOffset = 1_700_000_000_000;
    this.clock = {
      now: () => this.#monotonicOffset + world.now * rate,
      wall: () => this.#wallOffset + world.now * rate,
      timer: (at, fire) => this.#timer(at, fire),
    };
  }

  get isRunning(): boolean {
    return !this.#isDead && this.#frozen === undefined;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** The true time at which this host's monotonic clock shows `instant`. */
  trueTimeOf(instant: number): number {
    return this.#world.now + (instant - this.clock.now()) / this.#rate;
  }

  /** SIGSTOP, or with `isSuspended` a suspended machine, whose monotonic clock stands still. */
  freeze(isSuspended: boolean): void {
    if (this.isRunning) this.#frozen = { since: this.#world.now, isSuspended };
  }

  /** Continues; what waited is delivered in the order `shuffle` gives. */
  thaw(shuffle: (items: (() => void)[]) => (() => void)[]): void {
    const frozen = this.#frozen;
    if (frozen === undefined || this.#isDead) return;
    this.#frozen = undefined;
    if (frozen.isSuspended) this.#monotonicOffset -= (this.#world.now - frozen.since) * this.#rate;
    const waiting = shuffle(this.#waiting);
    this.#waiting = [];
    for (const run of waiting) this.#world.at(this.#world.now, () => this.deliver(run));
  }

  crash(): void {
    this.#isDead = true;
    this.#waiting = [];
  }

  jumpWall(by: number): void {
    this.#wallOffset += by;
  }

  /** Runs code of this host's process now, or when it runs again. */
  deliver(run: () => void): void {
    if (this.#isDead) return;
    if (this.#frozen !== undefined) this.#waiting.push(run);
    else run();
  }

  #timer(at: number, fire: () => void): Timer {
    let isCancelled = false;
    let pending: Timer;
    const arm = (): void => {
      // Never early: a rounding error of the conversion must not fire before `at`.
      pending = this.#world.at(this.trueTimeOf(at) + 1e-6, () => this.deliver(due));
    };
    const due = (): void => {
      if (isCancelled) return;
      if (this.clock.now() < at) arm();
      else fire();
    };
    arm();
    return {
      cancel: () => {
        isCancelled = true;
        pending.cancel();
      },
    };
  }
}

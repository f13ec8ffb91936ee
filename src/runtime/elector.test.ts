import { describe, expect, it } from 'vitest';
import { createMemoryLocks } from '../adapters/lock/memory.ts';
import type { ElectionEvent } from '../core/election/events.ts';
import type { AnchorRecord } from '../core/election/record.ts';
import { planTiming } from '../core/election/timing.ts';
import type { FenceAnchor } from '../ports/fence-anchor.ts';
import type { LockStore } from '../ports/lock-store.ts';
import type { Clock } from '../ports/system.ts';
import { createElector } from './elector.ts';
import type { Term } from './term.ts';

/** A clock moved by hand. Its timers fire only when told to, so a test can leave them late or unfired. */
class ManualClock implements Clock {
  #now = 0;
  wallAhead = 0;
  readonly #timers = new Set<{ readonly at: number; readonly fire: () => void }>();

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now + this.wallAhead;
  }

  timer(at: number, fire: () => void): { cancel: () => void } {
    const timer = { at, fire };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** Time passes, nothing runs: a blocked loop or a stopped process. */
  freeze(duration: number): void {
    this.#now += duration;
  }

  /** Time passes timer by timer. */
  async pass(duration: number): Promise<void> {
    const end = this.#now + duration;
    for (;;) {
      await settled();
      const [next] = [...this.#timers].toSorted((a, b) => a.at - b.at);
      if (next === undefined || next.at > end) break;
      this.#now = Math.max(this.#now, next.at);
      this.#timers.delete(next);
      next.fire();
    }
    this.#now = end;
  }
}

/** Lets every promise that can settle do so. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function openAnchor(): FenceAnchor {
  let present: { readonly record: AnchorRecord; readonly version: string } | undefined;
  return {
    read: async () => (present === undefined ? { kind: 'absent' } : { kind: 'present', ...present }),
    raise: async (record, version) => {
      if (version !== present?.version) return { kind: 'conflict' };
      present = { record, version: String(record.epoch) };
      return { kind: 'raised', version: present.version };
    },
    watch: async (_onChange, signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  };
}

function setUp(changes: { store?: Partial<LockStore>; drain?: () => Promise<{ clean: boolean }> } = {}) {
  const clock = new ManualClock();
  const locks = createMemoryLocks(clock);
  const events: ElectionEvent[] = [];
  const terms: Term[] = [];
  const plan = planTiming(5000);
  if ('problem' in plan) throw new Error(plan.problem.message);
  let ids = 0;
  const uuid = (): string => {
    ids += 1;
    return `nonce-${ids}`;
  };
  const elector = createElector(
    {
      store: { ...locks.connect(), ...changes.store },
      anchor: openAnchor(),
      system: { clock, random: { uniform: () => 0.5, uuid } },
      leadership: {
        prepareTerm: () => {},
        startTerm: (term) => {
          terms.push(term);
        },
        drain: changes.drain ?? (async () => ({ clean: true })),
      },
      observe: (event) => events.push(event),
    },
    { name: 'lock', holder: 'me', timing: plan.timing, fingerprint: 'f' },
  );
  const stopping = new AbortController();
  const term = (): Term => {
    const last = terms.at(-1);
    if (last === undefined) throw new Error('no term has begun');
    return last;
  };
  return { clock, locks, events, terms, elector, stopping, term };
}

describe('an elector', () => {
  it('leads with a valid term, and releases the lock when it is told to stop', async () => {
    const { clock, locks, elector, stopping, term } = setUp();
    const running = elector.run(stopping.signal);
    await clock.pass(100);
    expect(elector.view()).toMatchObject({ role: 'leading', epoch: 1, holder: 'me', store: { up: true } });
    expect(term().isValid()).toBe(true);
    expect(term().deadline()).toBeCloseTo(clock.now() + 1000);
    stopping.abort();
    await running;
    expect(term().signal.aborted).toBe(true);
    expect(term().isValid()).toBe(false);
    expect(locks.peek('lock')).toMatchObject({ epoch: 1, isReleased: true });
    expect(elector.view().role).toBe('stopped');
    expect(clock.pending).toBe(0);
  });

  it('ends at once if it was told to stop before it began', async () => {
    const { elector, terms } = setUp();
    await elector.run(AbortSignal.abort());
    expect(terms).toHaveLength(0);
  });

  it('loses its right to act by the clock alone, although no timer ever fired', async () => {
    const { clock, elector, stopping, term } = setUp();
    void elector.run(stopping.signal);
    await clock.pass(100);
    const until = term().validUntil();
    clock.freeze(until - clock.now() - 1);
    expect(term().isValid()).toBe(true);
    clock.freeze(1);
    expect(term().isValid()).toBe(false);
    expect(term().signal.aborted).toBe(false);
  });

  it('has no right to act after a suspension until the store has confirmed it', async () => {
    const { clock, elector, stopping, term, events } = setUp();
    void elector.run(stopping.signal);
    await clock.pass(100);
    clock.wallAhead = 3_600_000;
    expect(term().isValid()).toBe(false);
    expect(term().validUntil()).toBe(-Infinity);
    await settled();
    expect(events.at(-1)).toEqual({ kind: 'pause-detected', epoch: 1 });
    expect(term().isValid()).toBe(true);
  });

  it('is demoted by whoever saw a higher epoch, and comes back above it', async () => {
    const { clock, elector, stopping, term, terms } = setUp();
    void elector.run(stopping.signal);
    await clock.pass(100);
    const first = term();
    first.demote(9);
    expect(first.isValid()).toBe(false);
    expect(first.signal.aborted).toBe(true);
    await clock.pass(20_000);
    expect(terms.map(({ epoch }) => epoch)).toEqual([1, 10]);
    expect(first.isValid()).toBe(false);
  });

  it('waits for the drain, renewing meanwhile, and keeps the lock if it was not clean', async () => {
    const drained = Promise.withResolvers<{ clean: boolean }>();
    const { clock, locks, elector, stopping, term } = setUp({ drain: () => drained.promise });
    const running = elector.run(stopping.signal);
    await clock.pass(100);
    stopping.abort();
    await clock.pass(20_000);
    expect(elector.view().role).toBe('draining');
    expect(term().isValid()).toBe(true);
    drained.resolve({ clean: false });
    await running;
    expect(locks.peek('lock')).toMatchObject({ isReleased: false });
    expect(term().isValid()).toBe(false);
  });

  it('rejects when a port breaks its contract, with the term over and the lock kept', async () => {
    const failure = new Error('renewals are broken');
    const { clock, locks, elector, stopping, term } = setUp({
      store: { renew: () => Promise.reject(failure) },
    });
    const running = elector.run(stopping.signal);
    const settledRun = running.catch((error: unknown) => error);
    await clock.pass(2000);
    expect(await settledRun).toBe(failure);
    expect(term().signal.aborted).toBe(true);
    expect(term().isValid()).toBe(false);
    expect(locks.peek('lock')).toMatchObject({ isReleased: false });
    expect(clock.pending).toBe(0);
  });

  it('does nothing any more once it has failed, whatever still arrives', async () => {
    let notify: (() => void) | undefined;
    let requests = 0;
    const { clock, locks, elector, stopping } = setUp({
      drain: () => Promise.reject(new Error('cannot drain')),
      store: {
        subscribe: async (_name, onHint, onState, signal) => {
          notify = () => onHint('released');
          onState(true);
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
        },
        read: async () => {
          requests += 1;
          return { kind: 'free', epoch: 0 };
        },
      },
    });
    const settledRun = elector.run(stopping.signal).catch((error: unknown) => error);
    await clock.pass(100);
    stopping.abort();
    expect(await settledRun).toMatchObject({ message: 'cannot drain' });
    const before = requests;
    const until = locks.peek('lock')?.until;
    notify?.();
    await clock.pass(20_000);
    expect(requests).toBe(before);
    expect(locks.peek('lock')?.until).toBe(until);
    expect(clock.pending).toBe(0);
  });

  it('bounds a request that is never answered, by its own timer', async () => {
    const signals: AbortSignal[] = [];
    const { clock, elector, stopping, events } = setUp({
      store: {
        acquire: (_request, signal) => {
          signals.push(signal);
          return new Promise(() => {});
        },
      },
    });
    void elector.run(stopping.signal);
    await clock.pass(999);
    expect(signals[0]?.aborted).toBe(false);
    await clock.pass(1);
    expect(signals[0]?.aborted).toBe(true);
    expect(events).toContainEqual({ kind: 'store-unreachable', cause: 'no answer within 1000 ms' });
  });
});

import { describe, expect, it } from 'vitest';
import type { LockView } from './record.ts';
import type { AcquireReply, RenewReply } from './replies.ts';
import { initialState } from './state.ts';
import type { Answer, Effect, ElectionConfig, Event, Request } from './state.ts';
import { step } from './step.ts';
import { planTiming } from './timing.ts';

const FOREIGN = {
  kind: 'held',
  holder: 'go-1',
  epoch: 0,
  remaining: 95_000,
  isStranger: true,
} as const;
const OURS: LockView = { kind: 'held', holder: 'b/host/1', nonce: 'theirs', epoch: 4, remaining: 3_000 };
const FREE: LockView = { kind: 'free', epoch: 0 };
const GRANTED: AcquireReply = { kind: 'granted', epoch: 5, remaining: 5_000, amnesia: false };

interface BenchOptions {
  readonly meetsStrangers?: boolean;
  readonly ttl?: number;
  readonly isSubscribed?: boolean;
  readonly lock?: LockView;
  readonly acquisition?: AcquireReply;
}

/** One elector's state machine whose store and anchor answer at once, as they are told to. */
class Bench {
  now = 1_000_000;
  lock: LockView | { readonly kind: 'unavailable'; readonly cause: string };
  acquisition: AcquireReply;
  renewal: RenewReply = { kind: 'ok', remaining: 5_000 };
  /** Requests to the lock with their times, and events. */
  readonly seen: { readonly at: number; readonly what: string }[] = [];
  readonly #config: ElectionConfig;
  #state;
  #wakeAt = 0;

  constructor({
    meetsStrangers = true,
    ttl = 5_000,
    isSubscribed = true,
    lock = FREE,
    acquisition = GRANTED,
  }: BenchOptions = {}) {
    this.lock = lock;
    this.acquisition = acquisition;
    const plan = planTiming(ttl);
    if ('problem' in plan) throw new Error(plan.problem.message);
    const common = { holder: 'a/host/1', fingerprint: 'f', remainsFollower: false };
    this.#config = { ...common, timing: plan.timing, meetsStrangers };
    this.#state = initialState(this.#moment(), this.#config);
    if (isSubscribed) this.apply({ kind: 'subscription', up: true });
    this.apply({ kind: 'started' });
  }

  apply(event: Event): void {
    const { state, effects, wakeAt } = step(this.#state, event, this.#moment(), this.#config);
    this.#state = state;
    this.#wakeAt = wakeAt;
    for (const effect of effects) this.#carryOut(effect);
  }

  /** Lets time pass, wake-up by wake-up. */
  pass(duration: number): void {
    const end = this.now + duration;
    for (let steps = 0; this.#wakeAt <= end; steps += 1) {
      if (steps > 100) throw new Error('the state machine never rests');
      this.now = Math.max(this.now, this.#wakeAt);
      this.apply({ kind: 'wake', due: this.#wakeAt });
    }
    this.now = end;
  }

  /** Times of a request or event, from the beginning. */
  times(what: string): readonly number[] {
    return this.seen.filter((entry) => entry.what === what).map(({ at }) => at - 1_000_000);
  }

  #moment() {
    return { now: this.now, wall: this.now, uniform: 0, nonce: 'mine' };
  }

  #carryOut(effect: Effect): void {
    if (effect.kind === 'emit') {
      const { event } = effect;
      this.seen.push({ at: this.now, what: event.kind === 'waiting' ? event.reason : event.kind });
    }
    if (effect.kind !== 'call') return;
    this.seen.push({ at: this.now, what: effect.request.op });
    this.apply({ kind: 'answer', id: effect.id, answer: this.#answer(effect.request) });
  }

  #answer(request: Request): Answer {
    switch (request.op) {
      case 'acquire':
        return { op: request.op, reply: this.acquisition };
      case 'read':
        return { op: request.op, reply: this.lock };
      case 'renew':
        return { op: request.op, reply: this.renewal };
      case 'release':
        return { op: request.op, reply: { kind: 'released' } };
      case 'read-anchor':
        return { op: request.op, reply: { kind: 'absent' } };
      case 'raise-anchor':
        return { op: request.op, reply: { kind: 'raised', version: '1' } };
    }
  }
}

describe('a lock that strangers share', () => {
  it('is taken two seconds after it was first seen absent, and used one second later', () => {
    const bench = new Bench();
    bench.pass(4_000);
    expect(bench.times('acquire')).toEqual([2_000]);
    expect(bench.times('StrangerLeft')).toEqual([2_000]);
    expect(bench.times('renew')[0]).toBe(3_000);
    expect(bench.times('leader-elected')).toEqual([3_000]);
  });

  it('is taken no later because it was looked at in between', () => {
    const bench = new Bench({ isSubscribed: false });
    bench.pass(4_000);
    expect(bench.times('read').length).toBeGreaterThan(1);
    expect(bench.times('acquire')).toEqual([2_000]);
  });

  it('is looked at every four seconds while a stranger holds it, and never tried', () => {
    const bench = new Bench();
    bench.lock = FOREIGN;
    bench.apply({ kind: 'hint', hint: 'released' });
    bench.pass(60_000);
    expect(bench.times('acquire')).toEqual([]);
    expect(bench.times('read').length).toBeLessThanOrEqual(60 / 4 + 3);
  });

  it('counts the absence anew when a stranger was there in between', () => {
    const bench = new Bench();
    bench.pass(1_000);
    bench.lock = FOREIGN;
    bench.apply({ kind: 'hint', hint: 'released' });
    bench.pass(1_000);
    bench.lock = FREE;
    bench.pass(8_000);
    const [seenAbsent] = bench.times('holder-changed').slice(-1);
    expect(bench.times('acquire')).toEqual([5_000 + 2_000]);
    expect(seenAbsent).toBe(5_000);
  });

  it('counts the absence anew when the store did not answer in between', () => {
    const bench = new Bench();
    bench.pass(500);
    bench.lock = { kind: 'unavailable', cause: 'gone' };
    bench.apply({ kind: 'hint', hint: 'released' });
    bench.pass(100);
    bench.lock = FREE;
    bench.pass(5_000);
    const readAgain = bench.times('store-recovered')[0] ?? NaN;
    expect(bench.times('acquire')).toEqual([readAgain + 2_000]);
  });

  it('is tried at once after a lock of ours', () => {
    const bench = new Bench();
    bench.lock = OURS;
    bench.apply({ kind: 'hint', hint: 'released' });
    bench.pass(3_000);
    expect(bench.times('acquire')).toEqual([3_000]);
    expect(bench.times('leader-elected')).toEqual([3_000]);
  });

  it('that is gone when it is read back is never used', () => {
    const bench = new Bench();
    bench.pass(2_500);
    bench.renewal = { kind: 'lost' };
    bench.acquisition = { kind: 'held', view: FOREIGN };
    bench.pass(10_000);
    expect(bench.times('leader-elected')).toEqual([]);
    expect(bench.times('leadership-lost')).toEqual([]);
  });

  it('is used only after a renewal sent a second after winning: earlier ones do not count', () => {
    const bench = new Bench({ ttl: 1_500 });
    bench.pass(2_950);
    expect(bench.times('renew').length).toBeGreaterThan(1);
    bench.renewal = { kind: 'unavailable', cause: 'slow' };
    bench.pass(100);
    expect(bench.times('leader-elected')).toEqual([]);
    bench.renewal = { kind: 'ok', remaining: 1_500 };
    bench.pass(100);
    expect(bench.times('leader-elected')).toHaveLength(1);
  });
});

/** The store shows a stranger's lock until its end, which is 20 s after the start, and then nothing. */
function runOut(acquisition: AcquireReply = GRANTED): Bench {
  const bench = new Bench({ lock: { ...FOREIGN, remaining: 20_000 }, acquisition });
  for (let rest = 16_000; rest > 0; rest -= 4_000) {
    bench.lock = { ...FOREIGN, remaining: rest };
    bench.pass(4_000);
  }
  bench.lock = FREE;
  bench.pass(10_000);
  return bench;
}

describe("a stranger's lock that ran out", () => {
  it('is taken, and used a minute after its end', () => {
    const bench = runOut();
    expect(bench.times('acquire')).toHaveLength(1);
    expect(bench.times('StrangerExpired')).toHaveLength(1);
    bench.pass(53_000);
    expect(bench.times('leader-elected')).toEqual([]);
    bench.pass(2_000);
    expect(bench.times('leader-elected')).toHaveLength(1);
  });

  it('is waited for also where nobody is connected any more', () => {
    const bench = runOut({ ...GRANTED, isAlone: true });
    bench.pass(40_000);
    expect(bench.times('leader-elected')).toEqual([]);
  });

  it('is waited for by the next one of ours too', () => {
    const bench = runOut({ kind: 'held', view: { ...OURS, kind: 'held', remaining: 3_000 } });
    bench.acquisition = GRANTED;
    bench.pass(20_000);
    expect(bench.times('StrangerExpired')).toHaveLength(1);
    expect(bench.times('leader-elected')).toEqual([]);
  });

  it('is another thing than one that was released, or one of ours that was lost', () => {
    const { isStranger: _, ...lost } = { ...FOREIGN, remaining: 1_000 };
    for (const lock of [FOREIGN, lost]) {
      const bench = new Bench({ lock });
      bench.pass(1_500);
      bench.lock = FREE;
      bench.pass(20_000);
      expect(bench.times('StrangerExpired')).toEqual([]);
      expect(bench.times('leader-elected')).toHaveLength(1);
    }
  });
});

describe('a lock that strangers could share, while none is connected', () => {
  const ALONE: LockView = { ...FREE, isAlone: true };

  it('is taken and used at once by a process that saw nothing before', () => {
    const bench = new Bench({ lock: ALONE, acquisition: { ...GRANTED, isAlone: true } });
    bench.pass(100);
    expect(bench.times('acquire')).toEqual([0]);
    expect(bench.times('leader-elected')).toEqual([0]);
  });

  it('is used after the whole wait if one was connected when it was granted', () => {
    const bench = new Bench({ lock: ALONE });
    bench.pass(2_900);
    expect(bench.times('acquire')).toEqual([0]);
    expect(bench.times('leader-elected')).toEqual([]);
    bench.pass(200);
    expect(bench.times('leader-elected')).toEqual([3_000]);
  });

  it('is taken two seconds after it was first seen absent if one is connected, whoever is there later', () => {
    const bench = new Bench();
    bench.pass(500);
    bench.acquisition = { ...GRANTED, isAlone: true };
    bench.pass(4_000);
    expect(bench.times('acquire')).toEqual([2_000]);
    expect(bench.times('leader-elected')).toEqual([2_000]);
  });

  it('is taken with care after an acquisition of unknown outcome', () => {
    const bench = new Bench({ lock: ALONE, acquisition: { kind: 'unavailable', cause: 'slow' } });
    bench.lock = { ...OURS, nonce: 'mine' };
    bench.pass(2_900);
    expect(bench.times('leader-elected')).toEqual([]);
    bench.pass(200);
    expect(bench.times('leader-elected')).toHaveLength(1);
  });
});

describe('a lock of our own', () => {
  it('is taken at once, also by a process that saw nothing before', () => {
    const bench = new Bench({ meetsStrangers: false });
    bench.pass(100);
    expect(bench.times('acquire')).toEqual([0]);
    expect(bench.times('leader-elected')).toEqual([0]);
  });
});

import { expect, it } from 'vitest';
import type { AnchorRecord } from './record.ts';
import { initialState, type Answer, type Event, type Request } from './state.ts';
import { step } from './step.ts';
import { planTiming, STORE_CHANGE_YIELD } from './timing.ts';

const TTL = 5_000;

/** One elector whose lock is always free, and whose anchor holds what it is told or what it raised. */
class Bench {
  now = 1_000_000;
  anchor: AnchorRecord | undefined;
  readonly acquisitions: number[] = [];
  readonly events: string[] = [];
  readonly #config;
  #state;
  #wakeAt = 0;

  constructor(anchor?: AnchorRecord) {
    this.anchor = anchor;
    const plan = planTiming(TTL);
    if ('problem' in plan) throw new Error(plan.problem.message);
    const common = { holder: 'me', fingerprint: 'old', remainsFollower: false, meetsStrangers: false };
    this.#config = { ...common, timing: plan.timing };
    this.#state = initialState(this.#moment(), this.#config);
    this.send({ kind: 'subscription', up: true });
    this.send({ kind: 'started' });
  }

  send(event: Event): void {
    const { state, effects, wakeAt } = step(this.#state, event, this.#moment(), this.#config);
    this.#state = state;
    this.#wakeAt = wakeAt;
    for (const effect of effects) {
      if (effect.kind === 'emit') this.events.push(effect.event.kind);
      if (effect.kind === 'call')
        this.send({ kind: 'answer', id: effect.id, answer: this.#answer(effect.request) });
    }
  }

  /** Somebody else raises the anchor. */
  raise(epoch: number, fingerprint: string): void {
    this.anchor = { epoch, nonce: `n-${epoch}`, holder: 'them', fingerprint, ttl: TTL, storeIdentity: '' };
    this.send({ kind: 'anchor-seen', record: this.anchor });
  }

  passUntil(at: number): void {
    while (this.#wakeAt <= at) {
      this.now = Math.max(this.now, this.#wakeAt);
      this.send({ kind: 'wake', due: this.now });
    }
    this.now = at;
  }

  #moment() {
    return { now: this.now, wall: this.now, uniform: 0.5, nonce: `mine-${this.now}` };
  }

  #answer(request: Request): Answer {
    switch (request.op) {
      case 'acquire': {
        this.acquisitions.push(this.now);
        const epoch = request.floor + 1;
        return { op: 'acquire', reply: { kind: 'granted', epoch, remaining: TTL, amnesia: false } };
      }
      case 'renew':
        return { op: 'renew', reply: { kind: 'ok', remaining: TTL } };
      case 'release':
        return { op: 'release', reply: { kind: 'released' } };
      case 'read':
        return { op: 'read', reply: { kind: 'free', epoch: 0 } };
      case 'read-anchor': {
        const { anchor } = this;
        const reply =
          anchor === undefined
            ? ({ kind: 'absent' } as const)
            : ({ kind: 'present', record: anchor, version: '1' } as const);
        return { op: 'read-anchor', reply };
      }
      case 'raise-anchor':
        this.anchor = request.record;
        return { op: 'raise-anchor', reply: { kind: 'raised', version: '2' } };
    }
  }
}

it('who led when the store was changed leaves the lock alone for its time, and then tries again', () => {
  const bench = new Bench();
  expect(bench.events).toContain('leader-elected');
  bench.raise(2, 'new');
  expect(bench.events.slice(-2)).toEqual(['store-replaced', 'leadership-lost']);
  const changedAt = bench.now;
  bench.passUntil(changedAt + STORE_CHANGE_YIELD - 1);
  expect(bench.acquisitions).toHaveLength(1);
  bench.passUntil(changedAt + STORE_CHANGE_YIELD + TTL);
  expect(bench.acquisitions).toEqual([bench.acquisitions[0], changedAt + STORE_CHANGE_YIELD]);
});

it('who comes later with another store than the anchor names contends at once, and waits before it acts', () => {
  const record = { epoch: 7, nonce: 'n', holder: 'them', fingerprint: 'other', ttl: TTL, storeIdentity: '' };
  const bench = new Bench(record);
  expect(bench.acquisitions).toHaveLength(1);
  expect(bench.events).toContain('waiting');
  expect(bench.events).not.toContain('store-replaced');
});

it('a change of leader with one store makes nobody yield', () => {
  const bench = new Bench();
  bench.raise(2, 'old');
  expect(bench.events).not.toContain('store-replaced');
  bench.passUntil(bench.now + TTL);
  expect(bench.acquisitions).toHaveLength(2);
});

/** Real electors on one store, with an anchor of their own in memory. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createSystem } from '../../src/adapters/system.ts';
import type { AnchorRecord } from '../../src/core/election/record.ts';
import { planTiming } from '../../src/core/election/timing.ts';
import type { FenceAnchor } from '../../src/ports/fence-anchor.ts';
import type { LockStore } from '../../src/ports/lock-store.ts';
import type { System } from '../../src/ports/system.ts';
import { createElector } from '../../src/runtime/elector.ts';
import { eventually } from '../e2e/eventually.ts';

const HAND_OVERS = 10;

export interface Candidate {
  readonly isLeading: () => boolean;
  readonly epoch: () => number | undefined;
  /** Since when it has its present role; and while it leads, until when it may act. On the clock of this process. */
  readonly since: () => number;
  readonly validUntil: () => number | undefined;
  /** Drains, releases and leaves. Safe to repeat. */
  readonly stop: () => Promise<void>;
}

/** Starts candidates that share an anchor; `open` gives each its client of the store. */
export class Electorate {
  readonly #open: (timeout: number, system: System) => LockStore;
  readonly #anchor = openAnchor();
  readonly #candidates: Candidate[] = [];

  constructor(open: (timeout: number, system: System) => LockStore) {
    this.#open = open;
  }

  start(id: string, ttl: number): Candidate {
    const system = createSystem({ level: 'error', format: 'text', fields: {} });
    const plan = planTiming(ttl);
    if ('problem' in plan) throw new Error(plan.problem.message);
    const { timing } = plan;
    const store = this.#open(timing.opTimeout, system);
    const leadership = {
      prepareTerm: () => {},
      startTerm: () => {},
      drain: async () => ({ clean: true }),
    };
    const elector = createElector(
      { store, anchor: this.#anchor, system, leadership, observe: () => {} },
      { name: 'blue', holder: `${id}/host/${id}`, timing, fingerprint: store.kind },
    );
    const stopping = new AbortController();
    const done = elector.run(stopping.signal);
    const candidate = {
      isLeading: () => elector.view().role === 'leading',
      epoch: () => elector.view().epoch,
      since: () => elector.view().since,
      validUntil: () => elector.view().validUntil,
      stop: async () => {
        stopping.abort();
        await done;
        await store.close();
      },
    };
    this.#candidates.push(candidate);
    return candidate;
  }

  /** Starts a leader and then a follower that knows it. */
  async startTwo(ttl: number): Promise<readonly [Candidate, Candidate]> {
    const leader = this.start('first', ttl);
    await eventually('the first leads', leader.isLeading);
    const follower = this.start('second', ttl);
    await eventually('the second knows it', () => follower.epoch() === leader.epoch());
    return [leader, follower];
  }

  /**
   * Ten leaders in turn are asked to stop, at moments spread over the time between two renewals, one of them while a
   * renewal is under way. Answers the milliseconds after which the next one led.
   */
  async handOver(ttl: number): Promise<readonly number[]> {
    let [leader, follower] = await this.startTwo(ttl);
    const times: number[] = [];
    for (let round = 0; round < HAND_OVERS; round += 1) {
      await sleep((round * ttl) / 5 / HAND_OVERS);
      const startedAt = performance.now();
      const stopped = leader.stop();
      await eventually('the other leads', follower.isLeading, 2 * ttl);
      times.push(performance.now() - startedAt);
      await stopped;
      leader = follower;
      const next = this.start(`next-${round}`, ttl);
      await eventually('it knows the leader', () => next.epoch() === leader.epoch());
      follower = next;
    }
    return times;
  }

  /** Takes the lock away under a leader. Answers how many milliseconds after the end of its time the next one led. */
  async loseLock(ttl: number, takeAway: () => Promise<unknown>): Promise<number> {
    const two = await this.startTwo(ttl);
    const [leader] = two;
    const term = leader.epoch() ?? 0;
    let until = leader.validUntil() ?? Infinity;
    await takeAway();
    const findNext = (): Candidate | undefined => {
      if (leader.epoch() === term) until = Math.max(until, leader.validUntil() ?? until);
      return two.find((candidate) => candidate.isLeading() && (candidate.epoch() ?? 0) > term);
    };
    const next = await eventually('the next one leads', findNext, 4 * ttl);
    return next.since() - until;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#candidates.splice(0).map((candidate) => candidate.stop()));
  }
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

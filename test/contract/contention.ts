/** Many clients that contend for one lock, each doing what a candidate does, and what may never be seen meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import type { LockStore } from '../../src/ports/lock-store.ts';

/** What one client does with its turn. */
export interface Turn {
  /** Milliseconds between being granted the lock and giving it up. */
  readonly hold: number;
  /** Renewals in between. */
  readonly renewals: number;
}

export const TURNS: fc.Arbitrary<Turn> = fc.record({ hold: fc.nat(4), renewals: fc.nat(2) });

/** From the reply of the grant to the request of the release, by one clock. */
export interface Holding {
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
}

/** Attempts of one client whose outcome may stay unknown. */
const MOST_UNKNOWN = 20;

/**
 * Lets each client have the lock once, all beginning at the same moment. Answers who had it when, in the order of the
 * epochs. `turns` has one entry for each client.
 *
 * @throws Error when a client is refused a renewal or a release of what it holds, or the store is unavailable again and again.
 */
export async function contend(
  clients: readonly LockStore[],
  turns: readonly Turn[],
  name: string,
  ttl: number,
): Promise<readonly Holding[]> {
  const never = new AbortController().signal;
  const takeTurn = async (store: LockStore, turn: Turn, index: number): Promise<Holding> => {
    const nonce = `${name}-${index}`;
    const request = { name, holder: `holder/${nonce}`, nonce, ttl, floor: 0 };
    for (let unknown = 0; ;) {
      const reply = await store.acquire(request, never);
      // Where a crowd writes one object, a store may give an attempt up; the same nonce asks again, as an elector does.
      if (reply.kind === 'unavailable' && ++unknown > MOST_UNKNOWN) throw new Error(reply.cause);
      if (reply.kind === 'granted') {
        const from = performance.now();
        const grant = { name, nonce, epoch: reply.epoch };
        for (let count = 0; count < turn.renewals; count += 1) {
          const renewed = await store.renew({ ...grant, ttl }, never);
          if (renewed.kind !== 'ok') throw new Error(`renewal: ${JSON.stringify(renewed)}`);
        }
        await sleep(turn.hold);
        const to = performance.now();
        const released = await store.release(grant, never);
        if (released.kind !== 'released') throw new Error(`release: ${JSON.stringify(released)}`);
        return { epoch: reply.epoch, from, to };
      }
      await sleep(1 + (index % 5));
    }
  };
  const holdings = await Promise.all(
    clients.map((store, index) => takeTurn(store, turns[index] ?? { hold: 0, renewals: 0 }, index)),
  );
  return holdings.toSorted((a, b) => a.epoch - b.epoch);
}

/** The pairs that speak against a lock: two in one epoch, or a later epoch that began before the earlier one ended. */
export function overlaps(holdings: readonly Holding[]): readonly (readonly [Holding, Holding])[] {
  return holdings.flatMap((later, index) => {
    const earlier = holdings[index - 1];
    if (earlier === undefined) return [];
    return later.epoch > earlier.epoch && later.from >= earlier.to ? [] : [[earlier, later] as const];
  });
}

/**
 * The specification of a lock store, run for every adapter: on the virtual clock for the store in memory, in real time
 * with short TTLs for real servers.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Grant, LockStore } from '../../src/ports/lock-store.ts';
import { contend, overlaps, TURNS } from './contention.ts';
import { LockClient, type Granted } from './lock-client.ts';
import { LOCK_REQUESTS, LockModel } from './lock-model.ts';

export interface OpenedLockStore {
  readonly store: LockStore;
  /** Another client of the same store, with connections of its own. */
  readonly second: LockStore;
  /** One more client like these, with 5 s for a request: it is one of a crowd. The suite closes it. */
  readonly another: () => LockStore | Promise<LockStore>;
  /** Lets this much of the store's time pass; without it the time is real. */
  readonly advance?: (duration: number) => Promise<void>;
  stop(): Promise<void>;
}

export interface LockStoreSuite {
  /** Random sequences per property; few where each costs requests to a server. */
  readonly runs?: number;
  /** The largest crowd that contends for one lock. */
  readonly crowd?: number;
  /** T; the floor of 1.5 s where time is real. */
  readonly ttl?: number;
}

/** Runs the specification for one adapter. `open` is called before each test; names of locks are never reused. */
export function describeLockStore(
  name: string,
  open: () => Promise<OpenedLockStore>,
  { runs = 20, crowd = 32, ttl = 1500 }: LockStoreSuite = {},
): void {
  describe(`lock store ${name}`, () => {
    let opened: OpenedLockStore;
    let client: LockClient;
    let other: LockClient;
    let lockName: string;
    const incarnation = Math.floor(Date.now() / 1000).toString(36);
    let locks = 0;

    const nextLock = (): void => {
      locks += 1;
      lockName = `contract-${incarnation}-${locks}`;
      client = new LockClient(opened.store, lockName, ttl);
      other = new LockClient(opened.second, lockName, ttl);
    };
    const pass = async (duration: number): Promise<void> =>
      opened.advance === undefined ? sleep(duration) : opened.advance(duration);

    /** Asks again whenever the store says that the lock may have expired, for at most two TTLs. */
    const acquireExpired = async (by: LockClient, nonce: string, floor = 0): Promise<Granted> => {
      for (let waited = 0; waited <= 2 * ttl;) {
        const reply = await by.acquire(nonce, floor);
        if (reply.kind === 'granted') return reply;
        if (reply.kind === 'unavailable') throw new Error(reply.cause);
        const rest = Math.max(reply.view.remaining, 10) + 1;
        waited += rest;
        await pass(rest);
      }
      throw new Error('the lock did not expire within two TTLs');
    };

    beforeEach(async () => {
      opened = await open();
      nextLock();
    });
    afterEach(async () => {
      await opened.store.close();
      await opened.second.close();
      await opened.stop();
    });

    it('shows a lock that never existed as free, with epoch 0', async () => {
      expect(await client.read()).toMatchObject({ kind: 'free', epoch: 0 });
    });

    it('grants a free lock to exactly one of eight that ask at once', async () => {
      const replies = await Promise.all(
        Array.from({ length: 8 }, (_, index) => (index % 2 === 0 ? client : other).acquire(`n${index}`)),
      );
      const winners = replies.flatMap((reply, index) => (reply.kind === 'granted' ? [`n${index}`] : []));
      expect(winners).toHaveLength(1);
      expect(await client.read()).toMatchObject({ kind: 'held', nonce: winners[0] });
      expect(await other.read()).toMatchObject({ kind: 'held', nonce: winners[0] });
    });

    it('tells who asks in vain who holds it, in which epoch and for how long', async () => {
      const { epoch } = await client.win('n1');
      const reply = await other.acquire('n2');
      expect(reply).toMatchObject({ kind: 'held', view: { holder: 'holder/n1', nonce: 'n1', epoch } });
      const remaining = reply.kind === 'held' && reply.view.remaining;
      expect(remaining).toBeGreaterThan(0);
      expect(remaining).toBeLessThanOrEqual(ttl);
    });

    it('excludes others for the whole TTL, and grants the lock after it', async () => {
      const first = await client.win('n1');
      await pass(ttl * 0.8);
      expect(await other.acquire('n2')).toMatchObject({ kind: 'held' });
      const next = await acquireExpired(other, 'n2');
      expect(next.epoch).toBeGreaterThan(first.epoch);
    });

    it('protects a holder that renews for longer than one TTL, in the same epoch', async () => {
      const { epoch } = await client.win('n1');
      for (let elapsed = 0; elapsed < 1.5 * ttl; elapsed += ttl / 4) {
        await pass(ttl / 4);
        expect(await client.renew('n1', epoch)).toMatchObject({ kind: 'ok' });
        expect(await other.acquire('n2')).toMatchObject({ kind: 'held', view: { nonce: 'n1', epoch } });
      }
    });

    it('lets the epoch rise across releases and expiries', async () => {
      const first = await client.win('n1');
      await client.release('n1', first.epoch);
      const second = await other.win('n2');
      const third = await acquireExpired(client, 'n3');
      await client.release('n3', third.epoch);
      const fourth = await client.win('n4');
      const epochs = [first, second, third, fourth].map(({ epoch }) => epoch);
      expect(epochs).toEqual([...new Set(epochs)].toSorted((a, b) => a - b));
    });

    it('keeps the epoch of a released lock', async () => {
      const { epoch } = await client.win('n1');
      expect(await client.release('n1', epoch)).toEqual({ kind: 'released' });
      expect(await other.read()).toMatchObject({ kind: 'free', epoch });
    });

    it('grants an epoch above the floor, and calls a counter below the floor amnesia', async () => {
      expect(await client.acquire('n1', 41)).toMatchObject({ kind: 'granted', epoch: 42, amnesia: true });
    });

    it('sees no amnesia at the very first start, nor where its counter reaches the floor', async () => {
      const first = await client.win('n1');
      expect(first.amnesia).toBe(false);
      await client.release('n1', first.epoch);
      expect(await other.acquire('n2', first.epoch)).toMatchObject({ kind: 'granted', amnesia: false });
    });

    it('answers a repeated acquisition with the grant it had', async () => {
      const { epoch } = await client.win('n1');
      expect(await client.acquire('n1', epoch + 10)).toMatchObject({ kind: 'granted', epoch });
      expect(await other.acquire('n1')).toMatchObject({ kind: 'granted', epoch });
      expect(await client.read()).toMatchObject({ kind: 'held', nonce: 'n1', epoch });
    });

    it('does not prolong a grant because its acquisition is repeated', async () => {
      await client.win('n1');
      await pass(ttl / 2);
      await client.acquire('n1');
      const view = await client.read();
      expect(view.kind === 'held' && view.remaining).toBeLessThan(ttl * 0.75);
    });

    it.each([
      ['another nonce', 'n2', 0],
      ['another epoch', 'n1', 1],
    ])('ignores a renewal and a release that name %s', async (_what, nonce, offset) => {
      const { epoch } = await client.win('n1');
      expect(await other.renew(nonce, epoch + offset)).toMatchObject({ kind: 'lost' });
      expect(await other.release(nonce, epoch + offset)).toEqual({ kind: 'not-ours' });
      expect(await client.renew('n1', epoch)).toMatchObject({ kind: 'ok' });
    });

    it('ignores a late renewal and a late release of a former holder', async () => {
      const former = await client.win('n1');
      const present = await acquireExpired(other, 'n2');
      expect(await client.renew('n1', former.epoch)).toMatchObject({ kind: 'lost' });
      expect(await client.release('n1', former.epoch)).toEqual({ kind: 'not-ours' });
      expect(await other.renew('n2', present.epoch)).toMatchObject({ kind: 'ok' });
    });

    it('takes the lock from a holder that is proven dead, and from no other', async () => {
      const { epoch } = await client.win('n1');
      const strangers = [
        { nonce: 'n0', epoch },
        { nonce: 'n1', epoch: epoch + 1 },
        { nonce: 'n1', epoch: epoch - 1 },
      ];
      for (const stranger of strangers)
        expect(await other.acquire('n2', 0, stranger)).toMatchObject({
          kind: 'held',
          view: { nonce: 'n1', epoch },
        });
      const taken = await other.acquire('n2', 0, { nonce: 'n1', epoch });
      expect(taken).toMatchObject({ kind: 'granted', epoch: epoch + 1, amnesia: false });
      expect(await client.renew('n1', epoch)).toMatchObject({ kind: 'lost' });
      expect(await client.release('n1', epoch)).toMatchObject({ kind: 'not-ours' });
      expect(await client.read()).toMatchObject({ kind: 'held', nonce: 'n2', epoch: epoch + 1 });
      // The proof is about the dead one, not about who came after it.
      expect(await client.acquire('n3', 0, { nonce: 'n1', epoch })).toMatchObject({
        kind: 'held',
        view: { nonce: 'n2' },
      });
      expect(await other.acquire('n2', 0, { nonce: 'n1', epoch })).toMatchObject({
        kind: 'granted',
        epoch: epoch + 1,
      });
    });

    it('tells a subscriber of a release', async () => {
      const stop = new AbortController();
      const released = Promise.withResolvers<void>();
      const up = Promise.withResolvers<void>();
      const { epoch } = await client.win('n1');
      const subscription = opened.second.subscribe(
        lockName,
        (hint) => {
          if (hint === 'released') released.resolve();
        },
        (isUp) => {
          if (isUp) up.resolve();
        },
        stop.signal,
      );
      await up.promise;
      await client.release('n1', epoch);
      await expect(released.promise).resolves.toBeUndefined();
      stop.abort();
      await subscription;
    });

    it('settles at once as unavailable where the caller has given up', async () => {
      const signal = AbortSignal.abort();
      expect(await opened.store.read(lockName, signal)).toMatchObject({ kind: 'unavailable' });
      const grant: Grant = { name: lockName, nonce: 'n1', epoch: 1 };
      expect(await opened.store.release(grant, signal)).toMatchObject({ kind: 'unavailable' });
    });

    it('grants a release that follows a renewal which was given up, at whatever moment that was', async () => {
      for (let round = 0; round < 12; round += 1) {
        const nonce = `n${round}`;
        const { epoch } = await client.win(nonce);
        const caller = new AbortController();
        const renewal = opened.store.renew({ name: lockName, nonce, epoch, ttl }, caller.signal);
        for (let turn = 0; turn < round % 4; turn += 1) await nextTurn();
        caller.abort();
        const released = await client.release(nonce, epoch);
        expect(released).toEqual({ kind: 'released' });
        await renewal;
        expect(await other.read()).toMatchObject({ kind: 'free', epoch });
      }
    });

    it('gives the lock to each of a crowd once: never two at a time, each in a higher epoch', async () => {
      const sizes = fc.array(TURNS, { minLength: Math.min(8, crowd), maxLength: crowd });
      const isExclusive = fc.asyncProperty(sizes, async (turns) => {
        nextLock();
        const clients = await Promise.all(turns.map(async () => opened.another()));
        try {
          const holdings = await contend(clients, turns, lockName, 5_000);
          expect(holdings).toHaveLength(turns.length);
          expect(overlaps(holdings)).toEqual([]);
        } finally {
          await Promise.all(clients.map((store) => store.close()));
        }
      });
      await fc.assert(isExclusive, { numRuns: 3 });
      expect.hasAssertions();
    });

    it('behaves like one lock under any sequence of requests, repeated and foreign ones among them', async () => {
      const sequences = fc.array(LOCK_REQUESTS, { minLength: 1, maxLength: 12 });
      const behaves = fc.asyncProperty(sequences, async (requests) => {
        nextLock();
        const model = new LockModel();
        const expected = requests.map((request) => model.answer(request));
        const answers: unknown[] = [];
        for (const [index, { via }] of requests.entries()) {
          const by = via === 0 ? client : other;
          const sent = expected[index]?.sent;
          if (sent !== undefined) answers.push([await by.send(sent), await by.read()]);
        }
        expect(answers).toMatchObject(expected.map(({ reply, view }) => [reply, view]));
      });
      await fc.assert(behaves, { numRuns: runs, interruptAfterTimeLimit: 30_000 });
      expect.hasAssertions();
    });
  });
}

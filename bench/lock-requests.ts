/** What requests to a lock store cost, beside a bare loop over the same driver and the same server. */
import type { LockPair } from './lock-pair.ts';
import { percentile, type Row, type RowOptions, type RowResult } from './row.ts';

const TTL_MS = 5000;
/** Ours and the bare loop take turns, so that both meet the same machine. */
const BATCH = 20;
/** At least 0.7 of the cycles that the bare loop makes. */
const CYCLE_SHARE = 1 / 0.7;
/** Until the code is compiled and statements are planned once and for all. */
const WARM_UP = 200;

type Open = () => Promise<LockPair>;

/** Acquire and release, again and again. */
export function cyclesRow(storeName: string, open: Open): Row {
  return {
    name: `store-cycles-${storeName}`,
    about: `${storeName} store, one client: acquire and release, beside the least that a fenced lock costs with the bare driver`,
    run: (options) =>
      run(options, open, 'cycle', async ({ store, bare }) => {
        const never = new AbortController().signal;
        const nonce = crypto.randomUUID();
        return {
          ours: async () => {
            const request = { name: 'bench', holder: 'bench/host/1', nonce, ttl: TTL_MS, floor: 0 };
            const reply = await store.acquire(request, never);
            if (reply.kind !== 'granted') throw new Error(JSON.stringify(reply));
            const released = await store.release({ name: 'bench', nonce, epoch: reply.epoch }, never);
            if (released.kind !== 'released') throw new Error(JSON.stringify(released));
          },
          floor: async () => {
            if (!(await bare.take()) || !(await bare.free())) throw new Error('the bare lock is not ours');
          },
        };
      }),
  };
}

/** Renewals of a lock that is held. */
export function renewRow(storeName: string, open: Open): Row {
  return {
    name: `store-renew-${storeName}`,
    about: `${storeName} store, one client: a renewal of what it holds, beside one guarded write with the bare driver`,
    run: (options) =>
      run(options, open, 'renewal', async ({ store, bare }) => {
        const never = new AbortController().signal;
        const request = { name: 'bench', holder: 'bench/host/1', nonce: 'n1', ttl: TTL_MS, floor: 0 };
        const reply = await store.acquire(request, never);
        if (reply.kind !== 'granted') throw new Error(JSON.stringify(reply));
        await bare.take();
        return {
          ours: async () => {
            const grant = { name: 'bench', nonce: 'n1', epoch: reply.epoch, ttl: TTL_MS };
            const renewed = await store.renew(grant, never);
            if (renewed.kind !== 'ok') throw new Error(JSON.stringify(renewed));
          },
          floor: async () => {
            if (!(await bare.renew())) throw new Error('the bare lock is not ours');
          },
        };
      }),
  };
}

interface Contest {
  readonly ours: () => Promise<void>;
  readonly floor: () => Promise<void>;
}

async function run(
  { rounds = 500, say }: RowOptions,
  open: Open,
  what: 'cycle' | 'renewal',
  prepare: (pair: LockPair) => Promise<Contest>,
): Promise<RowResult> {
  const pair = await open();
  try {
    const contest = await prepare(pair);
    await timed(contest.ours, WARM_UP);
    await timed(contest.floor, WARM_UP);
    const ours: number[] = [];
    const floor: number[] = [];
    while (ours.length < rounds) {
      const count = Math.min(BATCH, rounds - ours.length);
      ours.push(...(await timed(contest.ours, count)));
      floor.push(...(await timed(contest.floor, count)));
    }
    const share = sum(ours) / sum(floor);
    say(
      `${what}: ${percentile(ours, 0.5).toFixed(2)} ms, floor ${percentile(floor, 0.5).toFixed(2)} ms (p50)`,
    );
    const perSecond = (samples: readonly number[]): number => (samples.length / sum(samples)) * 1000;
    return {
      measures: [
        { name: `${what}, p50`, value: percentile(ours, 0.5), unit: 'ms' },
        { name: `${what}, p99`, value: percentile(ours, 0.99), unit: 'ms' },
        { name: 'floor, p50', value: percentile(floor, 0.5), unit: 'ms' },
        { name: 'floor, p99', value: percentile(floor, 0.99), unit: 'ms' },
        { name: `${what}s a second`, value: perSecond(ours), unit: 'count' },
        { name: 'floor, a second', value: perSecond(floor), unit: 'count' },
        {
          name: `time of a ${what}, of the floor's`,
          value: share,
          unit: 'ratio',
          ...(what === 'cycle' && { target: CYCLE_SHARE }),
        },
      ],
      samples: { ours, floor },
      setup: { rounds, ttlMs: TTL_MS, store: pair.store.kind },
    };
  } finally {
    await pair.store.close();
    await pair.stop();
  }
}

/** Milliseconds of each. */
async function timed(act: () => Promise<void>, count: number): Promise<readonly number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const startedAt = performance.now();
    await act();
    times.push(performance.now() - startedAt);
  }
  return times;
}

function sum(samples: readonly number[]): number {
  return samples.reduce((total, sample) => total + sample, 0);
}

import { describe, expect, it } from 'vitest';
import { createMemoryLocks } from '../../src/adapters/lock/memory.ts';
import { describeLockStore } from './lock-store.ts';

describeLockStore(
  'memory',
  async () => {
    let now = 0;
    const locks = createMemoryLocks({ now: () => now });
    return {
      store: locks.connect(),
      second: locks.connect(),
      another: () => locks.connect(),
      advance: async (duration) => {
        now += duration;
      },
      stop: async () => {},
    };
  },
  { runs: 1000 },
);

describe('the store in memory', () => {
  const signal = new AbortController().signal;
  const request = { name: 'l', holder: 'h', ttl: 1500, floor: 0 };

  it('keeps an evicted lock for its holder until the record says that it is over', async () => {
    let now = 0;
    const locks = createMemoryLocks({ now: () => now });
    const store = locks.connect();
    await store.acquire({ ...request, nonce: 'n1' }, signal);
    locks.evict('l');
    expect(await store.acquire({ ...request, nonce: 'n2' }, signal)).toMatchObject({ kind: 'held' });
    now = 1500;
    expect(await store.acquire({ ...request, nonce: 'n3' }, signal)).toMatchObject({
      kind: 'granted',
      epoch: 2,
    });
  });

  it('calls it amnesia when it lost its data and the floor tells', async () => {
    const locks = createMemoryLocks({ now: () => 0 });
    const store = locks.connect();
    await store.acquire({ ...request, nonce: 'n1', floor: 6 }, signal);
    locks.loseData();
    expect(await store.acquire({ ...request, nonce: 'n2', floor: 7 }, signal)).toMatchObject({
      kind: 'granted',
      epoch: 8,
      amnesia: true,
    });
  });
});

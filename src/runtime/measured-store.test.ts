import { describe, expect, it } from 'vitest';
import { createManualSystem } from '../../test/manual-system.ts';
import type { StoreOperation } from '../metrics/observations.ts';
import type { Hint, LockStore, Unavailable } from '../ports/lock-store.ts';
import { openMemoryLock } from '../adapters/lock/memory.ts';
import { MeasuredStore } from './measured-store.ts';

const NEVER = new AbortController().signal;
const OP_TIMEOUT = 1000;
const request = { name: 'lock', holder: 'one', nonce: 'n1', ttl: 5000, floor: 0 };

function open(overrides: Partial<LockStore> = {}) {
  const system = createManualSystem();
  const inner: LockStore = Object.assign(openMemoryLock(system.clock), overrides);
  const store = new MeasuredStore(inner, system.clock, OP_TIMEOUT);
  const seen: (StoreOperation | 'release')[] = [];
  store.observe({
    observeStore: (operation) => void seen.push(operation),
    observeRelease: () => void seen.push('release'),
  });
  return { system, store, seen };
}

describe('a measured store', () => {
  it('answers as the store does, and tells for how long the lock is held', async () => {
    const { store, seen } = open();
    const granted = await store.acquire(request, NEVER);
    if (granted.kind !== 'granted') throw new Error('the lock was free');
    const grant = { name: 'lock', nonce: 'n1', epoch: granted.epoch };
    await store.acquire({ ...request, holder: 'two', nonce: 'n2' }, NEVER);
    await store.read('lock', NEVER);
    await store.renew({ ...grant, ttl: 5000 }, NEVER);
    await store.release(grant, NEVER);
    await store.renew({ ...grant, ttl: 5000 }, NEVER);
    await store.read('lock', NEVER);
    const told = seen.filter((one) => one !== 'release');
    expect(told.map(({ operation, result, remaining }) => [operation, result, remaining])).toEqual([
      ['acquire', 'granted', 5000],
      ['acquire', 'held', 5000],
      ['read', 'held', 5000],
      ['renew', 'ok', 5000],
      ['release', 'released', 0],
      ['renew', 'lost', undefined],
      ['read', 'free', 0],
    ]);
  });

  it('hands hints on, and tells of a release', async () => {
    const hints: Hint[] = [];
    const subscribe: LockStore['subscribe'] = async (_name, onHint) => {
      onHint('changed');
      onHint('released');
    };
    const { store, seen } = open({ subscribe });
    await store.subscribe(
      'lock',
      (hint) => hints.push(hint),
      () => {},
      NEVER,
    );
    expect([hints, seen]).toEqual([['changed', 'released'], ['release']]);
  });

  it('counts failures until an answer comes', async () => {
    const replies: Unavailable[] = [
      { kind: 'unavailable', cause: '' },
      { kind: 'unavailable', cause: '' },
    ];
    const { store } = open({ read: async () => replies.pop() ?? { kind: 'free', epoch: 0 } });
    const counts: [number, boolean][] = [];
    for (let n = 0; n < 3; n++) {
      await store.read('lock', NEVER);
      counts.push([store.failures, store.hasAnswered]);
    }
    expect(counts).toEqual([
      [1, false],
      [2, false],
      [0, true],
    ]);
  });

  it.each([
    ['ECONNREFUSED', 0, false, 'connection_refused'],
    ['ECONNRESET', 0, false, 'network'],
    ['UND_ERR_CONNECT_TIMEOUT', 0, false, 'timeout'],
    [undefined, OP_TIMEOUT, true, 'timeout'],
    ['ABORTED', 10, true, 'canceled'],
    [undefined, 0, false, 'unknown'],
  ])('code %s after %i ms, given up %s: %s', async (code, duration, isAborted, error) => {
    const reply: Unavailable = { kind: 'unavailable', cause: '', ...(code === undefined ? {} : { code }) };
    const { store, system, seen } = open({
      read: async () => {
        system.advance(duration);
        return reply;
      },
    });
    await store.read('lock', isAborted ? AbortSignal.abort() : NEVER);
    expect(seen).toMatchObject([{ operation: 'read', duration, error }]);
  });
});

import { afterEach, describe, expect, it, vi } from 'vitest';
import { createManualSystem } from '../../../test/manual-system.ts';
import { startScriptedServer, type Exchange } from '../../../test/scripted-server.ts';
import { openLeaseLock } from './lease-lock.ts';
import { LeaseObservation } from './lease-observation.ts';
import { heldLease, LOCK_ANNOTATION, newLease, recordOf, releasedLease, type Lease } from './lease-record.ts';

const NEVER = new AbortController().signal;
const GRANT = { holder: 'one/host/uuid', nonce: 'n1', epoch: 7, ttl: 1500, amnesia: false };

const stored = (lease: Lease, resourceVersion: string, uid = 'u1'): Lease => ({
  ...lease,
  metadata: { ...lease.metadata, uid, resourceVersion },
});
const held = (resourceVersion: string, change: Partial<typeof GRANT> = {}): Lease =>
  stored(heldLease(newLease('ns', 'lock'), { ...GRANT, ...change }, true, 0), resourceVersion);

describe('what a Lease says', () => {
  it('is what was written, with the exact duration, and readable for others', () => {
    const lease = held('1');
    expect(recordOf(lease)).toEqual(GRANT);
    expect(lease.spec).toEqual({
      holderIdentity: 'one/host/uuid',
      leaseDurationSeconds: 2,
      leaseTransitions: 7,
      acquireTime: '1970-01-01T00:00:00.000000Z',
      renewTime: '1970-01-01T00:00:00.000000Z',
    });
  });

  it('after a release keeps the epoch and who held it, and no nonce', () => {
    expect(recordOf(releasedLease(held('1'), 0))).toEqual({
      holder: '',
      epoch: 7,
      ttl: 1500,
      amnesia: false,
      lastHolder: 'one/host/uuid',
    });
  });

  it('from client-go is honoured: its duration and transitions count', () => {
    const lease = {
      metadata: { name: 'lock' },
      spec: { holderIdentity: 'them', leaseDurationSeconds: 15, leaseTransitions: 4 },
    };
    expect(recordOf(lease)).toEqual({ holder: 'them', epoch: 4, ttl: 15_000, amnesia: false });
  });

  it('when another program took it over is not ours any more, although our annotations are still there', () => {
    const ours = held('1');
    const taken = {
      ...ours,
      spec: { ...ours.spec, holderIdentity: 'them', leaseDurationSeconds: 15, leaseTransitions: 8 },
    };
    expect(recordOf(taken)).toEqual({ holder: 'them', epoch: 8, ttl: 15_000, amnesia: false });
  });

  it('holds epochs beyond the 32 bits of leaseTransitions', () => {
    const lease = held('1', { epoch: 2 ** 40 });
    expect(lease.spec?.leaseTransitions).toBe(2 ** 31 - 1);
    expect(recordOf(lease)).toMatchObject({ epoch: 2 ** 40, nonce: 'n1' });
  });

  it('keeps annotations of others and drops ours that do not apply', () => {
    const base = {
      ...newLease('ns', 'lock'),
      metadata: { name: 'lock', annotations: { theirs: 'x', [LOCK_ANNOTATION.amnesia]: 'true' } },
    };
    expect(heldLease(base, GRANT, true, 0).metadata.annotations).toEqual({
      theirs: 'x',
      [LOCK_ANNOTATION.nonce]: 'n1',
      [LOCK_ANNOTATION.epoch]: '7',
      [LOCK_ANNOTATION.ttl]: '1500',
    });
  });
});

describe('expiry by observation', () => {
  it('counts from when this process first saw the version, whatever renewTime says', () => {
    const observation = new LeaseObservation();
    observation.see(held('5'), 10_000);
    expect(observation.remaining(10_000)).toBe(1500);
    observation.see(held('5'), 11_000);
    expect(observation.remaining(11_499)).toBe(1);
    expect(observation.view(11_500)).toEqual({ kind: 'free', epoch: 7, lastHolder: 'one/host/uuid' });
  });

  it('begins anew with every change', () => {
    const observation = new LeaseObservation();
    observation.see(held('5'), 0);
    observation.hear(held('6'), 1000);
    expect(observation.remaining(2000)).toBe(500);
  });

  it('an older event of the watch is not news, an older reply is', () => {
    const observation = new LeaseObservation();
    observation.see(held('12'), 0);
    observation.hear(held('9', { nonce: 'old' }), 1000);
    expect(observation.record?.nonce).toBe('n1');
    observation.see(held('9', { nonce: 'restored' }), 1000);
    expect(observation.record?.nonce).toBe('restored');
  });

  it('a reply that the watch has overtaken does not bring a released lock back', () => {
    const observation = new LeaseObservation();
    observation.see(held('5'), 0);
    const asked = observation.lease;
    observation.hear(held('8', { holder: '' }), 100);
    observation.answer(held('7'), 200, asked);
    expect(observation.view(200)).toMatchObject({ kind: 'free' });
    observation.answer(held('9', { nonce: 'n2' }), 300, asked);
    expect(observation.view(300)).toMatchObject({ kind: 'held', nonce: 'n2' });
  });

  it('an older reply is news when the watch has told nothing since it was asked for', () => {
    const observation = new LeaseObservation();
    observation.see(held('12'), 0);
    observation.answer(held('9', { nonce: 'restored' }), 1000, observation.lease);
    expect(observation.record?.nonce).toBe('restored');
  });

  it('a Lease that vanished is still held for the time that was running', () => {
    const observation = new LeaseObservation();
    observation.see(held('5'), 0);
    observation.miss();
    expect(observation.lease).toBeUndefined();
    expect(observation.view(1499)).toMatchObject({ kind: 'held', remaining: 1 });
    expect(observation.view(1500)).toMatchObject({ kind: 'free' });
  });

  it('a Lease made anew with the same version number is another one', () => {
    const observation = new LeaseObservation();
    observation.see(held('5'), 0);
    observation.see({ ...held('5'), metadata: { ...held('5').metadata, uid: 'u2' } }, 1000);
    expect(observation.remaining(1000)).toBe(1500);
  });
});

describe('the lock over a faulty wire', () => {
  const open: (() => PromiseLike<unknown>)[] = [];
  afterEach(async () => {
    for (const close of open.splice(0).toReversed()) await close();
  });

  /** Holds one Lease, applies writes by compare-and-set as the API server does, and lets `fault` spoil the answers. */
  async function start(fault: (exchange: Exchange, index: number) => 'drop' | 'busy' | undefined) {
    let lease: Lease | undefined;
    let version = 100;
    const server = await startScriptedServer((exchange, index) => {
      const spoiled = fault(exchange, index);
      if (spoiled === 'busy') return exchange.reply(429, {}, { 'retry-after': '1' });
      if (exchange.query.has('watch')) {
        const end = {
          metadata: {
            resourceVersion: String(version),
            annotations: { 'k8s.io/initial-events-end': 'true' },
          },
        };
        return exchange
          .open()
          .send(...(lease ? [{ type: 'ADDED', object: lease }] : []), { type: 'BOOKMARK', object: end });
      }
      let answer: readonly [number, unknown] = lease ? [200, lease] : [404, {}];
      if (exchange.method !== 'GET') {
        const isCurrent = exchange.body.metadata.resourceVersion === lease?.metadata.resourceVersion;
        if (isCurrent) lease = stored(exchange.body, String(++version));
        answer = isCurrent ? [200, lease] : [409, { reason: 'Conflict' }];
      }
      if (spoiled === 'drop') exchange.reset();
      else exchange.reply(...answer);
    });
    open.push(() => server[Symbol.asyncDispose]());
    const system = createManualSystem();
    const connection = { server: server.url, credential: { kind: 'none' } } as const;
    const store = openLeaseLock(connection, { namespace: 'ns', system, userAgent: 'test' });
    open.push(() => store.close());
    const acquire = (nonce: string, floor = 0) =>
      store.acquire({ name: 'lock', holder: `h/${nonce}`, nonce, ttl: 8000, floor }, NEVER);
    const vanish = (): void => void (lease = undefined);
    return { server, system, store, acquire, vanish };
  }

  it('an acquire whose reply was lost is unavailable, and its repetition is the same grant', async () => {
    const { acquire } = await start(({ method }, index) =>
      method === 'POST' && index < 2 ? 'drop' : undefined,
    );
    expect(await acquire('n1', 4)).toMatchObject({ kind: 'unavailable' });
    expect(await acquire('n1', 4)).toMatchObject({ kind: 'granted', epoch: 5, amnesia: true });
    expect(await acquire('n1', 4)).toMatchObject({ kind: 'granted', epoch: 5, amnesia: true });
    expect(await acquire('n2', 4)).toMatchObject({ kind: 'held', view: { nonce: 'n1', epoch: 5 } });
  });

  it('a renewal whose reply was lost is unavailable, and the next one finds its own write', async () => {
    const { server, store, acquire } = await start(({ method }, index) =>
      method === 'PUT' && index < 3 ? 'drop' : undefined,
    );
    await acquire('n1');
    const grant = { name: 'lock', nonce: 'n1', epoch: 1, ttl: 8000 };
    expect(await store.renew(grant, NEVER)).toMatchObject({ kind: 'unavailable' });
    expect(await store.renew(grant, NEVER)).toEqual({ kind: 'ok', remaining: 8000 });
    expect(server.seen.map(({ method }) => method)).toEqual(['GET', 'POST', 'PUT', 'GET', 'PUT']);
  });

  it('a renewal costs one request and carries the version that was read', async () => {
    const { server, store, acquire } = await start(() => undefined);
    await acquire('n1');
    await store.renew({ name: 'lock', nonce: 'n1', epoch: 1, ttl: 8000 }, NEVER);
    const [, , put] = server.seen;
    expect([server.seen.length, put?.method, put?.body.metadata.resourceVersion]).toEqual([3, 'PUT', '101']);
  });

  it('a grant that ran out unseen is lost for its holder, and a new attempt gets a higher epoch', async () => {
    const { system, store, acquire } = await start(() => undefined);
    await acquire('n1');
    system.advance(8000);
    expect(await store.renew({ name: 'lock', nonce: 'n1', epoch: 1, ttl: 8000 }, NEVER)).toEqual({
      kind: 'lost',
    });
    expect(await acquire('n2')).toMatchObject({ kind: 'granted', epoch: 2, amnesia: false });
  });

  it('a Lease that somebody deleted is held until its time is over, and then taken with amnesia', async () => {
    const { system, acquire, vanish } = await start(() => undefined);
    await acquire('n1');
    vanish();
    system.advance(7999);
    expect(await acquire('n2', 1)).toMatchObject({ kind: 'held', view: { nonce: 'n1', remaining: 1 } });
    system.advance(1);
    expect(await acquire('n2', 1)).toMatchObject({ kind: 'granted', epoch: 2, amnesia: true });
  });

  it('a busy server is not waited for: the elector has its own schedule', async () => {
    const { server, acquire } = await start(() => 'busy');
    expect(await acquire('n1')).toMatchObject({ kind: 'unavailable' });
    expect(server.seen.length).toBe(1);
  });

  it('a follower with a subscription reads from it; the holder itself always asks the server', async () => {
    const { server, system, store, acquire } = await start(() => undefined);
    await acquire('n1');
    const follower = openLeaseLock(
      { server: server.url, credential: { kind: 'none' } },
      { namespace: 'ns', system, userAgent: 'test' },
    );
    open.push(() => follower.close());
    const stop = new AbortController();
    const up = vi.fn<(state: boolean) => void>();
    const subscriptions = [follower, store].map((each) => each.subscribe('lock', () => {}, up, stop.signal));
    await vi.waitFor(() => expect(up).toHaveBeenCalledTimes(2));
    const before = server.seen.length;
    expect(await follower.read('lock', NEVER)).toMatchObject({ kind: 'held', nonce: 'n1', remaining: 8000 });
    expect(server.seen.length).toBe(before);
    await store.read('lock', NEVER);
    expect(server.seen.length).toBe(before + 1);
    system.advance(8000);
    expect(await follower.read('lock', NEVER)).toMatchObject({ kind: 'free', epoch: 1 });
    expect(server.seen.length).toBe(before + 2);
    stop.abort();
    await Promise.all(subscriptions);
  });
});

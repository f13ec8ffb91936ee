/** The lock in PostgreSQL on a real server: its rules, what only PostgreSQL can get wrong, and the Go program's table. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createProgress } from '../../sandbox/progress.ts';
import { startPostgres, type PostgresServer } from '../../sandbox/servers/postgres.ts';
import { STRANGER_SLACK } from '../../src/core/election/timing.ts';
import { describeLockStore } from './lock-store.ts';
import { PostgresBench, request, TTL, win } from './postgres-bench.ts';

const never = new AbortController().signal;
const bench = new PostgresBench();
let server: PostgresServer;

beforeAll(async () => {
  const surroundings = { env: process.env, progress: createProgress(process.stderr) };
  server = await startPostgres(surroundings, never, { settings: { max_connections: '200' } });
});
afterAll(() => server?.stop());
beforeEach(async () => {
  await bench.sql(server, 'DROP TABLE IF EXISTS highlander_lease, highlander_schema, leader_locks');
});
afterEach(() => bench.close());

describeLockStore(
  'postgres',
  async () => ({
    store: await bench.open(server),
    second: await bench.open(server),
    another: () => bench.open(server, { timeout: 5_000 }),
    stop: async () => {},
  }),
  { runs: 15 },
);

describe('many clients', () => {
  it('that start together on an empty database make the tables once', async () => {
    const clients = await Promise.all(
      Array.from({ length: 12 }, () => bench.open(server, { timeout: 5_000 })),
    );
    const replies = await Promise.all(
      clients.map((client, index) => client.acquire(request(`n${index}`), never)),
    );
    const kinds = replies.map(({ kind }) => kind).toSorted();
    expect(kinds).toEqual(['granted', ...Array.from({ length: 11 }, () => 'held')]);
    expect(await bench.sql(server, 'SELECT version FROM highlander_schema')).toEqual([{ version: 1 }]);
  });
});

describe('the row', () => {
  it('keeps the epoch and who held it when the lock is released', async () => {
    const store = await bench.open(server);
    const grant = await win(store, 'n1', 6);
    expect(await store.release(grant, never)).toEqual({ kind: 'released' });
    expect(await store.read('blue', never)).toEqual({ kind: 'free', epoch: 7, lastHolder: 'node-a/uid/n1' });
    expect((await win(store, 'n2')).epoch).toBe(8);
  });

  it('that is deleted under a live holder is a loss for it, and amnesia for whoever knows a floor', async () => {
    const store = await bench.open(server);
    const grant = await win(store, 'n1', 4);
    await bench.sql(server, 'DELETE FROM highlander_lease');
    expect(await store.renew(grant, never)).toEqual({ kind: 'lost' });
    expect(await store.acquire(request('n2', { floor: grant.epoch }), never)).toMatchObject({
      kind: 'granted',
      epoch: grant.epoch + 1,
      amnesia: true,
    });
    expect(await store.read('blue', never)).toMatchObject({ kind: 'held', nonce: 'n2', amnesia: true });
  });

  it('whose table was dropped comes back with the next request, and its epochs go on above the floor', async () => {
    const store = await bench.open(server);
    const grant = await win(store, 'n1');
    await bench.sql(server, 'DROP TABLE highlander_lease');
    expect(await store.renew(grant, never)).toMatchObject({ kind: 'unavailable', code: '42P01' });
    expect(await store.renew(grant, never)).toEqual({ kind: 'lost' });
    expect(await store.acquire(request('n2', { floor: 1 }), never)).toMatchObject({
      epoch: 2,
      amnesia: true,
    });
  });

  it('takes any holder and name as text, and epochs up to the last safe one', async () => {
    const store = await bench.open(server);
    const holder = `a'b\\c"/ü$1/;--`;
    const last = Number.MAX_SAFE_INTEGER;
    const reply = await store.acquire(request('n1', { holder, floor: last - 1 }), never);
    expect(reply).toMatchObject({ kind: 'granted', epoch: last });
    expect(await store.read('blue', never)).toMatchObject({ kind: 'held', holder, epoch: last });
    await store.release({ name: 'blue', nonce: 'n1', epoch: last }, never);
    expect(await store.acquire(request('n2'), never)).toMatchObject({ kind: 'unavailable', code: '23514' });
  });

  it('is not written by who asks in vain', async () => {
    const store = await bench.open(server);
    await win(store, 'n1');
    const before = await bench.sql(server, 'SELECT xmin::text, xmax::text FROM highlander_lease');
    expect(await (await bench.open(server)).acquire(request('n2'), never)).toMatchObject({ kind: 'held' });
    expect(await bench.sql(server, 'SELECT xmin::text, xmax::text FROM highlander_lease')).toEqual(before);
  });
});

describe('the identity of the data', () => {
  const IDENTITY = `SELECT server FROM highlander_lease`;

  it('is kept with the lock: system identifier and timeline', async () => {
    await win(await bench.open(server), 'n1');
    const [row] = await bench.sql(server, IDENTITY);
    expect(row?.['server']).toMatch(/^\d{15,20}\/0000000\d$/);
  });

  it.each([
    ['changed while a holder was not released', false, true],
    ['changed after a release', true, false],
  ])('that %s: amnesia %s -> %s', async (_what, isReleased, amnesia) => {
    const store = await bench.open(server);
    const grant = await win(store, 'n1');
    if (isReleased) await store.release(grant, never);
    // As a standby shows it that was promoted: another timeline, and time has passed.
    await bench.sql(
      server,
      `UPDATE highlander_lease SET server = '1/00000009', expires_at = clock_timestamp()`,
    );
    expect(await store.acquire(request('n2'), never)).toMatchObject({ kind: 'granted', amnesia });
  });

  it('that is the same after a restart is no amnesia: what was committed is there', async () => {
    const own = await bench.start();
    const store = await bench.open(own);
    const grant = await win(store, 'n1');
    await own.restart();
    expect(await bench.eventually(() => store.renew(grant, never))).toMatchObject({ kind: 'ok' });
    await store.release(grant, never);
    expect(await store.acquire(request('n2', { floor: 1 }), never)).toMatchObject({
      epoch: 2,
      amnesia: false,
    });
  });

  it('that may not be asked for is left out, and the floor still tells of lost data', async () => {
    const own = await bench.start();
    await bench.sql(own, 'REVOKE EXECUTE ON FUNCTION pg_control_system() FROM public');
    await bench.role(own, 'plain', 'GRANT CREATE ON SCHEMA public TO plain');
    const store = await bench.open(own, { user: 'plain' });
    const grant = await win(store, 'n1');
    expect(await store.renew(grant, never)).toMatchObject({ kind: 'ok' });
    expect(await bench.sql(own, IDENTITY)).toEqual([{ server: '' }]);
    await bench.sql(own, 'DELETE FROM highlander_lease');
    expect(await store.acquire(request('n2', { floor: 1 }), never)).toMatchObject({ amnesia: true });
  });
});

describe('beside the Go program', () => {
  const KEY = 'highlander-leader-lock:blue';

  /** As it makes it, and one row of it. */
  async function goHolds(expires: string, key = KEY): Promise<void> {
    await bench.sql(
      server,
      `CREATE TABLE IF NOT EXISTS leader_locks (key text PRIMARY KEY, value text, cluster_name text, metadata text,
        created_at timestamptz, updated_at timestamptz, expires_at timestamptz, version bigint);
       INSERT INTO leader_locks VALUES ('${key}', 'go-1', '', '{}', now(), now(), now() + interval '${expires}', 1)
       ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at`,
    );
  }

  it('its live row is a lock of somebody without a nonce, and ours is not granted beside it', async () => {
    const store = await bench.open(server);
    await goHolds('100 s');
    const view = await store.read('blue', never);
    expect(view).toMatchObject({ kind: 'held', holder: 'go-1', epoch: 0, isStranger: true });
    expect(view).not.toHaveProperty('nonce');
    const reply = await store.acquire(request('n1', { floor: 9 }), never);
    expect(reply).toMatchObject({ kind: 'held', view: { holder: 'go-1', isStranger: true } });
    expect(reply.kind === 'held' && reply.view.remaining).toBeCloseTo(100_000, -4);
    expect(await bench.sql(server, 'SELECT count(*)::int AS rows FROM highlander_lease')).toEqual([
      { rows: 0 },
    ]);
  });

  it('its row counts for five seconds after its expiry, whose clock it is not; after that, and deleted, it does not', async () => {
    const store = await bench.open(server);
    await goHolds('-4 s');
    expect(await store.acquire(request('n1'), never)).toMatchObject({
      kind: 'held',
      view: { holder: 'go-1' },
    });
    await goHolds('-6 s');
    const grant = await win(store, 'n1');
    await goHolds('100 s');
    expect(await store.renew(grant, never)).toEqual({ kind: 'lost', holder: 'go-1' });
    await bench.sql(server, 'DELETE FROM leader_locks');
    expect(await store.renew(grant, never)).toMatchObject({ kind: 'ok' });
  });

  it('its row that is gone after its expiry was not released: what is told of the rest of its time leaves that open', async () => {
    const store = await bench.open(server);
    await goHolds('0.2 s');
    const left = async (): Promise<number> => {
      const view = await store.read('blue', never);
      return view.kind === 'held' ? view.remaining : NaN;
    };
    expect(await left()).toBeLessThanOrEqual(200);
    await goHolds('-1 s');
    expect(await left()).toBe(STRANGER_SLACK);
    await goHolds('-4.9 s');
    expect(await left()).toBeLessThanOrEqual(100);
  });

  it('its table is noticed when it appears on a connection that is in use', async () => {
    const store = await bench.open(server);
    const grant = await win(store, 'n1');
    await goHolds('100 s');
    expect(await store.renew(grant, never)).toEqual({ kind: 'lost', holder: 'go-1' });
    expect(await store.read('blue', never)).toMatchObject({ kind: 'held', holder: 'go-1' });
    expect(await store.release(grant, never)).toEqual({ kind: 'released' });
  });

  it('a release that is the first to see its table is a release', async () => {
    const store = await bench.open(server);
    const grant = await win(store, 'n1');
    await goHolds('100 s', 'highlander-leader-lock:other');
    expect(await store.release(grant, never)).toEqual({ kind: 'released' });
    expect((await win(store, 'n2')).epoch).toBe(2);
  });

  it('a lock of another tenant is none of ours, and nothing is ever written to its table', async () => {
    await goHolds('100 s', 'highlander-leader-lock:green');
    const rows = 'SELECT * , xmin::text FROM leader_locks';
    const before = await bench.sql(server, rows);
    const store = await bench.open(server);
    await store.release(await win(store, 'n1'), never);
    expect(await bench.sql(server, rows)).toEqual(before);
  });
});

describe('the cost', () => {
  it('of a renewal is one row looked up and written, of a look and of asking in vain one looked up', async () => {
    const store = await bench.open(server);
    const grant = await win(store, 'n1');
    for (let count = 0; count < 5; count += 1) await store.acquire(request('n2'), never);
    for (let count = 0; count < 5; count += 1) await store.renew(grant, never);
    for (let count = 0; count < 5; count += 1) await store.read('blue', never);
    // What a session did is counted at the latest when it ends.
    await store.close();
    await vi.waitFor(async () => expect(await bench.tableUse(server)).toMatchObject({ written: 6 }), 10_000);
    expect((await bench.tableUse(server)).scans).toBeLessThanOrEqual(18);
  });
});

describe('TTL', () => {
  it('is judged by the clock of the server alone', async () => {
    const store = await bench.open(server);
    await win(store, 'n1');
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    const { rows } = await client.query(
      'SELECT extract(epoch FROM expires_at - clock_timestamp())::float8 * 1000 AS left FROM highlander_lease',
    );
    await client.end();
    expect(rows[0].left).toBeGreaterThan(TTL - 1_000);
    expect(rows[0].left).toBeLessThanOrEqual(TTL);
  });
});

/** What PostgreSQL and the way to it can do to the lock: hang, break, refuse, forget; and what is said about it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAuthority, issueServer } from '../../sandbox/control-plane/certificate.ts';
import { createProgress } from '../../sandbox/progress.ts';
import { startProxy, type Proxy } from '../../sandbox/proxy.ts';
import { startPostgres, type PostgresServer } from '../../sandbox/servers/postgres.ts';
import { postgresSchema } from '../../src/adapters/lock/postgres-schema.ts';
import { eventually } from '../e2e/eventually.ts';
import { startDeafPooler } from './deaf-pooler.ts';
import { PostgresBench, request, win } from './postgres-bench.ts';

const never = new AbortController().signal;
const bench = new PostgresBench();
let server: PostgresServer;

beforeAll(async () => {
  const surroundings = { env: process.env, progress: createProgress(process.stderr) };
  server = await startPostgres(surroundings, never);
});
afterAll(() => server?.stop());
beforeEach(async () => {
  await bench.sql(server, 'DROP TABLE IF EXISTS highlander_lease, highlander_schema, leader_locks');
});
afterEach(() => bench.close());

function refusal(cause: string): object {
  return { kind: 'unavailable', cause: expect.stringContaining(cause) as string };
}

describe('a server that does not answer', () => {
  it('every call ends within its deadline, and a late reply is given to nobody', async () => {
    const store = await bench.open(server, { timeout: 300 });
    const grant = await win(store, 'n1');
    server.pause();
    try {
      const calls = [
        () => store.acquire(request('n2'), never),
        () => store.renew(grant, never),
        () => store.release(grant, never),
        () => store.read('blue', never),
      ];
      for (const call of calls) {
        const startedAt = performance.now();
        expect(await call()).toMatchObject(refusal('no answer within 300 ms'));
        expect(performance.now() - startedAt).toBeLessThan(450);
      }
    } finally {
      server.resume();
    }
  });

  it('an acquisition of unknown outcome can be repeated: one grant, one epoch', async () => {
    const store = await bench.open(server, { timeout: 300 });
    await store.read('blue', never);
    server.pause();
    try {
      expect(await store.acquire(request('n1'), never)).toMatchObject({ kind: 'unavailable' });
    } finally {
      server.resume();
    }
    const again = await bench.eventually(() => store.acquire(request('n1'), never));
    expect(again).toMatchObject({ kind: 'granted', epoch: 1 });
    expect(await store.acquire(request('n2'), never)).toMatchObject({ kind: 'held', view: { nonce: 'n1' } });
  });

  it('an aborted signal settles the call at once', async () => {
    const store = await bench.open(server);
    await win(store, 'n1');
    server.pause();
    try {
      const caller = new AbortController();
      const reply = store.read('blue', caller.signal);
      const startedAt = performance.now();
      caller.abort();
      expect(await reply).toMatchObject({ kind: 'unavailable' });
      expect(performance.now() - startedAt).toBeLessThan(100);
    } finally {
      server.resume();
    }
  });
});

describe('a request that is given up', () => {
  it('takes its connection along, not the request behind it', async () => {
    const store = await bench.open(server);
    const grant = await win(store, 'n1');
    for (let round = 0; round < 20; round += 1) {
      const caller = new AbortController();
      const renewal = store.renew(grant, caller.signal);
      await new Promise((resolve) => setImmediate(resolve));
      caller.abort();
      const [given, behind] = await Promise.all([renewal, store.renew(grant, never)]);
      expect(given).toMatchObject({ kind: 'unavailable' });
      expect(behind).toMatchObject({ kind: 'ok' });
    }
    expect(await store.release(grant, never)).toEqual({ kind: 'released' });
  });
});

describe('the way to the server', () => {
  let proxy: Proxy;
  beforeEach(async () => {
    proxy = await startProxy({ host: '127.0.0.1', port: server.port });
  });
  afterEach(() => proxy.close());

  it('loses the reply: the acquisition is applied, and found by reading', async () => {
    const store = await bench.open(server, { port: proxy.port, timeout: 300 });
    await store.release(await win(store, 'n0'), never);
    proxy.cut('down');
    expect(await store.acquire(request('n1'), never)).toMatchObject({ kind: 'unavailable' });
    proxy.restore();
    expect(await store.read('blue', never)).toMatchObject({
      kind: 'held',
      nonce: 'n1',
      epoch: 2,
      amnesia: false,
    });
  });

  it('loses the request: nothing is applied, and the connection is left', async () => {
    const store = await bench.open(server, { port: proxy.port, timeout: 300 });
    await store.read('blue', never);
    proxy.cut('up');
    expect(await store.acquire(request('n1'), never)).toMatchObject({ kind: 'unavailable' });
    expect(await (await bench.open(server)).read('blue', never)).toMatchObject({ kind: 'free' });
    proxy.restore();
    expect(await store.read('blue', never)).toMatchObject({ kind: 'free' });
  });

  it('breaks: the next request connects anew', async () => {
    const store = await bench.open(server, { port: proxy.port });
    const grant = await win(store, 'n1');
    proxy.reset();
    expect(await bench.eventually(() => store.renew(grant, never))).toMatchObject({ kind: 'ok' });
  });
});

describe('a server that reads and does not write', () => {
  it('because somebody holds a lock on the table: looks go on, writes say why within their time', async () => {
    const store = await bench.open(server);
    const grant = await win(store, 'n1');
    const somebody = new pg.Client({ connectionString: server.url });
    await somebody.connect();
    try {
      await somebody.query('BEGIN; LOCK TABLE highlander_lease IN SHARE MODE');
      expect(await store.read('blue', never)).toMatchObject({ kind: 'held', nonce: 'n1' });
      const startedAt = performance.now();
      expect(await store.renew(grant, never)).toMatchObject(refusal('see pg_locks'));
      expect(performance.now() - startedAt).toBeLessThan(1_000);
    } finally {
      await somebody.end();
    }
    expect(await store.renew(grant, never)).toMatchObject({ kind: 'ok' });
  });

  it('because it is a standby is neither written nor believed; promoted, its data are suspect', async () => {
    const own = await bench.start();
    const store = await bench.open(own);
    const grant = await win(store, 'n1');
    await own.kill();
    await writeFile(join(own.data, 'standby.signal'), '', { mode: 0o666 });
    await own.restart();
    const refused = refusal('is read-only (25006): point databaseURL at the primary');
    await expect.poll(() => store.read('blue', never), { timeout: 10_000 }).toMatchObject(refused);
    expect(await store.acquire(request('n2'), never)).toMatchObject(refused);
    await bench.sql(own, 'SELECT pg_promote()');
    // The former holder did not come back, so its time passes.
    const next = await eventually('the lock is granted', async () => {
      const reply = await store.acquire(request('n3', { floor: grant.epoch }), never);
      return reply.kind === 'granted' ? reply : undefined;
    });
    expect(next).toMatchObject({ epoch: grant.epoch + 1, amnesia: true });
  });

  it('because it was told so: the same', async () => {
    await bench.role(server, 'reader', `ALTER ROLE reader SET default_transaction_read_only = on`);
    expect(await (await bench.open(server, { user: 'reader' })).read('blue', never)).toMatchObject(
      refusal('is read-only'),
    );
  });
});

describe('a server that refuses', () => {
  const SCRAM = ['host all postgres 127.0.0.1/32 trust', 'host all all 127.0.0.1/32 scram-sha-256'];

  it('says which password setting is wrong, and never the password', async () => {
    const own = await bench.start({ access: SCRAM });
    await bench.role(own, 'app', 'GRANT CREATE ON SCHEMA public TO app');
    const wrong = await bench.open(own, { user: 'app', secret: 'wrong%2Dsecret' });
    const reply = await wrong.acquire(request('n1'), never);
    expect(reply).toMatchObject(refusal('refused user or password (28P01)'));
    expect(JSON.stringify([reply, wrong.address])).not.toMatch(/wrong|secret/);
    const none = await bench.open(own, { user: 'app' });
    expect(await none.read('blue', never)).toMatchObject(refusal('set databasePassword'));
    const right = await bench.open(own, { user: 'app', secret: 'wrong', password: 'right-secret' });
    expect(await right.read('blue', never)).toEqual({ kind: 'free', epoch: 0 });
    expect(right.address).toBe(`127.0.0.1:${own.port}/postgres`);
  });

  it('takes a password from a file, and the new one when it was changed', async () => {
    const own = await bench.start({ access: SCRAM });
    await bench.role(own, 'app', 'GRANT CREATE ON SCHEMA public TO app');
    const folder = await mkdtemp(join(tmpdir(), 'k8-highlander-secret-'));
    const passwordFile = join(folder, 'password');
    try {
      const store = await bench.open(own, { user: 'app', passwordFile });
      expect(await store.read('blue', never)).toMatchObject(
        refusal(`databasePasswordFile ${passwordFile} cannot`),
      );
      await writeFile(passwordFile, 'old-secret\n');
      expect(await store.read('blue', never)).toMatchObject(refusal('(28P01)'));
      await writeFile(passwordFile, 'right-secret\n');
      expect(await store.read('blue', never)).toEqual({ kind: 'free', epoch: 0 });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it.each([
    ['an unknown database', { database: 'nowhere' }, 'has no database nowhere (3D000)'],
    ['an unknown user', { user: 'nobody_here' }, '(28000)'],
    ['a port where nobody listens', { port: 1 }, 'refused the connection: is it running'],
    ['a name that does not exist', { host: 'no-such-host.invalid' }, 'cannot be found by name'],
  ])('%s', async (_what, opening, cause) => {
    const store = await bench.open(server, opening);
    expect(await store.read('blue', never)).toMatchObject(refusal(cause));
  });

  it('too many connections', async () => {
    await bench.role(server, 'crowd', 'ALTER ROLE crowd CONNECTION LIMIT 0');
    const store = await bench.open(server, { user: 'crowd' });
    expect(await store.read('blue', never)).toMatchObject(refusal('has too many connections (53300)'));
  });

  it('a user that may not create tables is told how an operator does; afterwards it needs no more than to use them', async () => {
    await bench.role(server, 'plain', 'REVOKE CREATE ON SCHEMA public FROM public');
    const store = await bench.open(server, { user: 'plain' });
    expect(await store.acquire(request('n1'), never)).toMatchObject(refusal('k8-highlander store schema'));
    await bench.sql(server, postgresSchema());
    expect(await store.acquire(request('n1'), never)).toMatchObject(
      refusal('GRANT SELECT, INSERT, UPDATE ON highlander_lease, highlander_schema TO plain'),
    );
    await bench.sql(server, 'GRANT SELECT, INSERT, UPDATE ON highlander_lease, highlander_schema TO plain');
    const grant = await win(store, 'n1');
    expect(await store.renew(grant, never)).toMatchObject({ kind: 'ok' });
    expect(await store.release(grant, never)).toEqual({ kind: 'released' });
    await bench.sql(server, 'CREATE TABLE leader_locks (key text, value text, expires_at timestamptz)');
    expect(await store.read('blue', never)).toMatchObject(refusal('GRANT SELECT ON leader_locks TO plain'));
  });

  it('a table that is somebody else’s of the same name', async () => {
    await bench.sql(server, 'CREATE TABLE highlander_lease (id int)');
    const store = await bench.open(server);
    expect(await store.acquire(request('n1'), never)).toMatchObject(refusal('of another form (42703)'));
  });
});

describe('TLS', () => {
  it('is used as sslmode says', async () => {
    const authority = createAuthority('test');
    const credential = issueServer(authority, 'postgres', ['127.0.0.1']);
    const own = await bench.start({
      settings: { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key' },
      files: { 'server.crt': credential.certificate, 'server.key': credential.key },
      access: ['hostssl all all 127.0.0.1/32 trust'],
    });
    const folder = await mkdtemp(join(tmpdir(), 'k8-highlander-tls-'));
    const root = join(folder, 'root.crt');
    await writeFile(root, authority.certificate);
    const ask = async (query: string) => (await bench.open(own, { query })).read('blue', never);
    const free = { kind: 'free' };
    try {
      expect(await ask('')).toMatchObject(free);
      expect(await ask('?sslmode=require')).toMatchObject(free);
      expect(await ask(`?sslmode=verify-ca&sslrootcert=${root}`)).toMatchObject(free);
      expect(await ask(`?sslmode=verify-full&sslrootcert=${root}`)).toMatchObject(free);
      expect(await ask('?sslmode=verify-full')).toMatchObject(refusal('name its authority with sslrootcert'));
      expect(await ask('?sslmode=disable')).toMatchObject(refusal('accepts only TLS from here'));
      expect(await ask(`?sslmode=require&sslrootcert=${root}x`)).toMatchObject(refusal('cannot be read'));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('that the server does not speak is an error only where it is required', async () => {
    const plain = await bench.open(server, { query: '?sslmode=prefer' });
    expect(await plain.read('blue', never)).toMatchObject({ kind: 'free' });
    const strict = await bench.open(server, { query: '?sslmode=require' });
    expect(await strict.read('blue', never)).toMatchObject(refusal('speaks no TLS'));
  });
});

describe('the schema', () => {
  it('is the one of search_path, also through a pooler that keeps no settings', async () => {
    await bench.sql(server, 'CREATE SCHEMA IF NOT EXISTS apart');
    const store = await bench.open(server, { query: '?search_path=apart' });
    await win(store, 'n1');
    expect(await bench.sql(server, 'SELECT name FROM apart.highlander_lease')).toEqual([{ name: 'blue' }]);
    await bench.sql(server, 'DROP SCHEMA apart CASCADE');
  });
});

/** What a subscription says, in order. */
async function listen(opening = {}, at = server) {
  const over = new AbortController();
  const heard: string[] = [];
  const store = await bench.open(at, opening);
  const done = store.subscribe(
    'blue',
    (hint) => heard.push(hint),
    (up) => heard.push(up ? 'up' : 'down'),
    over.signal,
  );
  const hears = (...expected: string[]) =>
    eventually(
      expected.join(),
      () => heard.join() === expected.join(),
      20_000,
      () => heard.join(),
    );
  const stop = async (): Promise<void> => {
    over.abort();
    await done;
  };
  return { heard, hears, stop };
}

describe('hints', () => {
  it('a take-over and a release are heard, those of other locks are not', async () => {
    const { heard, hears, stop } = await listen();
    await hears('up');
    const store = await bench.open(server);
    await store.acquire(request('other', { name: 'green' }), never);
    const grant = await win(store, 'n1');
    await hears('up', 'changed');
    await store.renew(grant, never);
    await store.release(grant, never);
    await hears('up', 'changed', 'released');
    await stop();
    expect(heard).toHaveLength(3);
  });

  it('a restart breaks the subscription, and it comes back by itself', async () => {
    const own = await bench.start();
    const { heard, hears, stop } = await listen({}, own);
    await hears('up');
    await own.restart();
    await hears('up', 'down', 'up');
    await stop();
    expect(heard).toHaveLength(3);
  });

  it('a subscription on which nothing comes any more is down after 16 seconds at the latest', async () => {
    const own = await bench.start();
    const { hears, stop } = await listen({}, own);
    await hears('up');
    const startedAt = performance.now();
    own.pause();
    await hears('up', 'down');
    expect(performance.now() - startedAt).toBeLessThan(17_000);
    own.resume();
    await hears('up', 'down', 'up');
    await stop();
  });

  it('behind a pooler that loses them the subscription is never up, and everything else works', async () => {
    const pooler = await startDeafPooler(server.port);
    try {
      const through = { port: pooler.port, query: '?sslmode=disable', timeout: 500 };
      const { heard, stop } = await listen(through);
      const store = await bench.open(server, through);
      await eventually('the word of its own is lost', () => pooler.lost > 0);
      const grant = await win(store, 'n1');
      await store.release(grant, never);
      // What is lent to others next carries nothing of ours.
      const [{ query } = {}] = await bench.sql(
        server,
        `SELECT query FROM pg_stat_activity WHERE query LIKE '%freed AS%' AND pid <> pg_backend_pid()`,
      );
      expect(query).toMatch(/^SET TRANSACTION [^;]*;\nSELECT (set_config\('\w+', '[^']*', true\)(, )?)+;\n/);
      await eventually('a notification is lost', () => pooler.lost > 1);
      expect(heard).toEqual([]);
      expect((await win(store, 'n2')).epoch).toBe(2);
      await stop();
    } finally {
      await pooler.close();
    }
  });

  it('a listener that gives up while the server hangs is done at once', async () => {
    server.pause();
    try {
      const { stop } = await listen();
      await expect(stop()).resolves.toBeUndefined();
    } finally {
      server.resume();
    }
  });
});

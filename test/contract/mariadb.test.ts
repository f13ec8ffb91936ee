/** The lock in MariaDB on a real server: what only a server of this family can get wrong. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createConnection,
  type Connection,
  type ConnectionOptions,
  type RowDataPacket,
} from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createProgress } from '../../sandbox/progress.ts';
import { startProxy } from '../../sandbox/proxy.ts';
import { startMariadb, type MariadbServer } from '../../sandbox/servers/mariadb.ts';
import type { MysqlConnectOptions } from '../../src/adapters/lock/mysql-connection.ts';
import { lockName } from '../../src/adapters/lock/mysql-notice.ts';
import { mysqlSchema } from '../../src/adapters/lock/mysql-statements.ts';
import { openMysqlLock } from '../../src/adapters/lock/mysql.ts';
import { createSystem } from '../../src/adapters/system.ts';
import type { AcquireRequest, Grant, LockStore } from '../../src/ports/lock-store.ts';
import { eventually } from '../e2e/eventually.ts';
import { describeLockStore } from './lock-store.ts';

const never = new AbortController().signal;
const system = createSystem({ level: 'error', format: 'text', fields: {} });
const surroundings = { env: process.env, progress: createProgress(process.stderr) };
let server: MariadbServer;
const stores: LockStore[] = [];
const connections: Connection[] = [];
const tasks: Promise<void>[] = [];
let over = new AbortController();

function open(port: number, options: Partial<MysqlConnectOptions> = {}): LockStore {
  const store = openMysqlLock(
    {
      host: '127.0.0.1',
      port,
      address: `127.0.0.1:${port}/test`,
      user: 'root',
      password: '',
      database: 'test',
      sslMode: 'DISABLED',
      timeout: 500,
      ...options,
    },
    system,
  );
  stores.push(store);
  return store;
}

beforeAll(async () => {
  server = await startMariadb(surroundings, never);
});
afterAll(() => server.stop());
afterEach(async () => {
  over.abort();
  await Promise.all(tasks.splice(0));
  over = new AbortController();
  for (const connection of connections.splice(0)) connection.destroy();
  for (const store of stores.splice(0)) await store.close();
});

describeLockStore('mariadb', async () => ({
  store: open(server.port),
  second: open(server.port),
  another: () => open(server.port, { timeout: 5_000 }),
  stop: async () => {},
}));

const TTL = 1500;

/** Another session on the server, for the operator and for whoever stands in the way. */
async function connect(port = server.port, options: ConnectionOptions = {}): Promise<Connection> {
  const where = { host: '127.0.0.1', port, user: 'root', database: 'test' };
  const connection = await createConnection({ ...where, ...options });
  connections.push(connection);
  return connection;
}

function request(nonce: string, options: Partial<AcquireRequest> = {}): AcquireRequest {
  return { name: 'blue', holder: `node-a/uid/${nonce}`, nonce, ttl: TTL, floor: 0, ...options };
}

async function win(store: LockStore, nonce: string, floor = 0): Promise<Grant & { ttl: number }> {
  const reply = await store.acquire(request(nonce, { floor }), never);
  if (reply.kind !== 'granted') throw new Error(`not granted: ${JSON.stringify(reply)}`);
  return { name: 'blue', nonce, epoch: reply.epoch, ttl: TTL };
}

const unavailable = (cause: string) => ({ kind: 'unavailable', cause: expect.stringContaining(cause) });

async function expire(operator: Connection): Promise<void> {
  await operator.query('UPDATE highlander_lease SET expires_at = UTC_TIMESTAMP(6)');
}

async function counters(operator: Connection): Promise<Record<string, number>> {
  const [rows] = await operator.query<RowDataPacket[]>(
    "SHOW GLOBAL STATUS WHERE Variable_name IN ('Com_select', 'Com_update', 'Com_insert')",
  );
  return Object.fromEntries(rows.map((row) => [row['Variable_name'], Number(row['Value'])]));
}

/** A follower that hears; ends with the test. */
async function listen(): Promise<{ readonly heard: string[] }> {
  const heard: string[] = [];
  const up = Promise.withResolvers<void>();
  const onState = (isUp: boolean): void => {
    heard.push(isUp ? 'up' : 'down');
    up.resolve();
  };
  const listening = open(server.port).subscribe('blue', (hint) => heard.push(hint), onState, over.signal);
  tasks.push(listening);
  await up.promise;
  return { heard };
}

/** The sessions in this state. */
async function sessions(operator: Connection, state: string): Promise<number[]> {
  const [rows] = await operator.query<RowDataPacket[]>(
    'SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND state = ?',
    [state],
  );
  return rows.map((row) => Number(row['id']));
}
/** A holder whose notice is in place: nobody else gets the named lock. */
async function lead(store: LockStore): Promise<Grant & { ttl: number }> {
  const reply = await store.acquire(request('n1', { ttl: 30_000 }), never);
  if (reply.kind !== 'granted') throw new Error(JSON.stringify(reply));
  return { name: 'blue', nonce: 'n1', epoch: reply.epoch, ttl: 30_000 };
}

describe('the lock in MariaDB', () => {
  let operator: Connection;
  beforeEach(async () => {
    operator = await connect();
    await operator.query('DROP TABLE IF EXISTS highlander_lease, highlander_schema');
  });

  it('makes its tables once, however many start at once', async () => {
    const replies = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        open(server.port, { timeout: 3000 }).acquire(request(`n${index}`), never),
      ),
    );
    expect(replies.map(({ kind }) => kind).toSorted()).toEqual(['granted', ...Array(5).fill('held')]);
    const [rows] = await operator.query('SELECT version FROM highlander_schema');
    expect(rows).toEqual([{ version: 1 }]);
  });

  it('works with tables that a newer version made beside it', async () => {
    await open(server.port).read('blue', never);
    await operator.query('INSERT INTO highlander_schema VALUES (2)');
    await operator.query('ALTER TABLE highlander_lease ADD COLUMN extra INT NULL');
    expect(await open(server.port).acquire(request('n1'), never)).toMatchObject({
      kind: 'granted',
      epoch: 1,
    });
  });

  it('writes epochs exactly, up to the last safe one, and refuses the next', async () => {
    const store = open(server.port);
    const last = Number.MAX_SAFE_INTEGER;
    const grant = await win(store, 'n1', last - 1);
    expect(grant.epoch).toBe(last);
    expect(await store.renew(grant, never)).toMatchObject({ kind: 'ok' });
    await store.release(grant, never);
    expect(await store.acquire(request('n2'), never)).toMatchObject(unavailable('cannot rise'));
  });

  it('quotes a holder whose id needs it', async () => {
    const store = open(server.port);
    await store.acquire(request('n1', { holder: `a'b\\c"/ü😀/1` }), never);
    expect(await store.read('blue', never)).toMatchObject({ kind: 'held', holder: `a'b\\c"/ü😀/1` });
  });

  it('keeps its counter when the lock is released, and says who held it', async () => {
    const store = open(server.port);
    const grant = await win(store, 'n1', 6);
    expect(await store.release(grant, never)).toEqual({ kind: 'released' });
    expect(await store.read('blue', never)).toEqual({ kind: 'free', epoch: 7, lastHolder: 'node-a/uid/n1' });
  });

  it('takes no time back by a renewal that was delayed, nor after its clock was set back', async () => {
    const store = open(server.port);
    const grant = await win(store, 'n1');
    await operator.query('UPDATE highlander_lease SET expires_at = UTC_TIMESTAMP(6) + INTERVAL 10 SECOND');
    expect(await store.renew(grant, never)).toMatchObject({ kind: 'ok' });
    const view = await store.read('blue', never);
    expect(view.kind === 'held' && view.remaining).toBeGreaterThan(8_000);
  });

  it('takes its session as it needs it, whatever the defaults of the server', async () => {
    await operator.query("SET GLOBAL autocommit = 0, GLOBAL sql_mode = 'SIMULTANEOUS_ASSIGNMENT,ANSI'");
    try {
      const store = open(server.port);
      const grant = await win(store, 'n1');
      expect(await open(server.port).read('blue', never)).toMatchObject({ kind: 'held', nonce: 'n1' });
      expect(await store.release(grant, never)).toEqual({ kind: 'released' });
    } finally {
      await operator.query('SET GLOBAL autocommit = 1, GLOBAL sql_mode = DEFAULT');
    }
  });

  describe('that lost data', () => {
    it('a table that was dropped is made again, and who knows a floor is told of amnesia', async () => {
      const store = open(server.port);
      const grant = await win(store, 'n1', 4);
      await operator.query('DROP TABLE highlander_lease, highlander_schema');
      expect(await store.renew(grant, never)).toMatchObject(unavailable('lost its tables'));
      expect(await store.renew(grant, never)).toEqual({ kind: 'lost' });
      const next = await store.acquire(request('n2', { floor: grant.epoch }), never);
      expect(next).toMatchObject({ kind: 'granted', epoch: grant.epoch + 1, amnesia: true });
    });

    it.each([
      ['held', true],
      ['released', false],
    ])('another server that answers for a lock that was %s: amnesia is %s', async (state, amnesia) => {
      const store = open(server.port);
      const grant = await win(store, 'n1');
      if (state === 'released') await store.release(grant, never);
      await operator.query("UPDATE highlander_lease SET server = 'another'");
      await expire(operator);
      expect(await store.acquire(request('n2'), never)).toMatchObject({ kind: 'granted', epoch: 2, amnesia });
      expect(await store.read('blue', never)).toMatchObject({ nonce: 'n2', amnesia });
    });

    it('a server that was just started may have lost the last renewals: amnesia while a holder was not released', async () => {
      const own = await startMariadb(surroundings, never, ['--innodb-flush-log-at-trx-commit=1']);
      try {
        const ttl = 60_000;
        const store = open(own.port);
        await store.acquire(request('n1', { ttl }), never);
        await own.restart();
        const grant = { name: 'blue', nonce: 'n1', epoch: 1, ttl };
        const renewal = await eventually('the server is back', async () => {
          const reply = await store.renew(grant, never);
          return reply.kind === 'unavailable' ? undefined : reply;
        });
        expect(renewal).toMatchObject({ kind: 'ok' });
        await expire(await connect(own.port));
        const next = await store.acquire(request('n2', { ttl }), never);
        expect(next).toMatchObject({ kind: 'granted', epoch: 2, amnesia: true });
        await store.release({ name: 'blue', nonce: 'n2', epoch: 2 }, never);
        expect(await store.acquire(request('n3', { ttl }), never)).toMatchObject({
          epoch: 3,
          amnesia: false,
        });
      } finally {
        await own.stop();
      }
    });
  });

  describe('that does not answer', () => {
    it('every call ends within its deadline', async () => {
      const store = open(server.port);
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
          expect(await call()).toMatchObject(unavailable('no answer within 500 ms'));
          expect(performance.now() - startedAt).toBeLessThan(800);
        }
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

    it.each(['up', 'down'] as const)(
      'an acquisition whose way %s is cut can be repeated: one grant, one epoch',
      async (direction) => {
        const proxy = await startProxy({ host: '127.0.0.1', port: server.port });
        try {
          const store = open(proxy.port);
          await store.read('blue', never);
          proxy.cut(direction);
          expect(await store.acquire(request('n1', { ttl: 10_000 }), never)).toMatchObject({
            kind: 'unavailable',
          });
          proxy.restore();
          expect(await store.acquire(request('n1', { ttl: 10_000 }), never)).toMatchObject({
            kind: 'granted',
            epoch: 1,
          });
          expect(await store.acquire(request('n2'), never)).toMatchObject({
            kind: 'held',
            view: { nonce: 'n1' },
          });
        } finally {
          await proxy.close();
        }
      },
    );

    it('reads while another session holds the row, and says who stands in the way of a write', async () => {
      const store = open(server.port, { timeout: 3000 });
      const { epoch } = await win(store, 'n1');
      const grant = { name: 'blue', nonce: 'n1', epoch, ttl: 10_000 };
      await operator.query('BEGIN');
      await operator.query('SELECT * FROM highlander_lease FOR UPDATE');
      expect(await store.read('blue', never)).toMatchObject({ kind: 'held', nonce: 'n1' });
      expect(await open(server.port).renew(grant, never)).toMatchObject(
        unavailable('no answer within 500 ms'),
      );
      expect(await store.acquire(request('n2'), never)).toMatchObject({ kind: 'held' });
      expect(await store.renew(grant, never)).toMatchObject(unavailable('end that session'));
      await operator.query('ROLLBACK');
      expect(await store.read('blue', never)).toMatchObject({ epoch });
    });

    it('nothing is sent that was asked while it was away', async () => {
      const own = await startMariadb(surroundings, never);
      try {
        const store = open(own.port);
        await own.kill();
        expect(await store.acquire(request('n1'), never)).toMatchObject(
          unavailable('refused the connection'),
        );
        await own.restart();
        expect(await store.read('blue', never)).toEqual({ kind: 'free', epoch: 0 });
      } finally {
        await own.stop();
      }
    });
  });

  describe('that refuses', () => {
    beforeEach(async () => {
      await operator.query("CREATE OR REPLACE USER plain IDENTIFIED BY 'right-secret'");
    });
    const plain = { user: 'plain', password: 'right-secret' };

    it('says what is wrong with user, password or database, and never the password', async () => {
      const wrong = await open(server.port, { ...plain, password: 'wrong-secret' }).read('blue', never);
      expect(wrong).toMatchObject(unavailable('refused user or password'));
      expect(JSON.stringify(wrong)).not.toContain('wrong-secret');
      expect(await open(server.port, { database: 'nowhere' }).read('blue', never)).toMatchObject(
        unavailable('has no such database'),
      );
      expect(await open(server.port, plain).read('blue', never)).toMatchObject(
        unavailable('grant it rights'),
      );
    });

    it('uses the password that holds now', async () => {
      await operator.query('GRANT ALL ON test.* TO plain');
      let password = 'wrong-secret';
      const store = open(server.port, { user: 'plain', currentPassword: async () => password });
      expect(await store.read('blue', never)).toMatchObject({ kind: 'unavailable' });
      password = 'right-secret';
      expect(await store.read('blue', never)).toEqual({ kind: 'free', epoch: 0 });
    });

    it('names the rights that are missing; with them and finished tables it needs no more', async () => {
      await operator.query('GRANT SELECT ON test.* TO plain');
      expect(await open(server.port, plain).read('blue', never)).toMatchObject(
        unavailable('GRANT SELECT, INSERT'),
      );
      const admin = await connect(server.port, { multipleStatements: true });
      await admin.query(mysqlSchema());
      await admin.query(mysqlSchema());
      expect(await open(server.port, plain).acquire(request('n1'), never)).toMatchObject(
        unavailable('GRANT SELECT, INSERT'),
      );
      await operator.query('REVOKE ALL PRIVILEGES, GRANT OPTION FROM plain');
      await operator.query('GRANT SELECT, INSERT, UPDATE ON test.highlander_lease TO plain');
      await operator.query('GRANT SELECT, INSERT, UPDATE ON test.highlander_schema TO plain');
      const store = open(server.port, plain);
      const grant = await win(store, 'n1');
      expect(await store.renew(grant, never)).toMatchObject({ kind: 'ok' });
      expect(await store.release(grant, never)).toEqual({ kind: 'released' });
    });

    it('a read-only server is neither written nor believed, not even by who may write there', async () => {
      const store = open(server.port);
      await store.read('blue', never);
      await operator.query('SET GLOBAL read_only = 1');
      try {
        expect(await store.read('blue', never)).toMatchObject(unavailable('read-only'));
        expect(await store.acquire(request('n1'), never)).toMatchObject(unavailable('read-only'));
      } finally {
        await operator.query('SET GLOBAL read_only = 0');
      }
      expect(await store.read('blue', never)).toEqual({ kind: 'free', epoch: 0 });
    });

    it('says that there are too many connections', async () => {
      await operator.query('GRANT ALL ON test.* TO plain');
      await operator.query('SET GLOBAL max_connections = 10');
      const others: LockStore[] = [];
      try {
        const causes: unknown[] = [];
        for (let index = 0; index < 12; index += 1) {
          const store = open(server.port, plain);
          others.push(store);
          causes.push(await store.read('blue', never));
        }
        expect(causes.at(-1)).toMatchObject(unavailable('raise max_connections'));
      } finally {
        for (const store of others) await store.close();
        await operator.query('SET GLOBAL max_connections = 100');
      }
    });
  });

  describe('that gives notice', () => {
    const waiting = (count: number) =>
      eventually(`${count} wait`, async () => (await sessions(operator, 'User lock')).length === count);

    it('every follower hears of a release at once', async () => {
      const store = open(server.port);
      const grant = await lead(store);
      const followers = [await listen(), await listen(), await listen()];
      await waiting(3);
      const releasedAt = performance.now();
      expect(await store.release(grant, never)).toEqual({ kind: 'released' });
      await eventually('all have heard', () => followers.every(({ heard }) => heard.includes('released')));
      expect(performance.now() - releasedAt).toBeLessThan(400);
    });

    it('a holder that dies is noticed, and is held until its time has passed', async () => {
      const store = open(server.port);
      await lead(store);
      const { heard } = await listen();
      await waiting(1);
      await store.close();
      await eventually('it is heard', () => heard.includes('changed'));
      expect(heard).not.toContain('released');
      expect(await open(server.port).acquire(request('n2'), never)).toMatchObject({ kind: 'held' });
    });

    it('a notice whose connection was ended is put up again', async () => {
      const store = open(server.port);
      const grant = await lead(store);
      const { heard } = await listen();
      await waiting(1);
      const [[row]] = (await operator.query('SELECT IS_USED_LOCK(?) AS id', [
        lockName('test', 'blue'),
      ])) as unknown as [[{ id: number }]];
      await operator.query(`KILL ${row.id}`);
      await eventually('it is heard', () => heard.includes('changed'));
      await waiting(1);
      expect(heard).not.toContain('released');
      await store.release(grant, never);
      await eventually('the release is heard', () => heard.includes('released'));
    });

    it('a connection that breaks is told, and made again', async () => {
      const { heard } = await listen();
      const ids = await eventually('it is connected', async () => {
        const [rows] = await operator.query<RowDataPacket[]>(
          'SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user = ?',
          ['root'],
        );
        return rows.length > 0 ? rows.map((row) => Number(row['id'])) : undefined;
      });
      for (const id of ids) await operator.query(`KILL ${id}`).catch(() => {});
      await eventually('down and up', () => heard.join().includes('down,up'));
    });

    it('costs one write per renewal, and nothing per follower but one wait a minute', async () => {
      const store = open(server.port);
      const grant = await lead(store);
      await listen();
      await listen();
      await waiting(2);
      const before = await counters(operator);
      for (let renewal = 0; renewal < 4; renewal += 1) {
        await sleep(500);
        await store.renew(grant, never);
      }
      const after = await counters(operator);
      expect(Number(after['Com_update']) - Number(before['Com_update'])).toBe(4);
      expect(after['Com_select']).toBe(before['Com_select']);
      expect(after['Com_insert']).toBe(before['Com_insert']);
    });
  });
});

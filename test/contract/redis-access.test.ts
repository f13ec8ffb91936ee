/** Who may speak with Redis, and how: TLS, users, passwords in files, and servers that are not the right ones. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { openPki, type Pki } from '../../sandbox/control-plane/pki.ts';
import { createProgress } from '../../sandbox/progress.ts';
import { startRedis, startSentinel, startTlsRedis, type RedisServer } from '../../sandbox/servers/redis.ts';
import { openRedisLock, type RedisLockOptions } from '../../src/adapters/lock/redis.ts';
import { createSystem } from '../../src/adapters/system.ts';
import type { LockStore } from '../../src/ports/lock-store.ts';

/** The rights that the store needs, as the reference page gives them. */
const ACL_RULES =
  'on ~highlander-* &highlander-* +@connection +eval +evalsha +info +time +role +wait +get +set +del +pttl +pexpire +publish +subscribe';

const never = new AbortController().signal;
const system = createSystem({ level: 'error', format: 'text', fields: {} });
const surroundings = { env: process.env, progress: createProgress(process.stderr) };
const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function server(...args: string[]): Promise<RedisServer> {
  const started = await startRedis(surroundings, never, args);
  cleanUps.push(() => started.stop());
  return started;
}

function open({ address }: RedisServer, options: Partial<RedisLockOptions> = {}): LockStore {
  const store = openRedisLock({ address, database: 0, timeout: 1_000, ...options }, system);
  cleanUps.push(() => store.close());
  return store;
}

async function causeOf(store: LockStore): Promise<string> {
  const reply = await store.read('blue', never);
  return reply.kind === 'unavailable' ? reply.cause : reply.kind;
}

/** A server on which the user `highlander` with the password `pw` has these rights. */
async function serverWithUser(rules: string): Promise<RedisServer> {
  const redis = await server();
  const admin = createClient({ url: `redis://${redis.address}` });
  admin.on('error', () => {});
  cleanUps.push(() => admin.destroy());
  await admin.connect();
  await admin.sendCommand(['ACL', 'SETUSER', 'highlander', '>pw', ...rules.split(' ')]);
  return redis;
}

/** Everything the store does, once. */
async function useAll(store: LockStore): Promise<readonly string[]> {
  const request = { name: 'blue', holder: 'a/h/1', nonce: 'n1', ttl: 1_500, floor: 0 };
  const acquired = await store.acquire(request, never);
  const grant = { name: 'blue', nonce: 'n1', epoch: acquired.kind === 'granted' ? acquired.epoch : 0 };
  const held = await store.read('blue', never);
  const renewed = await store.renew({ ...grant, ttl: 1_500 }, never);
  const released = await store.release(grant, never);
  const over = new AbortController();
  const states: boolean[] = [];
  await store.subscribe(
    'blue',
    () => {},
    (up) => {
      states.push(up);
      over.abort();
    },
    over.signal,
  );
  return [
    acquired.kind,
    held.kind,
    renewed.kind,
    released.kind,
    (await store.read('blue', never)).kind,
    String(states[0]),
  ];
}

async function fileWith(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-access-'));
  cleanUps.push(() => rm(folder, { recursive: true }));
  const file = join(folder, 'secret');
  await writeFile(file, text);
  return file;
}

describe('a password', () => {
  it('in a file is read for each connection, so that a rotation needs no restart', async () => {
    const redis = await server('--requirepass', 'first');
    const passwordFile = await fileWith('first\n');
    const store = open(redis, { passwordFile, password: 'not this one' });
    expect(await causeOf(store)).toBe('free');
    const admin = createClient({ url: `redis://:first@${redis.address}` });
    admin.on('error', () => {});
    cleanUps.push(() => admin.destroy());
    await admin.connect();
    await admin.configSet('requirepass', 'second');
    await admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
    await vi.waitFor(async () => expect(await causeOf(store)).toContain('redis.passwordFile'), 5_000);
    await writeFile(passwordFile, 'second');
    expect(await causeOf(store)).toBe('free');
  });

  it('in a file that is not there is a cause that names the file', async () => {
    const cause = await causeOf(open(await server(), { passwordFile: '/nowhere/secret' }));
    expect(cause).toContain('/nowhere/secret cannot be read (ENOENT)');
  });
});

describe('an ACL user', () => {
  it('with exactly the documented rights can do everything', async () => {
    const redis = await serverWithUser(ACL_RULES);
    const store = open(redis, { username: 'highlander', password: 'pw' });
    expect(await useAll(store)).toEqual(['granted', 'held', 'ok', 'released', 'free', 'true']);
  });

  it.each(['+evalsha', '+info', '+time', '+get', '+set', '+del', '+pttl', '+pexpire', '+subscribe'])(
    'needs %s',
    async (right) => {
      const rules = ACL_RULES.replace(` ${right}`, '');
      const redis = await serverWithUser(rules);
      const store = open(redis, { username: 'highlander', password: 'pw', timeout: 300 });
      const working = useAll(store).then((all) => all.join());
      const patience = new Promise((resolve) => setTimeout(resolve, 1_500, 'nothing heard'));
      expect(await Promise.race([working, patience])).not.toBe('granted,held,ok,released,free,true');
    },
  );

  it('with a wrong password is told which settings to check, never the password', async () => {
    const redis = await serverWithUser(ACL_RULES);
    const cause = await causeOf(open(redis, { username: 'highlander', password: 'hunter2' }));
    expect(cause).toContain('check redis.password, redis.passwordFile and redis.username');
    expect(cause).not.toContain('hunter2');
  });
});

describe('TLS', () => {
  let pki: Pki;
  let folder: string;
  let redis: RedisServer;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'redis-tls-'));
    pki = await openPki(folder);
    const { servingCertificate: certFile, servingKey: keyFile, authorityFile: caFile } = pki;
    redis = await startTlsRedis(surroundings, never, { certFile, keyFile, caFile });
  });
  afterAll(async () => {
    await redis.stop();
    await rm(folder, { recursive: true });
  });

  it('with the authority named, everything works', async () => {
    const store = open(redis, { tls: { caFile: pki.authorityFile, insecureSkipVerify: false } });
    expect(await useAll(store)).toEqual(['granted', 'held', 'ok', 'released', 'free', 'true']);
  });

  it('without it the certificate is refused, unless verification is off', async () => {
    expect(await causeOf(open(redis, { tls: { insecureSkipVerify: false } }))).toContain(
      'set redis.tls.caFile',
    );
    expect(await causeOf(open(redis, { tls: { insecureSkipVerify: true } }))).toBe('free');
  });

  it('a certificate for another name is refused', async () => {
    const tls = { caFile: pki.authorityFile, serverName: 'redis.example', insecureSkipVerify: false };
    expect(await causeOf(open(redis, { tls }))).toContain('set redis.tls.serverName');
  });

  it('one side alone is a cause that names the setting', async () => {
    expect(await causeOf(open(redis))).toContain('set redis.tls');
    const plain = await server();
    expect(await causeOf(open(plain, { tls: { insecureSkipVerify: false } }))).toContain(
      'leave redis.tls out',
    );
  });
});

describe('a user of a Sentinel', () => {
  it('needs the documented rights', async () => {
    const master = await server();
    const sentinel = await startSentinel(surroundings, never, 'main', master);
    cleanUps.push(() => sentinel.stop());
    const admin = createClient({ url: `redis://${sentinel.address}` });
    admin.on('error', () => {});
    cleanUps.push(() => admin.destroy());
    await admin.connect();
    const rules = ['on', '>pw', '+@connection', '+sentinel|master', '+subscribe', '&+switch-master'];
    await admin.sendCommand(['ACL', 'SETUSER', 'highlander', ...rules]);
    const sentinels = { addresses: [sentinel.address], masterName: 'main', username: 'highlander' };
    const store = open(master, { sentinel: { ...sentinels, password: 'pw' } });
    expect(await useAll(store)).toEqual(['granted', 'held', 'ok', 'released', 'free', 'true']);
    const wrong = await causeOf(open(master, { sentinel: { ...sentinels, password: 'hunter2' } }));
    expect(wrong).toContain('check redis.sentinelPassword, redis.sentinelPasswordFile');
    expect(wrong).not.toContain('hunter2');
  });
});

describe('the wrong server', () => {
  it('in cluster mode is told', async () => {
    expect(await causeOf(open(await server('--cluster-enabled', 'yes')))).toContain('cluster mode');
  });

  it('that is a Sentinel is told', async () => {
    const master = await server();
    const sentinel = await startSentinel(surroundings, never, 'main', master);
    cleanUps.push(() => sentinel.stop());
    expect(await causeOf(open(sentinel))).toContain('set redis.sentinels');
  });
});

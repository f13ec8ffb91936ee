/** Real electors on a real PostgreSQL: what they cost it at rest, and how fast a release is passed on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createProgress } from '../../sandbox/progress.ts';
import { startPostgres, type PostgresServer } from '../../sandbox/servers/postgres.ts';
import { openPostgresLock } from '../../src/adapters/lock/postgres.ts';
import { Electorate } from './electors.ts';
import { PostgresBench } from './postgres-bench.ts';

const TTL = 5_000;
const OBSERVED_SECONDS = 16;
/** A session that rests reports what it did at the latest after ten seconds. */
const SETTLING_MS = 12_000;
const bench = new PostgresBench();
let server: PostgresServer;
let electorate: Electorate;

beforeAll(async () => {
  const surroundings = { env: process.env, progress: createProgress(process.stderr) };
  server = await startPostgres(surroundings, new AbortController().signal);
  const target = {
    host: '127.0.0.1',
    port: server.port,
    user: 'postgres',
    database: 'postgres',
    sslMode: 'disable',
  } as const;
  electorate = new Electorate((timeout, system) => openPostgresLock({ target, timeout }, system));
});
afterEach(() => electorate.stop());
afterAll(async () => {
  await bench.close();
  await server?.stop();
});

it('a leader writes once a second, and three followers ask at most every four, without writing', async () => {
  await electorate.startTwo(TTL);
  electorate.start('third', TTL);
  electorate.start('fourth', TTL);
  await sleep(SETTLING_MS);
  const before = await bench.tableUse(server);
  await sleep(OBSERVED_SECONDS * 1_000);
  const after = await bench.tableUse(server);
  const written = after.written - before.written;
  // The server counts late by up to a second.
  expect(written).toBeGreaterThanOrEqual(OBSERVED_SECONDS - 3);
  expect(written).toBeLessThanOrEqual(OBSERVED_SECONDS + 2);
  // A renewal looks the row up once. Each follower may be one look off.
  const looks = after.scans - before.scans - written;
  expect(looks).toBeLessThanOrEqual(3 * (OBSERVED_SECONDS / 4 + 1));
});

it('a lock whose row was deleted is led by nobody before its time is up', async () => {
  const deleted = (): Promise<unknown> => bench.sql(server, 'DELETE FROM highlander_lease');
  expect(await electorate.loseLock(TTL, deleted)).toBeGreaterThanOrEqual(0);
});

it('a release is taken up at once, whatever the leader was doing', async () => {
  expect(Math.max(...(await electorate.handOver(TTL)))).toBeLessThan(TTL / 5);
});

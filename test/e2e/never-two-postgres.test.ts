/** Never two, with the lock in PostgreSQL, and with the faults that PostgreSQL adds. */
import pg from 'pg';
import { expect, it } from 'vitest';
import { createProgress } from '../../sandbox/progress.ts';
import { startPostgres, type PostgresServer } from '../../sandbox/servers/postgres.ts';
import { describeNeverTwo, TTL_MS } from './never-two.ts';

let postgres: PostgresServer;

async function openStore() {
  const surroundings = { env: process.env, progress: createProgress(process.stderr) };
  postgres = await startPostgres(surroundings, new AbortController().signal);
  return { config: { storageType: 'db', databaseURL: postgres.url }, stop: () => postgres.stop() };
}

async function sql(text: string): Promise<void> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  await client.query(text);
  await client.end();
}

describeNeverTwo(
  'PostgreSQL',
  openStore,
  (openRound) => {
    it('after PostgreSQL crashed and came back: the instance is the same, and is looked after again', async () => {
      const { world, leader, second, uid, replaced, name } = await openRound();
      const before = await uid();
      await postgres.restart();
      await world.leader([leader, second], 10 * TTL_MS);
      expect(await uid()).toBe(before);
      expect(world.referee.starts(name)).toBe(1);
      await world.deletePod(`${name}-pod`);
      await replaced(before);
    });

    it('after the table of the lock was dropped under a live leader', async () => {
      const { world, leader, second, uid, replaced, name } = await openRound();
      const before = await uid();
      await sql('DROP TABLE highlander_lease');
      await leader.waitForLog('the loss', ({ msg }) => msg === 'leadership-lost');
      await world.leader([leader, second], 10 * TTL_MS);
      expect(await uid()).toBe(before);
      await world.deletePod(`${name}-pod`);
      await replaced(before);
    });

    it('while PostgreSQL hangs for longer than the lock: nobody acts, the instance runs on, and is adopted afterwards', async () => {
      const { world, leader, second, uid, replaced, name } = await openRound();
      const before = await uid();
      postgres.pause();
      await leader.waitForLog('the loss', ({ msg }) => msg === 'leadership-lost');
      expect((await leader.get('/readyz')).status).toBe(503);
      postgres.resume();
      await world.leader([leader, second], 10 * TTL_MS);
      expect(await uid()).toBe(before);
      expect(world.referee.starts(name)).toBe(1);
      await world.deletePod(`${name}-pod`);
      await replaced(before);
    });
  },
  { faults: 'election' },
);

/** Never two, with the lock in MariaDB, and with the faults that a database server adds. */
import { expect, it } from 'vitest';
import { createProgress } from '../../sandbox/progress.ts';
import { startMariadb, type MariadbServer } from '../../sandbox/servers/mariadb.ts';
import { describeNeverTwo, TTL_MS } from './never-two.ts';

let mariadb: MariadbServer;

async function openStore() {
  const surroundings = { env: process.env, progress: createProgress(process.stderr) };
  mariadb = await startMariadb(surroundings, new AbortController().signal);
  const config = { storageType: 'db', databaseURL: `mysql://root@${mariadb.address}/test` };
  return { config, stop: () => mariadb.stop() };
}

describeNeverTwo(
  'MariaDB',
  openStore,
  (openRound) => {
    it('after MariaDB crashed and came back: the instance is the same, and is looked after again', async () => {
      const { world, leader, second, uid, replaced, name } = await openRound();
      const before = await uid();
      await mariadb.restart();
      await world.leader([leader, second], 10 * TTL_MS);
      expect(await uid()).toBe(before);
      expect(world.referee.starts(name)).toBe(1);
      await world.deletePod(`${name}-pod`);
      await replaced(before);
    });

    it('while MariaDB hangs for longer than the lock: nobody acts, the instance runs on, and is adopted afterwards', async () => {
      const { world, leader, second, uid, replaced, name } = await openRound();
      const before = await uid();
      mariadb.pause();
      await leader.waitForLog('the loss', ({ msg }) => msg === 'leadership-lost');
      expect((await leader.get('/readyz')).status).toBe(503);
      mariadb.resume();
      await world.leader([leader, second], 10 * TTL_MS);
      expect(await uid()).toBe(before);
      expect(world.referee.starts(name)).toBe(1);
      await world.deletePod(`${name}-pod`);
      await replaced(before);
    });
  },
  { faults: 'election' },
);

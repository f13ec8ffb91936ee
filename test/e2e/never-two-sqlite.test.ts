/** Never two, with the lock in a file of SQLite, and with the faults that a file adds. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { describeNeverTwo, TTL_MS } from './never-two.ts';

let path: string;

async function openStore() {
  const folder = await mkdtemp(join(tmpdir(), 'k8-highlander-sqlite-'));
  path = join(folder, 'lock.db');
  const config = { storageType: 'db', databaseURL: `sqlite:${path}` };
  return { config, stop: () => rm(folder, { recursive: true, force: true }) };
}

describeNeverTwo(
  'SQLite',
  openStore,
  (openRound) => {
    it('after the file was deleted under a live leader', async () => {
      const { world, leader, second, uid, replaced, name } = await openRound();
      const before = await uid();
      await Promise.all(['', '-wal', '-shm'].map((end) => rm(`${path}${end}`)));
      await leader.waitForLog('the loss', ({ msg }) => msg === 'leadership-lost');
      await world.leader([leader, second], 10 * TTL_MS);
      expect(await uid()).toBe(before);
      expect(world.referee.starts(name)).toBe(1);
      await world.deletePod(`${name}-pod`);
      await replaced(before);
    });

    it('while another process keeps the file for longer than the lock: nobody acts, the instance runs on, and is adopted afterwards', async () => {
      const { world, leader, second, uid, replaced, name } = await openRound();
      const before = await uid();
      const other = new DatabaseSync(path, { timeout: 1_000 });
      other.exec('BEGIN IMMEDIATE');
      await leader.waitForLog('the loss', ({ msg }) => msg === 'leadership-lost');
      other.exec('ROLLBACK');
      other.close();
      await world.leader([leader, second], 10 * TTL_MS);
      expect(await uid()).toBe(before);
      expect(world.referee.starts(name)).toBe(1);
      await world.deletePod(`${name}-pod`);
      await replaced(before);
    });
  },
  { faults: 'election' },
);

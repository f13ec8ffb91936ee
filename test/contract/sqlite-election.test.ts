/** An election in a file of SQLite: how fast it hands over, what it loses, and what it costs while nothing happens. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openHostClock, type HostClock } from '../../src/adapters/lock/sqlite-clock.ts';
import { openSqliteLock } from '../../src/adapters/lock/sqlite.ts';
import { Electorate } from './electors.ts';

const TTL = 5_000;
let folder: string;
let path: string;
let electorate: Electorate;
/** How often SQLite asked for the time, for each client in the order in which they were opened. */
const asked: number[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'k8-highlander-sqlite-'));
  path = join(folder, 'lock.db');
  electorate = new Electorate((timeout, by) => {
    const index = asked.push(0) - 1;
    const openClock = async (): Promise<HostClock> => {
      const clock = await openHostClock();
      const now = (): bigint => {
        asked[index] = (asked[index] ?? 0) + 1;
        return clock.now();
      };
      return { name: clock.name, now };
    };
    return openSqliteLock({ path, timeout, openClock }, by);
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => electorate.stop());

/** On a connection of its own. */
async function ask(sql: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const database = new DatabaseSync(path, { timeout: 1_000 });
  try {
    return database.prepare(sql).get();
  } finally {
    database.close();
  }
}

describe('an election in a file', () => {
  it('takes up a release at once, whatever the leader was doing', async () => {
    expect(Math.max(...(await electorate.handOver(TTL)))).toBeLessThan(1_000);
  });

  it('lets nobody lead before the time is up of a lock whose row was deleted', async () => {
    const deleted = (): Promise<unknown> => ask('DELETE FROM highlander_lease');
    expect(await electorate.loseLock(TTL, deleted)).toBeGreaterThanOrEqual(0);
  });

  it('costs a write a second, and a look every four for a follower', async () => {
    asked.length = 0;
    await electorate.startTwo(TTL);
    await ask('CREATE TABLE written (at INTEGER)');
    await ask(
      'CREATE TRIGGER written AFTER UPDATE ON highlander_lease BEGIN INSERT INTO written VALUES (1); END',
    );
    const before = asked[1] ?? NaN;
    await sleep(12_000);
    // A look asks once for the time: how much is left.
    const looks = (asked[1] ?? NaN) - before;
    const { writes } = (await ask('SELECT count(*) AS writes FROM written')) ?? {};
    expect(writes).toBeGreaterThanOrEqual(11);
    expect(writes).toBeLessThanOrEqual(13);
    expect(looks).toBeGreaterThanOrEqual(2);
    expect(looks).toBeLessThanOrEqual(3);
  });
});

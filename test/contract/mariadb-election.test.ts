/** An election in MariaDB: how fast it hands over, and what it costs while nothing happens, by the server's own count. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createProgress } from '../../sandbox/progress.ts';
import { startMariadb, type MariadbServer } from '../../sandbox/servers/mariadb.ts';
import { openMysqlLock } from '../../src/adapters/lock/mysql.ts';
import { createSystem } from '../../src/adapters/system.ts';
import type { LockStore } from '../../src/ports/lock-store.ts';
import type { System } from '../../src/ports/system.ts';
import { eventually } from '../e2e/eventually.ts';
import { Electorate } from './electors.ts';

const system = createSystem({ level: 'error', format: 'text', fields: {} });
let server: MariadbServer;
let operator: Connection;
let electorate: Electorate;

function open(timeout: number, by: System = system): LockStore {
  const where = { host: '127.0.0.1', port: server.port, address: server.address, database: 'test' };
  return openMysqlLock({ ...where, user: 'root', password: '', sslMode: 'DISABLED', timeout }, by);
}

beforeAll(async () => {
  const surroundings = { env: process.env, progress: createProgress(process.stderr) };
  server = await startMariadb(surroundings, new AbortController().signal);
  operator = await createConnection({ port: server.port, host: '127.0.0.1', user: 'root', database: 'test' });
});
afterAll(async () => {
  operator.destroy();
  await server.stop();
});
beforeEach(async () => {
  await operator.query('DROP TABLE IF EXISTS highlander_lease, highlander_schema');
  electorate = new Electorate(open);
});
afterEach(() => electorate.stop());

async function counted(): Promise<{ readonly reads: number; readonly writes: number }> {
  const [rows] = await operator.query<RowDataPacket[]>(
    "SHOW GLOBAL STATUS WHERE Variable_name IN ('Com_select', 'Com_update', 'Com_insert')",
  );
  const counts = new Map(rows.map((row) => [String(row['Variable_name']), Number(row['Value'])]));
  const count = (name: string): number => counts.get(name) ?? NaN;
  return { reads: count('Com_select'), writes: count('Com_update') + count('Com_insert') };
}

describe('an election in MariaDB', () => {
  it('hands over within half a second of a release, again and again', async () => {
    let [leader, follower] = await electorate.startTwo(5_000);
    for (let turn = 0; turn < 3; turn += 1) {
      // A leader of a moment ago has put up its notice, and the follower waits for it.
      await sleep(1_500);
      const next = follower;
      const stopped = leader.stop();
      const stoppedAt = performance.now();
      await eventually('the other leads', next.isLeading, 4_000);
      expect(performance.now() - stoppedAt).toBeLessThan(500);
      await stopped;
      leader = next;
      follower = electorate.start(`third-${turn}`, 5_000);
      await eventually('a third knows it', () => follower.epoch() === leader.epoch());
    }
  });

  it('takes up a release at once, whatever the leader was doing', async () => {
    expect(Math.max(...(await electorate.handOver(5_000)))).toBeLessThan(1_000);
  });

  it('lets nobody lead before the time is up of a lock whose row was deleted', async () => {
    const deleted = (): Promise<unknown> => operator.query('DELETE FROM highlander_lease');
    expect(await electorate.loseLock(5_000, deleted)).toBeGreaterThanOrEqual(0);
  });

  it('costs a write a second and a read every four, with one follower', async () => {
    await electorate.startTwo(5_000);
    await sleep(1_000);
    const before = await counted();
    await sleep(12_000);
    const after = await counted();
    expect(after.writes - before.writes).toBeGreaterThanOrEqual(11);
    expect(after.writes - before.writes).toBeLessThanOrEqual(13);
    expect(after.reads - before.reads).toBeGreaterThanOrEqual(2);
    expect(after.reads - before.reads).toBeLessThanOrEqual(3);
  });
});

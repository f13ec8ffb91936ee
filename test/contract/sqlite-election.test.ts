/** An election in a file of SQLite: how fast it hands over, and that many contenders never overlap. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openSqliteLock } from '../../src/adapters/lock/sqlite.ts';
import { createSystem } from '../../src/adapters/system.ts';
import { eventually } from '../e2e/eventually.ts';
import { contend, overlaps, TURNS } from './contention.ts';
import { Electorate } from './electors.ts';

const system = createSystem({ level: 'error', format: 'text', fields: {} });
let folder: string;
let electorate: Electorate;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'k8-highlander-sqlite-'));
  electorate = new Electorate((timeout, by) =>
    openSqliteLock({ path: join(folder, 'lock.db'), timeout }, by),
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => electorate.stop());

describe('an election in a file', () => {
  it('hands over within half a second of a release', async () => {
    const [leader, follower] = await electorate.startTwo(5_000);
    const stopped = leader.stop();
    const stoppedAt = performance.now();
    await eventually('the other leads', follower.isLeading, 4_000);
    expect(performance.now() - stoppedAt).toBeLessThan(500);
    await stopped;
  });

  it('gives the lock to each of many that contend: never two at a time, each in a higher epoch', async () => {
    const sizes = fc.array(TURNS, { minLength: 4, maxLength: 12 });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(sizes, async (turns) => {
        round += 1;
        const path = join(folder, `crowd-${round}.db`);
        const clients = turns.map(() => openSqliteLock({ path, timeout: 5_000 }, system));
        const holdings = await contend(clients, turns, 'blue', 5_000);
        await Promise.all(clients.map((client) => client.close()));
        expect(holdings).toHaveLength(turns.length);
        expect(overlaps(holdings)).toEqual([]);
      }),
      { numRuns: 3 },
    );
  });
});

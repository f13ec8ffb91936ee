/** An election in a file of SQLite: how fast it hands over. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openSqliteLock } from '../../src/adapters/lock/sqlite.ts';
import { Electorate } from './electors.ts';

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
  it('takes up a release at once, whatever the leader was doing', async () => {
    expect(Math.max(...(await electorate.handOver(5_000)))).toBeLessThan(1_000);
  });
});

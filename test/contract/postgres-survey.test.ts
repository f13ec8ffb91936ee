/** Looking for locks of the Go program in its table, on a real PostgreSQL. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createProgress } from '../../sandbox/progress.ts';
import { startPostgres, type PostgresServer } from '../../sandbox/servers/postgres.ts';
import { openDatabaseSurvey } from '../../src/adapters/lock/database.ts';
import { createSystem } from '../../src/adapters/system.ts';
import type { SurveyReply } from '../../src/ports/lock-survey.ts';
import { PostgresBench } from './postgres-bench.ts';

const never = new AbortController().signal;
const { clock } = createSystem({ level: 'error', format: 'text', fields: {} });
const bench = new PostgresBench();
let server: PostgresServer;

beforeAll(async () => {
  const surroundings = { env: process.env, progress: createProgress(process.stderr) };
  server = await startPostgres(surroundings, never);
});
afterAll(() => server?.stop());
beforeEach(async () => {
  await bench.sql(server, 'DROP TABLE IF EXISTS leader_locks');
});
afterEach(() => bench.close());

async function look(url = server.url, timeout = 1_000): Promise<SurveyReply> {
  const survey = await openDatabaseSurvey(url, { timeout }, clock);
  if (survey === undefined) throw new Error('there is no survey');
  return survey.look(never);
}

describe('a look', () => {
  it('finds the live locks of all tenants, and nothing else', async () => {
    await bench.sql(
      server,
      `CREATE TABLE leader_locks (key text PRIMARY KEY, value text, expires_at timestamptz);
       INSERT INTO leader_locks VALUES
         ('highlander-leader-lock:blue', 'go-1', now() + interval '90 s'),
         ('highlander-leader-lock:just.over', 'go-2', now() - interval '3 s'),
         ('highlander-leader-lock:long-over', 'go-3', now() - interval '30 s'),
         ('something-else', 'go-4', now() + interval '90 s')`,
    );
    const reply = await look();
    if (reply.kind !== 'found') throw new Error(JSON.stringify(reply));
    expect(reply.locks.toSorted((a, b) => (a.tenant < b.tenant ? -1 : 1))).toEqual([
      { tenant: 'blue', holder: 'go-1' },
      { tenant: 'just.over', holder: 'go-2' },
    ]);
  });

  it('finds none where the Go program never was', async () => {
    expect(await look()).toEqual({ kind: 'found', locks: [] });
  });

  it('tells nobody, a refusal and silence apart, and no password', async () => {
    expect(await look('postgres://u:hunter2@127.0.0.1:1/d')).toEqual({ kind: 'nobody' });
    const refused = await look(server.url.replace('postgres@', 'stranger:hunter2@'));
    expect(refused).toMatchObject({ kind: 'refused' });
    expect(JSON.stringify(refused)).not.toContain('hunter2');
    server.pause();
    try {
      expect(await look(server.url, 200)).toMatchObject({ kind: 'unavailable' });
    } finally {
      server.resume();
    }
  });

  it('is not made in databases that it never used', async () => {
    expect(await openDatabaseSurvey('mysql://u@h/d', { timeout: 1_000 }, clock)).toBeUndefined();
  });
});

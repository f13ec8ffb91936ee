import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readAudit } from './audit.ts';

function line(username: string, verb: string, resource: string, second: number): string {
  const requestReceivedTimestamp = `2030-01-01T00:00:0${second}.000000Z`;
  return JSON.stringify({ user: { username }, verb, objectRef: { resource }, requestReceivedTimestamp });
}

const LOG = [
  line('a', 'get', 'pods', 1),
  line('a', 'create', 'pods', 2),
  line('b', 'create', 'leases', 3),
  line('a', 'update', 'leases', 4),
];

async function verbs(text: string, filter: Parameters<typeof readAudit>[1]): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'audit-'));
  await writeFile(join(dir, 'log'), text);
  const found: string[] = [];
  for await (const event of readAudit(join(dir, 'log'), filter)) found.push(event.verb);
  await rm(dir, { recursive: true });
  return found.join(' ');
}

test.each([
  [{}, 'get create create update'],
  [{ user: 'a' }, 'get create update'],
  [{ user: 'a', verbs: ['create', 'update'] }, 'create update'],
  [{ resource: 'leases' }, 'create update'],
  [{ since: new Date('2030-01-01T00:00:02Z'), until: new Date('2030-01-01T00:00:04Z') }, 'create create'],
])('the filter %j lets pass what matches all of it', async (filter, expected) => {
  expect(await verbs(`${LOG.join('\n')}\n`, filter)).toBe(expected);
});

test('a line that is still being written is left out', async () => {
  const [first = '', second = ''] = LOG;
  expect(await verbs(`${first}\n${second.slice(0, -1)}`, {})).toBe('get');
});

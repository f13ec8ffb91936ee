import { describe, expect, it } from 'vitest';
import { createSystem } from '../system.ts';
import { openDatabaseStore } from './database.ts';

const system = createSystem({ level: 'error', format: 'text', fields: {} });
const options = { timeout: 1000, password: 'hush' };

describe('the store of a databaseURL', () => {
  it.each([
    ['mysql://u@h/db', { kind: 'mysql', address: 'h:3306/db' }],
    ['mariadb://u@h:3307/db', { kind: 'mysql', address: 'h:3307/db' }],
    ['sqlite:/var/lib/high.db', { kind: 'sqlite', address: '/var/lib/high.db' }],
  ])('%s is opened by its scheme and does nothing before it is asked', async (url, expected) => {
    expect(await openDatabaseStore(url, options, system)).toMatchObject(expected);
  });

  it.each([['mysql://u:hush@h'], ['sqlite:high.db'], ['oracle://u:hush@h/db']])(
    '%s is a problem, told without a password',
    async (url) => {
      const answer = await openDatabaseStore(url, options, system);
      expect(answer).toMatchObject({ code: 'InvalidValue', path: 'databaseURL' });
      expect(JSON.stringify(answer)).not.toContain('hush');
    },
  );
});

import { expect, test } from 'vitest';
import { renderHelp, renderVersion } from './help.ts';
import { SETTINGS } from './schema.ts';

test('the help names flag, variable and key of every setting', () => {
  const help = renderHelp();
  for (const { flag, env, key } of SETTINGS) {
    expect(help).toContain(`  ${flag}`);
    expect(help).toContain(`env ${env}, key ${key}`);
  }
});

test('the version line has the form that scripts know', () => {
  expect(renderVersion('1.2.3', 'abc')).toBe('K8 Highlander 1.2.3 (abc)\n');
});

test('no two settings share a key, a variable or a flag', () => {
  for (const column of ['key', 'env', 'flag'] as const)
    expect(new Set(SETTINGS.map((setting) => setting[column])).size).toBe(SETTINGS.length);
});

test('every documented flag is there', () => {
  const documented =
    '--id --tenant --port --namespace --storage-type --redis-addr --redis-password --redis-db --database-url --kubeconfig --cluster-name --log-level';
  expect(SETTINGS.map(({ flag }) => flag)).toEqual(expect.arrayContaining(documented.split(' ')));
});

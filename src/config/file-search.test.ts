import { describe, expect, test } from 'vitest';
import { findConfigFile } from './file-search.ts';

function search(files: readonly string[], env: Record<string, string> = {}, named?: string): unknown {
  const found = findConfigFile(named, {
    env,
    exists: (path) => files.includes(path),
    readFile: (path) => `text of ${path}`,
    homedir: '/home/u',
    cwd: '/srv/app',
    hostname: 'h',
    list: () => [],
  });
  if (found.kind === 'file') return found.path;
  return found.kind === 'problem' ? found.problem : found.kind;
}

describe('the first of these that applies is read', () => {
  const all = [
    '/flag',
    '/env',
    '/path',
    '/etc/k8-highlander/config.yaml',
    '/home/u/.k8-highlander/config.yml',
    '/srv/app/config',
  ];
  test.each([
    ['--config', '/flag', { HIGHLANDER_CONFIG_FILE: '/env', CONFIG_PATH: '/path' }, '/flag', all],
    [
      'HIGHLANDER_CONFIG_FILE',
      '/env',
      { HIGHLANDER_CONFIG_FILE: '/env', CONFIG_PATH: '/path' },
      undefined,
      all,
    ],
    ['CONFIG_PATH', '/path', { CONFIG_PATH: '/path' }, undefined, all],
    ['/etc/k8-highlander', '/etc/k8-highlander/config.yaml', {}, undefined, all],
    ['~/.k8-highlander', '/home/u/.k8-highlander/config.yml', {}, undefined, all.slice(4)],
    ['the working directory', '/srv/app/config', {}, undefined, all.slice(5)],
  ])('%s', (_rule, expected, env, named, files) => {
    expect(search(files, env, named)).toBe(expected);
  });
});

test('within a folder config.json comes first, then config.yaml', () => {
  expect(search(['/srv/app/config.yml', '/srv/app/config.yaml', '/srv/app/config.json'])).toBe(
    '/srv/app/config.json',
  );
  expect(search(['/srv/app/config.yml', '/srv/app/config.yaml'])).toBe('/srv/app/config.yaml');
});

describe('a missing file', () => {
  test('is fatal where it was named', () => {
    expect(search([], {}, '/flag')).toMatchObject({ code: 'ConfigUnreadable', file: '/flag' });
    expect(search([], { HIGHLANDER_CONFIG_FILE: '/env' })).toMatchObject({ code: 'ConfigUnreadable' });
  });

  test('is not fatal at the default path, named or not: old container images name it', () => {
    expect(search([], {}, '/etc/k8-highlander/config.yaml')).toBe('none');
    expect(search([])).toBe('none');
  });

  test('is passed over where CONFIG_PATH names it: old images set that variable', () => {
    expect(search(['/srv/app/config.yaml'], { CONFIG_PATH: '/path' })).toBe('/srv/app/config.yaml');
  });
});

test('a file that cannot be read is a problem that names the cause', () => {
  const denied = Object.assign(new Error('permission denied'), { code: 'EACCES' });
  const found = findConfigFile('~/c.yaml', {
    env: {},
    exists: () => true,
    readFile: () => {
      throw denied;
    },
    homedir: '/home/u',
    cwd: '/srv/app',
    hostname: 'h',
    list: () => [],
  });
  expect(found).toMatchObject({
    problem: { code: 'ConfigUnreadable', file: '/home/u/c.yaml', message: expect.stringContaining('EACCES') },
  });
});

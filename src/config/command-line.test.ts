import { describe, expect, test } from 'vitest';
import { readCommandLine } from './command-line.ts';

describe('flags', () => {
  test('take their value from the next argument or after an equals sign', () => {
    const { flags, problems } = readCommandLine(['--port', '80', '--database-url=postgres://h/db?a=b']);
    expect(problems).toEqual([]);
    expect(Object.fromEntries(flags)).toEqual({ '--port': '80', '--database-url': 'postgres://h/db?a=b' });
  });

  test('that are boolean need no value', () => {
    const { flags } = readCommandLine(['--remains-follower', '--tenant', 'a']);
    expect(Object.fromEntries(flags)).toEqual({ '--remains-follower': 'true', '--tenant': 'a' });
    expect(readCommandLine(['--remains-follower=false']).flags.get('--remains-follower')).toBe('false');
  });

  test('given twice count as given last', () => {
    expect(readCommandLine(['--port=1', '--port=2']).flags.get('--port')).toBe('2');
  });

  test('may have a negative number as value', () => {
    expect(readCommandLine(['--redis-db', '-1']).flags.get('--redis-db')).toBe('-1');
  });
});

test('--config is not a setting', () => {
  const { config, flags } = readCommandLine(['--config', 'x.yaml']);
  expect(config).toBe('x.yaml');
  expect(flags.size).toBe(0);
});

describe('a wrong command line', () => {
  test('names the flag that was probably meant', () => {
    const { problems, flags } = readCommandLine(['--prot', '80', '--tenant=a']);
    expect(problems).toMatchObject([{ code: 'Usage', path: '--prot', hint: 'did you mean --port?' }]);
    expect(flags.get('--tenant')).toBe('a');
  });

  test('reports a flag without its value, also where another flag follows', () => {
    expect(readCommandLine(['--port']).problems).toMatchObject([{ code: 'Usage', path: '--port' }]);
    const { flags, problems } = readCommandLine(['--port', '--tenant', 'a']);
    expect(problems).toHaveLength(1);
    expect(flags.get('--tenant')).toBe('a');
  });

  test('does not repeat stray arguments: they may be part of a secret', () => {
    const { problems } = readCommandLine(['--redis-password', 'hunter2', 'hunter3']);
    expect(problems).toHaveLength(1);
    expect(JSON.stringify(problems)).not.toContain('hunter');
  });

  test('names the command that a mistyped one stands for, and repeats no word that may be a secret', () => {
    expect(readCommandLine(['paus', 'web']).problems).toMatchObject([
      { message: 'paus is not a command', hint: 'did you mean pause?' },
      { message: 'an argument that is neither a command nor a flag' },
    ]);
    expect(JSON.stringify(readCommandLine(['hunter2-hunter2']))).not.toContain('hunter2');
  });
});

import { expect, test } from 'vitest';
import { isListOfOurs } from './redis-strangers.ts';

const line = (name: string, cmd: string) =>
  `id=7 addr=10.0.0.1:4242 name=${name} age=9 idle=0 db=0 cmd=${cmd} user=default\n`;
const OURS = line('k8-highlander', 'client|list');

test('we are alone among our own, sentinels and clients that send what the Go program never sends', () => {
  expect(isListOfOurs(OURS)).toBe(true);
  expect(isListOfOurs(OURS + line('k8-highlander', 'evalsha'))).toBe(true);
  expect(isListOfOurs(OURS + line('sentinel-1a2b3c4d-cmd', 'ping') + line('', 'hgetall'))).toBe(true);
});

test.each(['get', 'eval', 'ttl', 'del', 'client|setinfo', 'NULL', ''])(
  'a client without a name whose last command is "%s" could be the Go program',
  (command) => expect(isListOfOurs(OURS + line('', command))).toBe(false),
);

test('a list in which we are missing proves nothing', () => {
  expect(isListOfOurs('')).toBe(false);
  expect(isListOfOurs(line('', 'hgetall'))).toBe(false);
});

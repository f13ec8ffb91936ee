import { expect, test } from 'vitest';
import { readRedisAddress } from './redis-address.ts';

test.each([
  ['r:6379', { address: 'r:6379', isTls: false }],
  ['[::1]:6379', { address: '[::1]:6379', isTls: false }],
  ['redis://r', { address: 'r:6379', isTls: false }],
  ['rediss://r:6380/3', { address: 'r:6380', isTls: true, database: 3 }],
  ['redis://me:p%40ss@r:1/', { address: 'r:1', isTls: false, username: 'me', password: 'p@ss' }],
  ['redis://:hush@[::1]:1/0', { address: '[::1]:1', isTls: false, password: 'hush', database: 0 }],
  ['redis://me@r:1', { address: 'r:1', isTls: false, username: 'me' }],
])('%s is an address', (text, expected) => expect(readRedisAddress(text)).toEqual(expected));

test.each([
  'r',
  ':hush@r',
  'me:hush@r:1',
  'http://r:1',
  'redis://',
  'redis://a@b@r:1',
  'redis://:%@r:1',
  'r:1,s:1',
])('%s is none', (text) => expect(readRedisAddress(text)).toBeUndefined());

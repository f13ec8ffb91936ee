import { describe, expect, it } from 'vitest';
import { causeOf } from './redis-cause.ts';
import { SentinelError } from './redis-sentinel.ts';

const target = { address: 'r:6379', database: 12 };

describe('what went wrong with Redis', () => {
  it.each([
    ['WRONGPASS invalid username-password pair or user is disabled.', 'check redis.password'],
    ['NOAUTH HELLO must be called with the client already authenticated', 'set redis.password'],
    ["READONLY You can't write against a read only replica.", 'redis.addr at the master'],
    // Redis 6 reports an error inside a script like this.
    ["ERR Error running script (call to f_1): @user_script:1: -READONLY You can't write", 'at the master'],
    ["CROSSSLOT Keys in request don't hash to the same slot", 'cluster mode, which is not supported'],
    ['ERR DB index is out of range', 'has no database 12: check redis.db'],
    ["ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'u' 'hush'", 'use Redis 6 or newer'],
    ["ERR unknown command 'EVALSHA', with args beginning with: 'x'", 'is a Sentinel: set redis.sentinels'],
    ['CLUSTERDOWN Hash slot not served', 'cluster mode, which is not supported'],
    ['BADRECORD', 'highlander-leader-epoch key that is not ours: delete it'],
  ])('%s names the fix', (message, expected) => {
    const cause = causeOf(new Error(message), target);
    expect(cause).toContain(expected);
    expect(cause).toMatch(/^Redis at r:6379 /);
  });

  it('a system error is known by its code', () => {
    const error = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:6379'), { code: 'ECONNREFUSED' });
    expect(causeOf(error, target)).toBe(
      'Redis at r:6379 refused the connection: is it running, and is redis.addr right?',
    );
  });

  it('anything else is said in its own words', () => {
    expect(causeOf(new Error('odd'), target)).toBe('Redis at r:6379: odd');
  });

  it.each([
    [
      'WRONGPASS invalid',
      'Sentinel at s:26379 refused user or password (WRONGPASS): check redis.sentinelPassword',
    ],
    ['ERR No such master with that name', 'does not know the master m: check redis.masterName'],
    ["ERR unknown command 'SENTINEL', with args", 'is no Sentinel: check redis.sentinels'],
  ])('a Sentinel that says %s is told in the terms of its settings', (message, expected) => {
    const error = new SentinelError('s:26379', new Error(message));
    expect(causeOf(error, { ...target, sentinel: { masterName: 'm' } })).toContain(expected);
  });
});

import { describe, expect, test } from 'vitest';
import { readOldLock, refuseFirstTerm, type Candidate } from './old-lock.ts';

const KEY = 'highlander-leader-lock:blue';
const GO = '{"value":"go-1","clusterName":"","ttl":100000000000,"version":1795365668846829846}';
const LOCK = { tenant: 'blue', holder: 'go-1' };

describe('what stands under a key of a lock', () => {
  test.each([
    ['a record of the Go program', GO, LOCK],
    ['its older form', 'go-1', LOCK],
    ['a number', '17', { tenant: 'blue', holder: '17' }],
    ['a record without a holder', '{}', { tenant: 'blue', holder: '{}' }],
    ['a record of ours', '{"value":"a/b/c","nonce":"n","epoch":3}', undefined],
  ])('%s', (_what, text, expected) => {
    expect(readOldLock(KEY, text)).toEqual(expected);
  });
});

describe('beside a Lease', () => {
  const candidate: Candidate = {
    tenant: 'blue',
    store: 'lease',
    lookedIn: 'redis',
    address: 'localhost:6379',
  };

  test('any lock of the Go program is an objection that names the setting', () => {
    const cause = refuseFirstTerm(candidate, [LOCK], []);
    expect(cause).toMatch(/^storageType differs: .*go-1 of tenant blue.*localhost:6379/);
    expect(cause).toContain('set storageType: redis, or stop that program');
  });

  test('one of another tenant names that too', () => {
    expect(refuseFirstTerm({ ...candidate, tenant: 'green' }, [LOCK], [])).toContain(
      'set storageType: redis and tenant: blue, or',
    );
  });

  test('no lock is no objection', () => {
    expect(refuseFirstTerm(candidate, [], [])).toBeUndefined();
  });
});

describe('with a database', () => {
  const candidate: Candidate = { tenant: 'blue', store: 'db', lookedIn: 'redis', address: 'localhost:6379' };

  test('a lock in Redis is an objection, as beside a Lease', () => {
    const cause = refuseFirstTerm(candidate, [LOCK], []);
    expect(cause).toMatch(
      /through Redis at localhost:6379, .* beside it through a database; set storageType: redis,/,
    );
  });

  test('in the same database the own tenant is none: the lock itself honours it', () => {
    expect(refuseFirstTerm({ ...candidate, lookedIn: 'db' }, [LOCK], [])).toBeUndefined();
  });
});

describe('in the same Redis', () => {
  const candidate: Candidate = { tenant: 'green', store: 'redis', lookedIn: 'redis', address: 'r:6379' };
  const ours = { name: 'pod default/report-pod', labels: { 'controller-id': 'go-1' } };

  test('a leader of another tenant that owns what we want is an objection that names both', () => {
    const cause = refuseFirstTerm(candidate, [LOCK], [ours]);
    expect(cause).toMatch(
      /^tenant differs: .*go-1 of tenant blue.*pod default\/report-pod.*set tenant: blue, or/,
    );
  });

  test('one that owns nothing of ours is none: tenants share a Redis as a matter of course', () => {
    const theirs = { ...ours, labels: { 'controller-id': 'go-2' } };
    expect(refuseFirstTerm(candidate, [LOCK], [theirs])).toBeUndefined();
  });

  test('one of our own tenant is left to the election', () => {
    expect(refuseFirstTerm({ ...candidate, tenant: 'blue' }, [LOCK], [ours])).toBeUndefined();
  });
});

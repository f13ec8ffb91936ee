import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_LEASE_TTL,
  DEFAULT_TTL,
  expiryJitter,
  hasClockGap,
  isTimerLate,
  MIN_TTL,
  planTiming,
  pollEvery,
  refusalBackoff,
  releaseJitter,
  retryDelay,
  validUntil,
} from './timing.ts';

function timingOf(ttl: number) {
  const plan = planTiming(ttl);
  if ('problem' in plan) throw new Error(plan.problem.message);
  return plan.timing;
}

describe('timing', () => {
  it('derives R and the request bound as a fifth of T', () => {
    expect(timingOf(DEFAULT_TTL)).toEqual({ ttl: 5000, renewEvery: 1000, opTimeout: 1000 });
    expect(timingOf(DEFAULT_LEASE_TTL)).toEqual({ ttl: 8000, renewEvery: 1600, opTimeout: 1600 });
  });

  it('refuses a TTL below the floor, and one that is no number', () => {
    for (const ttl of [0, -1, MIN_TTL - 1, Number.NaN, Infinity])
      expect(planTiming(ttl)).toMatchObject({ problem: { code: 'InvalidValue' } });
    expect(planTiming(MIN_TTL)).toHaveProperty('timing');
  });

  it('names the numbers of a renew interval that leaves no room for two attempts', () => {
    expect(planTiming(5000, { renewEvery: 2500, path: 'leaderLockRenewInterval' })).toEqual({
      problem: {
        code: 'Contradiction',
        message: 'renew interval 2.5s + two attempts of 1s + reserve 600ms = 5.1s exceeds the lock TTL 5s',
        hint: 'use a renew interval of at most 2.4s, or leave it out',
        path: 'leaderLockRenewInterval',
      },
    });
    expect(planTiming(5000, { renewEvery: 2400 })).toHaveProperty('timing');
  });

  it('refuses a renew interval that is not positive', () => {
    expect(planTiming(5000, { renewEvery: 0 })).toMatchObject({ problem: { code: 'InvalidValue' } });
  });

  it('ends validity at S + 0.88 T', () => {
    expect(validUntil(1000, timingOf(5000))).toBeCloseTo(5400);
  });

  it('ends validity before the store lets the lock go, for clocks that differ by 2 %', () => {
    fc.assert(
      fc.property(fc.double({ min: MIN_TTL, max: 60_000, noNaN: true }), (ttl) => {
        expect(validUntil(0, timingOf(ttl)) / 0.98).toBeLessThan(ttl);
      }),
    );
  });

  it('leaves time for two failed attempts between a renewal and V', () => {
    const timing = timingOf(5000);
    const spent = timing.renewEvery + 2 * (timing.opTimeout + retryDelay(0.999));
    expect(spent).toBeLessThan(validUntil(0, timing));
  });

  it('keeps each jitter within its range', () => {
    for (const uniform of [0, 0.5, 0.999]) {
      expect(retryDelay(uniform)).toBeGreaterThanOrEqual(50);
      expect(retryDelay(uniform)).toBeLessThan(200);
      expect(expiryJitter(uniform)).toBeLessThan(50);
      expect(releaseJitter(uniform)).toBeLessThan(10);
    }
  });

  it('polls every second, faster for a short TTL', () => {
    expect(pollEvery(timingOf(8000))).toBe(1000);
    expect(pollEvery(timingOf(1500))).toBe(300);
  });

  it('backs off from 1 s to 30 s while the anchor refuses', () => {
    expect(refusalBackoff(0, 0.999)).toBeCloseTo(1000, -1);
    expect(refusalBackoff(3, 0)).toBe(6400);
    expect(refusalBackoff(1000, 0.999)).toBeLessThanOrEqual(30_000);
  });

  it('takes clocks that part, either way, for a suspension, from T/20 but at most 1 s', () => {
    const timing = timingOf(5000);
    expect(hasClockGap(1250, 1000, timing)).toBe(false);
    expect(hasClockGap(1251, 1000, timing)).toBe(true);
    expect(hasClockGap(749, 1000, timing)).toBe(true);
    expect(hasClockGap(2001, 1000, timingOf(60_000))).toBe(true);
  });

  it('takes a timer more than T/4 late for a pause', () => {
    expect(isTimerLate(1250, timingOf(5000))).toBe(false);
    expect(isTimerLate(1251, timingOf(5000))).toBe(true);
  });
});

/**
 * The inequalities of the election. Vocabulary: T = TTL granted by the store, R = renew interval, S = the local
 * monotonic instant before a request is sent, V = the local instant from which the leader must not act.
 *
 * The store starts counting T no earlier than S, so with clocks that differ by at most 2 % in rate the lock is still
 * held at S + 0.98 T; T/10 more is kept in hand for a write that is on its way (compare the lease argument in Gray and
 * Cheriton, "Leases", 1989).
 */
import type { Problem } from '../problem.ts';
import { formatDuration, MILLISECOND, SECOND } from '../time.ts';
import type { Duration, Instant } from '../time.ts';

/** Everything the election measures with, derived from T (and R where a person sets it). */
export interface Timing {
  /** T. */
  readonly ttl: Duration;
  /** R: a renewal is sent this long after the one before was sent. */
  readonly renewEvery: Duration;
  /** The bound of one request to the store or the anchor. */
  readonly opTimeout: Duration;
}

/** Shorter than this, ordinary latency and scheduling noise would demote healthy leaders. */
export const MIN_TTL: Duration = 1500 * MILLISECOND;
/** T of the Lease store: every renewal is a write to etcd, so it renews less often. */
export const DEFAULT_LEASE_TTL: Duration = 8 * SECOND;
/** T of all other stores. */
export const DEFAULT_TTL: Duration = 5 * SECOND;
/** A follower that is told of changes asks the store no more often than this because of them. */
export const FOLLOWER_ASK_INTERVAL: Duration = 4 * SECOND;

/** How long a lock must have been absent before it is taken after a stranger's. */
export const STRANGER_ABSENCE: Duration = 2 * SECOND;
/** A lock taken after a stranger's is confirmed by the store this long after winning, before acting. */
export const READ_BACK_AFTER: Duration = SECOND;

/**
 * How long a stranger whose lock ran out may still be at work where nobody here sees it. The Go program was seen to stop
 * 150 s after its last answer from the store, which is 50 s after its lock ran out.
 */
export const STRANGER_LINGERS: Duration = 60 * SECOND;
/** A stranger's lock that is gone this much before it would have run out was released. */
export const STRANGER_SLACK: Duration = SECOND;

/**
 * How long those that used the store before leave the lock alone after a process with another store raised the anchor.
 * Otherwise both sides would outrank each other before either could act, for as long as a rolling change takes. Not for
 * ever, because the newcomers may be taken back.
 */
export const STORE_CHANGE_YIELD: Duration = 30 * SECOND;

const CLOCK_RATE_ERROR = 0.02;
const SAFETY_SHARE = 1 / 10;
const RENEW_SHARE = 1 / 5;
const OP_TIMEOUT_SHARE = 1 / 5;
const LATE_TIMER_SHARE = 1 / 4;

/** The timing for a TTL, or why it would be unsafe or unstable. `path` is where the values were configured. */
export function planTiming(
  ttl: Duration,
  options: { readonly renewEvery?: Duration; readonly path?: string } = {},
): { readonly timing: Timing } | { readonly problem: Problem } {
  const where = options.path === undefined ? {} : { path: options.path };
  if (!(ttl >= MIN_TTL && Number.isFinite(ttl)))
    return {
      problem: {
        code: 'InvalidValue',
        message: `the lock TTL is ${formatDuration(ttl)}, which is below ${formatDuration(MIN_TTL)}`,
        hint: `use at least ${formatDuration(MIN_TTL)}; ${formatDuration(DEFAULT_TTL)} is the default`,
        ...where,
      },
    };
  const renewEvery = options.renewEvery ?? ttl * RENEW_SHARE;
  const opTimeout = ttl * OP_TIMEOUT_SHARE;
  if (!(renewEvery > 0))
    return {
      problem: {
        code: 'InvalidValue',
        message: `the renew interval is ${formatDuration(renewEvery)}`,
        hint: 'use a positive duration, or leave it out for a fifth of the TTL',
        ...where,
      },
    };
  const reserve = ttl * (SAFETY_SHARE + CLOCK_RATE_ERROR);
  const needed = renewEvery + 2 * opTimeout + reserve;
  if (needed > ttl)
    return {
      problem: {
        code: 'Contradiction',
        message:
          `renew interval ${formatDuration(renewEvery)} + two attempts of ${formatDuration(opTimeout)}` +
          ` + reserve ${formatDuration(reserve)} = ${formatDuration(needed)} exceeds the lock TTL ${formatDuration(ttl)}`,
        hint: `use a renew interval of at most ${formatDuration(ttl - 2 * opTimeout - reserve)}, or leave it out`,
        ...where,
      },
    };
  return { timing: { ttl, renewEvery, opTimeout } };
}

/** V for a grant or renewal whose request was sent at S: `S + 0.98 T - T/10`. */
export function validUntil(sentAt: Instant, { ttl }: Timing): Instant {
  return sentAt + (1 - CLOCK_RATE_ERROR) * ttl - SAFETY_SHARE * ttl;
}

/** The wait before a failed request is repeated: 50-200 ms. `uniform` is in [0, 1). */
export function retryDelay(uniform: number): Duration {
  return 50 * MILLISECOND + uniform * 150 * MILLISECOND;
}

/** Spreads followers that aim at the same expiry: U(0, 50 ms). */
export function expiryJitter(uniform: number): Duration {
  return uniform * 50 * MILLISECOND;
}

/**
 * Spreads followers that heard the same release: U(0, 10 ms). An attempt in vain is one small request, so a few
 * candidates need no more; see docs/adr/0015.
 */
export function releaseJitter(uniform: number): Duration {
  return uniform * 10 * MILLISECOND;
}

/** How often a follower asks while nobody tells it of changes, or while the store does not answer. */
export function pollEvery({ ttl }: Timing): Duration {
  return Math.min(SECOND, ttl * RENEW_SHARE);
}

/** Exponential, 1 s to 30 s: the wait after the anchor was refused the n-th time in a row (n from 0). */
export function refusalBackoff(attempt: number, uniform: number): Duration {
  return Math.min(30 * SECOND, SECOND * 2 ** Math.min(attempt, 5)) * (0.8 + 0.2 * uniform);
}

/**
 * The machine may have been suspended: wall and monotonic clock went different ways. A wall clock that was set looks
 * the same, which costs one renewal and nothing else; one set back counts too, for it could hide a suspension.
 */
export function hasClockGap(wallAdvance: Duration, monotonicAdvance: Duration, { ttl }: Timing): boolean {
  return Math.abs(wallAdvance - monotonicAdvance) > Math.min(SECOND, ttl / 20);
}

/** The process was paused or its loop blocked: a timer fired this much after it was due. */
export function isTimerLate(lateness: Duration, { ttl }: Timing): boolean {
  return lateness > ttl * LATE_TIMER_SHARE;
}

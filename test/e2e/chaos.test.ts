/** A short chaos run in `npm test`; `npm run chaos` runs long ones, on every store. */
import { expect, it } from 'vitest';
import { checkHistory } from '../chaos/check.ts';
import { runChaos } from '../chaos/run.ts';

const PLAN = { seed: 11, duration: 40_000, ttl: 3000, store: 'redis', controllers: 3 } as const;

it('three controllers with the lock in Redis keep every invariant while everything breaks at random', async () => {
  const facts = await runChaos(PLAN, () => {});
  const verdict = checkHistory(facts);
  expect(verdict.breaches).toEqual([]);
  expect(verdict).toMatchObject({ overlapMs: 0, staleWrites: 0 });
  // A run in which nothing happened, or nothing was seen, proves nothing.
  expect(verdict.transitions).toBeGreaterThanOrEqual(1);
  expect(verdict.writes).toBeGreaterThanOrEqual(10);
  expect(facts.filter(({ kind }) => kind === 'store').length).toBeGreaterThanOrEqual(20);
  expect(facts.filter(({ kind }) => kind === 'validity').length).toBeGreaterThanOrEqual(10);
});

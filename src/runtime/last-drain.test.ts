import { expect, it } from 'vitest';
import { LastDrain } from './last-drain.ts';
import type { Leadership, Term } from './term.ts';

const TERM: Term = {
  epoch: 1,
  signal: new AbortController().signal,
  validUntil: () => Infinity,
  isValid: () => true,
  deadline: () => Infinity,
  demote: () => {},
};

function open(stop: AbortSignal): { leadership: LastDrain; order: string[] } {
  const order: string[] = [];
  const note = (what: string): Promise<void> => Promise.resolve().then(() => void order.push(what));
  const inner: Leadership = {
    prepareTerm: () => {},
    startTerm: () => {},
    drain: () => note('drained').then(() => ({ clean: false })),
  };
  return { order, leadership: new LastDrain(inner, stop, () => note('ended')) };
}

it('a process that stops ends everything else after the drain, and what the drain said stands', async () => {
  const { leadership, order } = open(AbortSignal.abort());
  expect(await leadership.drain(TERM)).toEqual({ clean: false });
  expect(order).toEqual(['drained', 'ended']);
});

it('a process that goes on as a follower ends nothing', async () => {
  const { leadership, order } = open(new AbortController().signal);
  await leadership.drain(TERM);
  expect(order).toEqual(['drained']);
});

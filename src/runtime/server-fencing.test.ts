import { expect, it, vi } from 'vitest';
import { createManualSystem } from '../../test/manual-system.ts';
import type { ServerFencing } from '../core/server-fencing.ts';
import { askServerFencing } from './server-fencing.ts';

const BUSY: ServerFencing = { state: 'unknown', because: 'busy' };

/** Asks a server that gives these answers, one after the other, while time goes by. */
async function ask(...answers: readonly ServerFencing[]): Promise<{ answer: unknown; asked: number }> {
  const system = createManualSystem();
  const signal = new AbortController().signal;
  let asked = 0;
  const fence = { tryLowering: async () => answers[(asked += 1) - 1] ?? BUSY };
  let isOver = false;
  const answer = askServerFencing(fence, 7, system.clock, signal).finally(() => (isOver = true));
  await vi.waitFor(
    () => {
      system.advance(1000);
      expect(isOver).toBe(true);
    },
    { interval: 2 },
  );
  return { answer: await answer, asked };
}

it('is asked again while there is no answer, and no more after one', async () => {
  expect(await ask(BUSY, { state: 'false' })).toEqual({ answer: { state: 'false' }, asked: 2 });
});

it('stays unknown, with the cause, after three questions without an answer', async () => {
  expect(await ask(BUSY, BUSY, BUSY, { state: 'true' })).toEqual({ answer: BUSY, asked: 3 });
});

it('a question without a reply is given up after two seconds', async () => {
  const system = createManualSystem();
  const signals: AbortSignal[] = [];
  const end = new AbortController();
  const fence = {
    tryLowering: (_epoch: number, signal: AbortSignal) =>
      new Promise<ServerFencing>((resolve) => {
        signals.push(signal);
        signal.addEventListener('abort', () => resolve(BUSY));
      }),
  };
  const answer = askServerFencing(fence, 7, system.clock, end.signal);
  system.advance(1000);
  await vi.waitFor(() => expect(signals).toHaveLength(1));
  system.advance(1999);
  expect(signals[0]?.aborted).toBe(false);
  system.advance(1);
  expect(signals[0]?.aborted).toBe(true);
  end.abort();
  expect(await answer).toBeUndefined();
});

it('the end of the term ends the question', async () => {
  const system = createManualSystem();
  const end = new AbortController();
  const fence = { tryLowering: async () => BUSY };
  const answer = askServerFencing(fence, 7, system.clock, end.signal);
  end.abort();
  system.advance(60_000);
  expect(await answer).toBeUndefined();
});

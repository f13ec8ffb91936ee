import { expect, it } from 'vitest';
import { createManualSystem, settle } from '../../test/manual-system.ts';
import { SECOND } from '../core/time.ts';
import { keepConnectionsWarm } from './warm-connections.ts';

it('opens connections at once and every 80 s, except while it leads, and ends with its signal', async () => {
  const system = createManualSystem();
  const opened: number[] = [];
  let isLeading = false;
  const over = new AbortController();
  const cluster = {
    warmUp: (connections: number): Promise<void> => {
      opened.push(connections);
      return Promise.resolve();
    },
  };
  const running = keepConnectionsWarm(cluster, system.clock, () => isLeading, over.signal);
  await settle();
  expect(opened).toEqual([5]);
  system.advance(79 * SECOND);
  await settle();
  expect(opened).toEqual([5]);
  system.advance(SECOND);
  await settle();
  expect(opened).toEqual([5, 5]);
  isLeading = true;
  system.advance(80 * SECOND);
  await settle();
  expect(opened).toEqual([5, 5]);
  over.abort();
  await running;
});

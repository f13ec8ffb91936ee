import { expect, it } from 'vitest';
import { createManualSystem } from '../../test/manual-system.ts';
import { SECOND } from '../core/time.ts';
import { IdleCollection } from './idle-collection.ts';

function open() {
  const system = createManualSystem();
  const count = { collections: 0 };
  const idle = new IdleCollection(system.clock, () => (count.collections += 1));
  const touch = (times: number): void => {
    for (let time = 0; time < times; time++) idle.touch();
  };
  return { system, count, idle, touch };
}

it('collects once the start is over, and 10 s after the last event of much work', () => {
  const { system, count, touch } = open();
  system.advance(9 * SECOND);
  touch(1);
  system.advance(9 * SECOND);
  expect(count.collections).toBe(0);
  system.advance(SECOND);
  expect(count.collections).toBe(1);
  touch(500);
  system.advance(9.9 * SECOND);
  expect(count.collections).toBe(1);
  system.advance(0.1 * SECOND);
  expect(count.collections).toBe(2);
});

it('does not collect after little work', () => {
  const { system, count, touch } = open();
  system.advance(10 * SECOND);
  touch(499);
  system.advance(60 * SECOND);
  touch(499);
  system.advance(60 * SECOND);
  expect(count.collections).toBe(1);
});

it('is over when it is closed', () => {
  const { system, count, idle } = open();
  idle.close();
  system.advance(60 * SECOND);
  expect(count.collections).toBe(0);
});

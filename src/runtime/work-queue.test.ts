import { describe, expect, it } from 'vitest';
import { createManualSystem, settle, type ManualSystem } from '../../test/manual-system.ts';
import { WorkQueue } from './work-queue.ts';

interface Bench {
  readonly system: ManualSystem;
  readonly queue: WorkQueue;
  /** Keys in the order in which work on them began. */
  readonly began: string[];
  /** Ends the work on a key. */
  readonly finish: (key: string) => Promise<void>;
}

function open(concurrency = 2): Bench {
  const system = createManualSystem();
  const began: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (key: string): Promise<void> => {
    began.push(key);
    return new Promise((resolve) => ends.set(key, resolve));
  };
  const queue = new WorkQueue(system.clock, { concurrency, work });
  return {
    system,
    queue,
    began,
    async finish(key) {
      ends.get(key)?.();
      await settle();
    },
  };
}

describe('work queue', () => {
  it('works on a key once however often it is added', async () => {
    const { queue, began } = open();
    queue.add('a');
    queue.add('a');
    await settle();
    expect(began).toEqual(['a']);
  });

  it('runs a key again when it was added while being worked on, and only once', async () => {
    const { queue, began, finish } = open();
    queue.add('a');
    await settle();
    queue.add('a');
    queue.add('a');
    await settle();
    expect(began).toEqual(['a']);
    await finish('a');
    expect(began).toEqual(['a', 'a']);
    await finish('a');
    expect(began).toEqual(['a', 'a']);
  });

  it('keeps to its concurrency', async () => {
    const { queue, began, finish } = open(2);
    for (const key of ['a', 'b', 'c']) queue.add(key);
    await settle();
    expect(began).toEqual(['a', 'b']);
    await finish('a');
    expect(began).toEqual(['a', 'b', 'c']);
  });

  it('lets urgent keys overtake routine ones, also a key that was routine before', async () => {
    const { queue, began, finish } = open(1);
    queue.add('busy');
    for (const key of ['r1', 'r2', 'r3']) queue.add(key, 'routine');
    queue.add('r3', 'urgent');
    queue.add('u1', 'urgent');
    await settle();
    for (const key of ['busy', 'r3', 'u1', 'r1', 'r2']) await finish(key);
    expect(began).toEqual(['busy', 'r3', 'u1', 'r1', 'r2']);
  });

  it('lets routine keys start slowly: two at first, one more for each that is done', async () => {
    const { queue, began, finish } = open(32);
    for (let index = 0; index < 10; index++) queue.add(`r${index}`, 'routine');
    await settle();
    expect(began).toHaveLength(2);
    await finish('r0');
    expect(began).toHaveLength(4);
    await finish('r1');
    expect(began).toHaveLength(6);
  });

  it('does not hold urgent keys back for that', async () => {
    const { queue, began } = open(32);
    for (let index = 0; index < 10; index++) queue.add(`u${index}`);
    await settle();
    expect(began).toHaveLength(10);
  });

  it('does not come back for what was seen while it was worked on, but for what came after the look', async () => {
    const { queue, began, finish } = open();
    queue.add('a');
    await settle();
    queue.add('a');
    queue.look('a');
    await finish('a');
    expect(began).toEqual(['a']);
    queue.add('a');
    await settle();
    queue.look('a');
    queue.add('a');
    await finish('a');
    expect(began).toEqual(['a', 'a', 'a']);
  });

  it('wakes delayed keys at their time, the earliest time first', async () => {
    const { queue, began, system, finish } = open();
    queue.addAt('late', 200);
    queue.addAt('soon', 100);
    queue.addAt('late', 500);
    system.advance(99);
    await settle();
    expect(began).toEqual([]);
    system.advance(1);
    await settle();
    expect(began).toEqual(['soon']);
    system.advance(100);
    await settle();
    expect(began).toEqual(['soon', 'late']);
    await finish('late');
    system.advance(1000);
    await settle();
    expect(began).toEqual(['soon', 'late']);
  });

  it('closes after the work in hand, and takes nothing more', async () => {
    const { queue, began, finish } = open(1);
    queue.add('a');
    queue.add('b');
    await settle();
    let closed = false;
    const closing = queue.close().then(() => (closed = true));
    queue.add('c');
    await settle();
    expect(closed).toBe(false);
    await finish('a');
    await closing;
    expect(began).toEqual(['a']);
  });
});

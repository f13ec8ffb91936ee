import { describe, expect, it } from 'vitest';
import { createManualSystem, type ManualSystem } from '../../test/manual-system.ts';
import { Sweep, type SweepSummary } from './sweep.ts';

function open(): { sweep: Sweep; system: ManualSystem; told: SweepSummary[] } {
  const system = createManualSystem();
  const told: SweepSummary[] = [];
  return { system, told, sweep: new Sweep(system.clock, (summary) => told.push(summary)) };
}

describe('the first look at every workload', () => {
  it('is over when all that was taken in was looked at, and nothing more will come', () => {
    const { sweep, system, told } = open();
    sweep.add(['a', 'b']);
    sweep.leave('a');
    sweep.leave('b');
    expect(sweep.isOver).toBe(false);
    sweep.add(['c']);
    sweep.seal();
    expect(told).toEqual([]);
    system.advance(30);
    sweep.leave('c');
    expect(sweep.isOver).toBe(true);
    expect(told).toEqual([{ workloads: 3, duration: 30 }]);
  });

  it('is over at once where there is nothing', () => {
    const { sweep, told } = open();
    sweep.add([]);
    sweep.seal();
    expect(told).toEqual([{ workloads: 0, duration: 0 }]);
  });

  it('takes a key in once, and ends once', () => {
    const { sweep, told } = open();
    expect(sweep.add(['a', 'b'])).toEqual(['a', 'b']);
    sweep.leave('a');
    expect(sweep.add(['a', 'c'])).toEqual(['c']);
    sweep.seal();
    for (const key of ['b', 'c', 'a', 'b']) sweep.leave(key);
    expect(told).toEqual([{ workloads: 3, duration: 0 }]);
  });
});

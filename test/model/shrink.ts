/** Makes a failing schedule shorter. */
import { runSchedule, type ScheduleResult } from './schedule.ts';

export interface Shrunk {
  /** Numbers of the faults that the failure does not need. */
  readonly without: ReadonlySet<number>;
  readonly result: ScheduleResult;
}

/** Leaves out fault after fault for as long as the same invariant breaks, until each of the rest is needed. */
export async function shrink(failed: ScheduleResult): Promise<Shrunk> {
  let shortest: Shrunk = { without: new Set(), result: failed };
  for (let isShorter = true; isShorter;) {
    isShorter = false;
    for (let fault = 0; fault < failed.faults; fault += 1) {
      if (shortest.without.has(fault)) continue;
      const without = new Set([...shortest.without, fault]);
      const result = await runSchedule(failed.seed, { without, hasSingletons: failed.hasSingletons });
      if (result.violation?.invariant !== failed.violation?.invariant) continue;
      shortest = { without, result };
      isShorter = true;
    }
  }
  return shortest;
}

/** The command that runs it again and prints what happened. */
export function replayCommand({ without, result }: Shrunk): string {
  const left = without.size === 0 ? '' : ` --without ${[...without].toSorted((a, b) => a - b).join()}`;
  const kind = result.hasSingletons ? ' --singletons' : '';
  return `node test/model/run.ts${kind} --seed ${result.seed}${left}`;
}

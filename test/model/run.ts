/**
 * Runs schedules: `run.ts --seed N [--without FAULT,...]` replays one and prints its transcript; `run.ts --schedules N
 * [--from M]` runs many and prints one line of JSON. Exits 1 when an invariant broke, with the commands that replay the
 * schedule whole and with the faults alone that the failure needs.
 */
import { parseArgs } from 'node:util';
import { runSchedule } from './schedule.ts';
import { replayCommand, shrink } from './shrink.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    without: { type: 'string', default: '' },
    from: { type: 'string', default: '1' },
    schedules: { type: 'string', default: '1000' },
    singletons: { type: 'boolean', default: false },
  },
});

const hasSingletons = values.singletons;

if (values.seed === undefined)
  process.exitCode = await runMany(Number(values.from), Number(values.schedules));
else {
  const without = new Set(values.without === '' ? [] : values.without.split(',').map(Number));
  const result = await runSchedule(Number(values.seed), {
    trace: (line) => console.log(line),
    hasSingletons,
    without,
  });
  console.log(JSON.stringify(result));
  process.exitCode = result.violation === undefined ? 0 : 1;
}

/** Stops at the first schedule that breaks an invariant. */
async function runMany(from: number, schedules: number): Promise<number> {
  const totals = {
    schedules: 0,
    events: 0,
    fewestEvents: Infinity,
    takeover: 0,
    takeoverUnderFaults: 0,
    lostReply: 0,
    permits: 0,
  };
  for (let seed = from; seed < from + schedules; seed += 1) {
    const result = await runSchedule(seed, { hasSingletons });
    if (result.violation !== undefined) {
      console.log(JSON.stringify(result));
      console.log(`replay: ${replayCommand({ without: new Set(), result })}`);
      console.log(`shortest: ${replayCommand(await shrink(result))}`);
      return 1;
    }
    totals.schedules += 1;
    totals.events += result.events;
    totals.fewestEvents = Math.min(totals.fewestEvents, result.events);
    totals.takeover += Number(result.takeovers > 0);
    totals.takeoverUnderFaults += Number(result.takeoversUnderFaults > 0);
    totals.lostReply += Number(result.lostReplies > 0);
    totals.permits += result.permits;
  }
  console.log(JSON.stringify(totals));
  return 0;
}

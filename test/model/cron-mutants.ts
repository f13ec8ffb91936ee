/** Conditions of the chain of cron jobs: see `rule-mutants.test.ts`. */
import type { ConditionMutant } from './condition-mutant.ts';

const RULES = 'src/core/reconcile/cron-rules.ts';
const REMOVAL = 'src/core/reconcile/cron-removal.ts';
const LEDGER = 'src/core/reconcile/ledger.ts';
const RUN_NOW = 'src/core/reconcile/run-now.ts';

export const CRON_MUTANTS: readonly ConditionMutant[] = [
  {
    name: 'that the tick is on the ledger before the permit',
    file: RULES,
    find: 'if (at === undefined || findEntry(first.job, record) !== undefined) return verdict;',
    replace: 'if (at !== null) return verdict;',
  },
  {
    name: 'which tick is the earlier one',
    file: RULES,
    find: '.toSorted((a, b) => compareTicks(tickOf(a.job), tickOf(b.job)))',
    replace: '',
  },
  {
    name: 'ticks that were passed over before a run',
    file: RULES,
    find: "...skippedTicks(input, Date.parse(tickOf(first.job) ?? '')).map((skipped) => ({ at: skipped })),",
    replace: '',
  },
  {
    name: 'that a schedule which is followed anew has missed nothing',
    file: RULES,
    find: 'isBack || isOther ?',
    replace: 'isBack && isOther ?',
  },
  {
    name: 'that the workload is wanted again',
    file: RULES,
    find: 'if (drift === undefined && !isBack) return undefined;',
    replace: 'if (drift === undefined) return undefined;',
  },
  {
    name: 'since when it is being stopped',
    file: REMOVAL,
    find: 'if (owner.spec?.suspend === true && isMarked) return undefined;',
    replace: 'if (owner.spec?.suspend === true) return undefined;',
  },
  {
    name: 'onStop',
    file: REMOVAL,
    find: "if (annotations[ANNOTATION.onStop] === 'Delete') return undefined;",
    replace: '',
  },
  { name: 'drainTimeout', file: REMOVAL, find: 'if (wall >= endAt) return undefined;', replace: '' },
  {
    name: 'a job between two retries',
    file: REMOVAL,
    find: 'objects.find((job) => isBegun(job, input))',
    replace: "objects.find((job) => isBegun(job, input) && job.kind !== 'Job')",
  },
  {
    name: 'whose tick has begun when the workload is removed',
    file: REMOVAL,
    find: 'entry.jobUid === job.metadata.uid',
    replace: 'entry.jobUid !== job.metadata.uid',
  },
  {
    name: 'in which zone a tick was written',
    file: LEDGER,
    find: "return kind === 'Job' && !Number.isNaN(time) ? formatTick(time) : undefined;",
    replace: "return kind === 'Job' && !Number.isNaN(time) ? metadata.annotations?.[SCHEDULED] : undefined;",
  },
  {
    name: 'how much later than its deadline a tick may still come',
    file: LEDGER,
    find: 'const late = wall - desired.spec.startingDeadline - LATENESS;',
    replace: 'const late = wall - desired.spec.startingDeadline;',
  },
  {
    name: 'whether the job of a late tick has begun',
    file: LEDGER,
    find: '!hasBegun(job, instances);',
    replace: 'true;',
  },
  {
    name: 'since when the schedule is followed',
    file: LEDGER,
    find: 'annotations?.[ANNOTATION.scheduledSince] ?? creationTimestamp',
    replace: 'creationTimestamp',
  },
  {
    name: 'what its controller scheduled last',
    file: LEDGER,
    find: "lastEntered(record) ?? Date.parse(maker.status?.lastScheduleTime ?? '')",
    replace: 'lastEntered(record) ?? NaN',
  },
  {
    name: 'whether there is a job or an entry for a tick',
    file: LEDGER,
    find: '.filter((at) => !known.has(at))',
    replace: '',
  },
  {
    name: 'that a run which was asked for is let run before it is called done',
    file: RUN_NOW,
    find: "return isLet ? answer('done', `job ${name} runs`) : undefined;",
    replace: "return answer('done', `job ${name} runs ${isLet}`);",
  },
  {
    name: 'that a run which was asked for has been let run, though its job is gone',
    file: RUN_NOW,
    find: "return isEntered ? 'lost' : 'absent';",
    replace: "return isEntered ? 'absent' : 'absent';",
  },
  {
    name: 'that the last request stays on the ledger',
    file: LEDGER,
    find: 'if (asked !== undefined && !ticks.includes(asked)) ticks.unshift(asked);',
    replace: '',
  },
  { name: 'how long the ledger is', file: LEDGER, find: '.slice(-LEDGER_LENGTH)', replace: '' },
];

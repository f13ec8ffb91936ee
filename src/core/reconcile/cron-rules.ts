/**
 * The rule chain of cron jobs. The CronJob controller makes a job per tick and the job its pods, all gated; one gate at a
 * time is lifted. Which job ran a tick is entered in the ledger before its first pod is permitted: another job for the
 * same tick (made anew by a controller manager that had forgotten) is a duplicate, and is deleted without having run.
 * A tick for which no pod was permitted in time is entered as missed, and what turns up for it later is deleted too.
 */
import { checkAdopted, checkGoRuns } from './adoption.ts';
import { nameOf, type ManagedObject } from '../manifests/managed-object.ts';
import type { Instant } from '../time.ts';
import { ANNOTATION } from '../workload/names.ts';
import { checkStopped, checkWanted } from './cron-removal.ts';
import {
  countMissed,
  enter,
  findEntry,
  findMissed,
  formatTick,
  isMadeBy,
  ledgerKey,
  nextJudgement,
  skippedTicks,
  tickOf,
} from './ledger.ts';
import { isRunning } from './liveness.ts';
import type { CronInput, Instance } from './observed.ts';
import { findDrift, findObject, renderOwner } from './owner.ts';
import { checkOrphaned } from './orphaning.ts';
import { checkPaused } from './pausing.ts';
import { removeAnnotation, setAll } from './patches.ts';
import { checkConceded } from './concession.ts';
import { permitAlone } from './permit.ts';
import { findProof, isGated, isTerminal } from './proof.ts';
import { clearFinished } from './removal.ts';
import { checkRunNow } from './run-now.ts';
import type { Rule } from './rule.ts';
import { explainInstance } from './running.ts';
import {
  checkAnswered,
  checkClaimed,
  checkDependencies,
  checkDependents,
  checkForeign,
  checkObserved,
  checkReadable,
  checkRecorded,
  checkRefused,
  checkUnpermitted,
} from './shared-rules.ts';
import { checkGone, checkStopping, explainWait } from './stopping.ts';
import type { Verdict } from './verdict.ts';

export const CRON_RULES: readonly Rule<CronInput>[] = [
  { name: 'objects of the cron job are known', check: checkObserved }, // what was not read is not absent
  { name: 'cron job of the Go program is adopted', check: checkAdopted }, // what ran before us runs on
  { name: 'objects of the cron job are ours', check: checkForeign }, //   never touch what somebody else made
  { name: 'last write on it was accepted', check: checkRefused }, //      a refusal is waited out, not repeated
  { name: 'cron job and pods are claimed', check: checkClaimed }, //      no decision on what a stale leader could change
  { name: 'permit of a run is answered', check: checkAnswered }, //       a permit may still land
  { name: 'cron job is not paused', check: checkPaused }, // a person's wish: all below would start, stop or change something
  { name: 'cron job with deletionPolicy Orphan is let go', check: checkOrphaned }, // removed from its source: what stands runs on
  { name: 'dependents of the cron job have stopped', check: checkDependents }, // what depends on it goes first
  { name: 'unwanted cron job is suspended', check: checkStopped }, //     removed from its source: no more runs
  { name: 'cron job is on record', check: checkRecorded }, //             before it exists, or it would leave an orphan
  { name: 'cron job exists', check: checkExists },
  { name: 'cron job is as it should be', check: checkCurrent }, //        the running job is not touched
  { name: 'missed ticks are on the ledger', check: checkMissed }, //      also while a run before them goes on
  { name: 'run on a lost node is given up', check: checkConceded }, // by the word of a person, or of the spec
  { name: 'stopped runs are gone', check: checkStopping }, //             whatever terminates must be proven gone
  { name: 'ended runs are let go', check: checkEnded }, //                so that history limits and TTLs work
  { name: 'spec of the cron job is readable', check: checkReadable },
  { name: 'cron job still wanted', check: checkWanted }, //               removed: a running job finishes first
  { name: 'run had its permit', check: checkUnpermitted }, // a hand that stripped the gate
  { name: 'request about the run is answered', check: checkRunNow }, // run-now: a Job of its own, once
  { name: 'no tick is run twice', check: checkTicks }, //                 one job per tick, for ever
  { name: 'vanished run is waited for', check: checkGone }, //            an unproven absence is not gone yet
  { name: 'dependencies of a run are ready', check: checkNeeds }, // what it depends on comes first
  { name: 'runs of the Go program have ended', check: checkGoRuns }, //   their jobs make pods without a gate
  { name: 'run is permitted', check: checkPermit }, //                    one at a time, after its tick is on the ledger
  { name: 'schedule is followed', check: checkSchedule }, //              total: always answers
];

function checkExists({ desired, objects = [], identity }: CronInput): Verdict | undefined {
  if (desired === undefined) return undefined;
  const wanted = renderOwner(desired, identity);
  const living = findObject(objects, wanted);
  if (living?.metadata.deletionTimestamp !== undefined)
    return {
      reason: 'Starting',
      message: `waiting for the old ${nameOf(living)} to be removed`,
      actions: [],
    };
  if (living !== undefined) return undefined;
  return {
    reason: 'Starting',
    message: `creating ${nameOf(wanted)}`,
    actions: [{ kind: 'createObject', object: wanted }],
  };
}

function checkCurrent({ desired, objects = [], identity, wall }: CronInput): Verdict | undefined {
  if (desired === undefined) return undefined;
  const wanted = renderOwner(desired, identity);
  const living = findObject(objects, wanted);
  if (living === undefined) return undefined;
  const drift = findDrift(living, wanted);
  const isBack = living.metadata.annotations?.[ANNOTATION.stoppingSince] !== undefined;
  if (drift === undefined && !isBack) return undefined;
  const isOther = drift?.cause === 'SpecChanged' && isScheduleChanged(living, wanted);
  const since = isBack || isOther ? { [ANNOTATION.scheduledSince]: formatTick(wall) } : {};
  return {
    reason: 'Starting',
    message: `changing ${nameOf(living)}: ${drift?.detail ?? 'it was to be removed, and is wanted again'}`,
    actions: [
      {
        kind: 'changeObject',
        object: living,
        // The starting deadline comes in the same patch as the end of a suspension: no old tick is made up for.
        operations: [
          ...(drift?.operations ?? []),
          ...(isBack ? [removeAnnotation(ANNOTATION.stoppingSince)] : []),
          ...setAll(living, 'annotations', since),
        ],
        cause: drift?.cause ?? 'SpecChanged',
      },
    ],
  };
}

/** Ticks before the change are not ticks of this schedule: none of them was missed. */
function isScheduleChanged({ spec: is }: ManagedObject, { spec: should }: ManagedObject): boolean {
  return (
    is?.schedule !== should?.schedule ||
    is?.timeZone !== should?.timeZone ||
    (is?.suspend ?? false) !== should?.suspend
  );
}

/** Entered before anything else is decided about them: so that each is told once, whoever leads. */
function checkMissed(input: CronInput): Verdict | undefined {
  const { desired, record } = input;
  const missed = findMissed(input);
  if (desired === undefined || missed.length === 0) return undefined;
  return {
    reason: 'Active',
    message: `entering ${missed.length} missed tick(s) in the ledger, the last one of ${missed.at(-1)?.at}`,
    actions: [{ kind: 'remember', record: enter(desired, record, missed), entered: missed }],
  };
}

/** Pods that have ended stay for their logs, as long as their job does. */
function checkEnded({ instances, now }: CronInput): Verdict | undefined {
  const ended = instances.filter(({ pod }) => isTerminal(pod));
  const verdict = clearFinished(ended, true);
  if (verdict !== undefined) return verdict;
  const unproven = ended.find((instance) => findProof(instance) === undefined);
  return unproven === undefined ? undefined : { ...explainWait(unproven, now), actions: [] };
}

function checkTicks({ objects = [], record }: CronInput): Verdict | undefined {
  const late = objects.find((job) => {
    const entry = findEntry(job, record);
    return (
      job.metadata.deletionTimestamp === undefined && entry !== undefined && entry.jobUid !== job.metadata.uid
    );
  });
  if (late === undefined) return undefined;
  const wasRun = findEntry(late, record)?.jobUid !== undefined;
  const why = wasRun ? 'which another job has run' : 'which is too late to be run';
  return {
    reason: 'Active',
    message: `deleting ${nameOf(late)}: it is for the tick ${ledgerKey(late)}, ${why}`,
    actions: [{ kind: 'deleteObject', object: late, cause: wasRun ? 'TickAlreadyRun' : 'TickMissed' }],
  };
}

/** Ticks go by while it waits. */
function checkNeeds(input: CronInput): Verdict | undefined {
  const waiting = checkDependencies(input);
  return waiting === undefined ? undefined : { ...waiting, ...wakeFor(input) };
}

/** The earliest tick first; runs that were asked for after those. */
function checkPermit(input: CronInput): Verdict | undefined {
  const { desired, instances, objects = [], record } = input;
  if (desired === undefined) return undefined;
  const waiting = instances
    .filter(({ pod }) => isGated(pod))
    .flatMap((instance) => {
      const job = objects.find((object) => object.kind === 'Job' && isMadeBy(instance.pod, object));
      // Without its job in sight nobody can tell which tick it is for. The watch will bring it.
      return job === undefined || job.metadata.deletionTimestamp !== undefined ? [] : [{ instance, job }];
    })
    .toSorted((a, b) => compareTicks(tickOf(a.job), tickOf(b.job)));
  const [first] = waiting;
  if (first === undefined) return undefined;
  const verdict = permitAlone(first.instance, instances);
  if (verdict.actions.length === 0) return { ...verdict, ...wakeFor(input) };
  const at = ledgerKey(first.job);
  if (at === undefined || findEntry(first.job, record) !== undefined) return verdict;
  // Its controller never goes back: what was due before this tick, and has no job, will not be run.
  const entered = [
    ...skippedTicks(input, Date.parse(tickOf(first.job) ?? '')).map((skipped) => ({ at: skipped })),
    { at, jobUid: first.job.metadata.uid ?? '' },
  ];
  return {
    reason: 'AwaitingPermit',
    message: `entering the tick ${at} in the ledger`,
    actions: [{ kind: 'remember', record: enter(desired, record, entered), entered }],
  };
}

function compareTicks(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1;
  return Date.parse(a) - Date.parse(b);
}

/** Always answers, as the end of the chain. */
function checkSchedule(input: CronInput): Verdict {
  const { desired, instances, now, record } = input;
  if (desired === undefined) throw new Error('the chain passed without a workload');
  const running = instances.find(isRunning);
  if (running !== undefined) {
    const run = explainRun(running, now);
    return { ...run, actions: [], ...wakeFor(input, run.wakeAt) };
  }
  if (desired.spec.suspend) return { reason: 'Standby', message: 'suspended, as the spec asks', actions: [] };
  const missed = countMissed(record);
  const note = missed === 0 ? '' : `; missed ${missed} since the last run`;
  return {
    reason: 'Active',
    message: `waiting for its next tick (${desired.spec.schedule})${note}`,
    actions: [],
    ...wakeFor(input),
  };
}

/** The one wake-up of a cron job: when its next tick would be missed, or earlier if there is another reason. */
function wakeFor(input: CronInput, other?: Instant): Pick<Verdict, 'wakeAt'> {
  const times = [nextJudgement(input), other].filter((time) => time !== undefined);
  return times.length === 0 ? {} : { wakeAt: Math.min(...times) };
}

/** A run need not be ready: what counts is that it can run, and how it ends. */
function explainRun(running: Instance, now: number): Omit<Verdict, 'actions'> {
  const state = explainInstance(running, now);
  const on = running.pod.spec.nodeName;
  return state.reason === 'Starting' && on !== undefined && on !== ''
    ? { ...state, reason: 'Active', message: `running on ${on}` }
    : state;
}

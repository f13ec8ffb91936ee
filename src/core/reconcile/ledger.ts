/**
 * The ledger of a cron job: which job ran each tick, and which ticks nobody ran in time. A tick is entered once, as run
 * before its first pod is permitted, or as missed once it is too late for it; whatever job turns up for it afterwards is
 * deleted. So a tick is run at most once, by whatever leader, and one that is missed is told once.
 */
import { parseSchedule } from '../cron.ts';
import { nextTick, ticksBetween } from '../cron-ticks.ts';
import { openZone } from '../cron-zone.ts';
import { DEFAULT_TIME_ZONE } from '../manifests/cron-job.ts';
import type { ManagedObject } from '../manifests/managed-object.ts';
import type { Pod } from '../manifests/pod.ts';
import { present } from '../present.ts';
import { DAY, SECOND, type Duration, type Instant, type WallTime } from '../time.ts';
import type { CronJobWorkload } from '../workload/model.ts';
import { ANNOTATION } from '../workload/names.ts';
import { endOf } from './liveness.ts';
import type { CronInput, Instance, Tick, WorkloadRecord } from './observed.ts';
import { isOwner } from './owner.ts';
import { isGated } from './proof.ts';
import { recordFor } from './restarts.ts';

/** Entries that are kept. A CronJob controller that forgot everything makes up for one tick, the latest. */
const LEDGER_LENGTH = 20;

/** Beyond its starting deadline, how long a tick is waited for: its job may be on the way to us, and clocks differ. */
const LATENESS: Duration = 30 * SECOND;

/** Missed ticks that are counted at once. */
const COUNTED_AT_ONCE = 1000;

/** Written by the CronJob controller (KEP-3998): RFC 3339, in the zone that the CronJob had then. */
const SCHEDULED = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

/** Begins the entries of runs that were asked for out of turn. */
const REQUEST = 'request/';

/** The scheduled time of a job, RFC 3339 in UTC; undefined for one that was not made for a tick. */
export function tickOf({ kind, metadata }: ManagedObject): string | undefined {
  const time = Date.parse(metadata.annotations?.[SCHEDULED] ?? '');
  return kind === 'Job' && !Number.isNaN(time) ? formatTick(time) : undefined;
}

/** RFC 3339 in UTC, to the second: the same moment is the same text, whatever zone it was written in. */
export function formatTick(time: WallTime): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Under what a job is entered: its tick, or the request it was made for. Undefined: made by hand, entered nowhere. */
export function ledgerKey(job: ManagedObject): string | undefined {
  const request = job.kind === 'Job' ? job.metadata.annotations?.[ANNOTATION.run] : undefined;
  return tickOf(job) ?? (request === undefined ? undefined : `${REQUEST}${request}`);
}

/** The entry that concerns this job, whichever job it names. */
export function findEntry(job: ManagedObject, record: WorkloadRecord | undefined): Tick | undefined {
  const key = ledgerKey(job);
  return key === undefined ? undefined : record?.ticks?.find(({ at }) => at === key);
}

/** The record with these entries added; the oldest leave, but not the last request: it may still be open. */
export function enter(
  desired: CronJobWorkload,
  record: WorkloadRecord | undefined,
  entries: readonly Tick[],
): WorkloadRecord {
  const all = [...(record?.ticks ?? []), ...entries];
  const asked = all.findLast(({ at }) => at.startsWith(REQUEST));
  const ticks = all.slice(-LEDGER_LENGTH);
  if (asked !== undefined && !ticks.includes(asked)) ticks.unshift(asked);
  return { ...recordFor(desired, record), ticks };
}

export function isMadeBy({ metadata }: Pod, job: ManagedObject): boolean {
  return (
    metadata.ownerReferences?.some(
      ({ controller, uid }) => controller === true && uid === job.metadata.uid,
    ) ?? false
  );
}

/** A pod of the job may have run. */
function hasBegun(job: ManagedObject, instances: readonly Instance[]): boolean {
  const { failed = 0, succeeded = 0 } = job.status ?? {};
  const isPermitted = instances.some(({ pod }) => isMadeBy(pod, job) && !isGated(pod));
  return isPermitted || failed + succeeded > 0 || endOf(job) !== undefined;
}

/** What is to be entered as missed by now: ticks without a job, and jobs of which no pod was permitted in time. */
export function findMissed(input: CronInput): readonly Tick[] {
  const { desired, wall } = input;
  if (desired === undefined) return [];
  const late = wall - desired.spec.startingDeadline - LATENESS;
  const unrun = waitingJobs(input).filter((at) => Date.parse(at) < late);
  return [...unrun, ...skippedTicks(input, late)].toSorted().map((at) => ({ at }));
}

/** Ticks of jobs that are not entered and of which nothing has run. */
function waitingJobs({ objects = [], instances, record }: CronInput): readonly string[] {
  return objects.flatMap((job) => {
    const at = tickOf(job);
    const isWaiting =
      job.metadata.deletionTimestamp === undefined &&
      findEntry(job, record) === undefined &&
      !hasBegun(job, instances);
    return at !== undefined && isWaiting ? [at] : [];
  });
}

/** Ticks of the schedule before that time for which there is neither an entry nor a job. */
export function skippedTicks(input: CronInput, before: WallTime): readonly string[] {
  const followed = followedSchedule(input);
  if (followed === undefined || before <= followed.from) return [];
  const { schedule, zone, from } = followed;
  const known = new Set([
    ...(input.record?.ticks ?? []).map(({ at }) => at),
    ...(input.objects ?? []).map(tickOf),
  ]);
  return ticksBetween(schedule, zone, from, before - 1, COUNTED_AT_ONCE)
    .map(formatTick)
    .filter((at) => !known.has(at));
}

/** When the next tick would be missed; undefined while none can be. At most a day ahead. */
export function nextJudgement(input: CronInput): Instant | undefined {
  const { desired, now, wall } = input;
  if (desired === undefined) return undefined;
  const delay = desired.spec.startingDeadline + LATENESS;
  const followed = followedSchedule(input);
  const next =
    followed === undefined
      ? undefined
      : nextTick(followed.schedule, followed.zone, Math.max(followed.from, wall - delay));
  const due = [...waitingJobs(input).map((at) => Date.parse(at)), ...(next === undefined ? [] : [next])];
  if (due.length === 0) return undefined;
  // One millisecond later it is past, and not only reached.
  return now + Math.min(Math.max(0, Math.min(...due) + delay - wall) + 1, DAY);
}

/** The schedule, and the time after which its ticks are not accounted for. Undefined while it is suspended. */
function followedSchedule({ desired, objects = [], record }: CronInput) {
  const maker = objects.find(isOwner);
  if (desired === undefined || desired.spec.suspend) return undefined;
  if (maker === undefined || maker.spec?.suspend === true) return undefined;
  const schedule = parseSchedule(desired.spec.schedule);
  const zone = openZone(desired.spec.timeZone ?? DEFAULT_TIME_ZONE);
  if ('fault' in schedule || zone === undefined) return undefined;
  const { annotations, creationTimestamp } = maker.metadata;
  const since = Date.parse(annotations?.[ANNOTATION.scheduledSince] ?? creationTimestamp ?? '');
  // Without a ledger (a CronJob that was there before, or a record that was lost) its controller's word is taken.
  const last = lastEntered(record) ?? Date.parse(maker.status?.lastScheduleTime ?? '');
  const from = Math.max(...[since, last].filter((time) => !Number.isNaN(time)));
  return Number.isFinite(from) ? { schedule, zone, from } : undefined;
}

/** The latest tick in the ledger. */
function lastEntered(record: WorkloadRecord | undefined): WallTime | undefined {
  const times = (record?.ticks ?? []).map(timeOf).filter((time) => !Number.isNaN(time));
  return times.length === 0 ? undefined : Math.max(...times);
}

/** NaN for what is no tick. */
function timeOf({ at }: Tick): WallTime {
  return Date.parse(at);
}

/** How many ticks were missed since the last one that was run, as far as the ledger goes back. */
export function countMissed(record: WorkloadRecord | undefined): number {
  const { ticks = [] } = record ?? {};
  const run = Date.parse(lastRun(record) ?? '');
  const isSince = (tick: Tick): boolean =>
    Number.isNaN(run) ? !Number.isNaN(timeOf(tick)) : timeOf(tick) > run;
  return ticks.filter((tick) => tick.jobUid === undefined && isSince(tick)).length;
}

/** The last tick that was run, RFC 3339. */
function lastRun(record: WorkloadRecord | undefined): string | undefined {
  const run = (record?.ticks ?? []).filter(
    (tick) => tick.jobUid !== undefined && !Number.isNaN(timeOf(tick)),
  );
  return run.toSorted((a, b) => timeOf(a) - timeOf(b)).at(-1)?.at;
}

/** How a cron job follows its schedule, as people are shown it. Times are RFC 3339 in UTC. */
export interface ScheduleView {
  /** The last tick that was run. Absent: none that is remembered. */
  readonly last?: string;
  /** The next one. Absent while the schedule is suspended, and when it is never due. */
  readonly next?: string;
  /** Ticks that nobody ran in time, since the last one that was run; not more than the ledger holds. */
  readonly missed: number;
}

export function viewSchedule(input: CronInput): ScheduleView {
  const followed = followedSchedule(input);
  const next = followed === undefined ? undefined : nextTick(followed.schedule, followed.zone, input.wall);
  return {
    ...present({ last: lastRun(input.record), next: next === undefined ? undefined : formatTick(next) }),
    missed: countMissed(input.record),
  };
}

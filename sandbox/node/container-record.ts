/**
 * What a node remembers of one container, apart from its process. A record is a value; each function here is one thing
 * that can happen to it. A container goes waiting → running → terminated, and from terminated to running again when the
 * pod's restart policy asks for it. The node keeps its records through its own crash, as a container runtime does on disk.
 */
import type { Duration, WallTime } from '../../src/core/time.ts';
import { failuresAfterExit, restartDelay } from './backoff.ts';
import { apiTime } from './pod.ts';
import type { ContainerState, ContainerStatus, Terminated } from './pod.ts';

export interface ContainerRecord {
  readonly state: ContainerState;
  readonly lastState: ContainerState;
  readonly containerID?: string;
  /** How often it was started in this pod's life. */
  readonly starts: number;
  /** Exits since the last calm run; drives the back-off. */
  readonly failures: number;
  /** No start before this time. */
  readonly startAfter: WallTime;
  /** The startup probe has succeeded, or there is none. Means something only while running. */
  readonly started: boolean;
  /** The readiness probe succeeds, or there is none. Means something only while running. */
  readonly ready: boolean;
}

/** How a container's process ended: its code, or 128 + n when it died of signal n. */
export interface Exit {
  readonly exitCode: number;
}

export const NEVER_STARTED: ContainerRecord = {
  state: { waiting: { reason: 'PodInitializing' } },
  lastState: {},
  starts: 0,
  failures: 0,
  startAfter: 0,
  started: false,
  ready: false,
};

export function afterStart(
  record: ContainerRecord,
  containerID: string,
  now: WallTime,
  probed: { readonly startup: boolean; readonly readiness: boolean },
): ContainerRecord {
  return {
    ...record,
    state: { running: { startedAt: apiTime(now) } },
    lastState: record.state.terminated === undefined ? record.lastState : record.state,
    containerID,
    starts: record.starts + 1,
    started: !probed.startup,
    ready: !probed.startup && !probed.readiness,
  };
}

/** It could not be started: the reason is shown, and it is tried again at `retryAt`. */
export function afterFailedStart(
  record: ContainerRecord,
  reason: string,
  message: string,
  retryAt: WallTime,
): ContainerRecord {
  const lastState = record.state.terminated === undefined ? record.lastState : record.state;
  return { ...record, lastState, state: { waiting: { reason, message } }, startAfter: retryAt };
}

export function afterExit(
  record: ContainerRecord,
  exit: Exit,
  now: WallTime,
  base: Duration,
  reason: string = exit.exitCode === 0 ? 'Completed' : 'Error',
): ContainerRecord {
  const startedAt = record.state.running?.startedAt ?? apiTime(now);
  const failures = failuresAfterExit(record.failures, Date.parse(startedAt), now);
  const terminated: Terminated = {
    exitCode: exit.exitCode,
    reason,
    startedAt,
    finishedAt: apiTime(now),
    ...(record.containerID === undefined ? {} : { containerID: record.containerID }),
  };
  return {
    ...record,
    state: { terminated },
    failures,
    startAfter: now + restartDelay(failures, base),
    started: false,
    ready: false,
  };
}

/**
 * The machine went down under it: a container runtime finds such a container exited with code 255 and reason Unknown.
 * It counts as an exit, and is due at once.
 */
export function afterMachineLoss(record: ContainerRecord, now: WallTime): ContainerRecord {
  if (record.state.running === undefined) return { ...record, startAfter: 0 };
  return { ...afterExit(record, { exitCode: 255 }, now, 0, 'Unknown'), startAfter: 0 };
}

/** What a node that knows nothing else takes over from the API: the history, and running containers as they were. */
export function fromStatus(status: ContainerStatus): ContainerRecord {
  const ran = status.state.running !== undefined || status.state.terminated !== undefined;
  const before = ran || status.lastState.terminated !== undefined;
  return {
    ...NEVER_STARTED,
    state: status.state,
    lastState: status.lastState,
    ...(status.containerID === undefined ? {} : { containerID: status.containerID }),
    starts: status.restartCount + (before ? 1 : 0),
    failures: 0,
  };
}

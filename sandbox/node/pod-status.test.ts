import { describe, expect, test } from 'vitest';
import { MINUTE, SECOND } from '../../src/core/time.ts';
import { CALM_AFTER, restartDelay } from './backoff.ts';
import {
  NEVER_STARTED,
  afterExit,
  afterFailedStart,
  afterMachineLoss,
  afterStart,
  fromStatus,
} from './container-record.ts';
import type { ContainerRecord } from './container-record.ts';
import { planPod } from './pod-plan.ts';
import { buildStatus, isSameStatus, statusPatch } from './pod-status.ts';
import type { Pod, PodSpec, PodStatus } from './pod.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const UNPROBED = { startup: false, readiness: false };
const place = { nodeName: 'n', hostIP: '127.0.0.1', podIP: '127.9.0.1' };

const running = afterStart(NEVER_STARTED, 'sandbox://1', NOW, UNPROBED);
const exited = (exitCode: number): ContainerRecord => afterExit(running, { exitCode }, NOW, SECOND);
const calmlyExited = afterExit(running, { exitCode: 1 }, NOW + CALM_AFTER, SECOND);
const crashedTwice = afterExit(
  afterStart(exited(1), 'sandbox://2', NOW, UNPROBED),
  { exitCode: 1 },
  NOW,
  SECOND,
);

const main = { name: 'main', image: 'app' };
const init = { name: 'init', image: 'app' };
const sidecar = { name: 'side', image: 'app', restartPolicy: 'Always' };

function podOf(spec: Partial<PodSpec>, status?: PodStatus): Pod {
  const metadata = { name: 'p', namespace: 'n', uid: 'u', resourceVersion: '1' };
  return { metadata, spec: { containers: [main], ...spec }, ...(status && { status }) };
}

type RecordTable = Readonly<Record<string, ContainerRecord>>;

function statusOf(
  spec: Partial<PodSpec>,
  records: RecordTable,
  final = false,
  before?: PodStatus,
): PodStatus {
  const pod = podOf(spec, before);
  const map = new Map(Object.entries(records));
  const plan = planPod(pod.spec, map, NOW);
  return buildStatus({ pod, place, records: map, plan, final, startTime: '2026-01-01T00:00:00Z', now: NOW });
}

const startsOf = (spec: Partial<PodSpec>, records: RecordTable, now = NOW): readonly string[] =>
  planPod(podOf(spec).spec, new Map(Object.entries(records)), now).start.map(({ name }) => name);

const outcomeOf = (spec: Partial<PodSpec>, records: RecordTable): string | undefined =>
  planPod(podOf(spec).spec, new Map(Object.entries(records)), NOW).outcome;

describe('what is started', () => {
  const both = { initContainers: [init, sidecar] };
  test.each<[string, Partial<PodSpec>, RecordTable, readonly string[]]>([
    ['all main containers of a fresh pod', { containers: [main, { name: 'two' }] }, {}, ['main', 'two']],
    ['only the first init container of a fresh pod', both, {}, ['init']],
    ['nothing while an init container runs', both, { init: running }, []],
    ['the next after exit code 0', both, { init: exited(0) }, ['side']],
    ['the main container once the sidecar has started', both, { init: exited(0), side: running }, ['main']],
    [
      'nothing while the sidecar starts up',
      both,
      { init: exited(0), side: { ...running, started: false } },
      [],
    ],
    ['a failed init container again', both, { init: exited(1) }, ['init']],
    [
      'a sidecar that ended, and nothing else',
      both,
      { init: exited(0), side: exited(0), main: running },
      ['side'],
    ],
    ['a main container that ended cleanly, under Always', {}, { main: exited(0) }, ['main']],
    [
      'a main container that failed, under OnFailure',
      { restartPolicy: 'OnFailure' },
      { main: exited(1) },
      ['main'],
    ],
    ['nothing that ended cleanly, under OnFailure', { restartPolicy: 'OnFailure' }, { main: exited(0) }, []],
    ['nothing that ended, under Never', { restartPolicy: 'Never' }, { main: exited(1) }, []],
    ['nothing that is in back-off', {}, { main: crashedTwice }, []],
  ])('%s', (_, spec, records, expected) => {
    expect(startsOf(spec, records)).toEqual(expected);
  });

  test('a back-off ends at its time, and the plan says when', () => {
    expect(planPod(podOf({}).spec, new Map([['main', crashedTwice]]), NOW).wakeAt).toBe(NOW + SECOND);
    expect(startsOf({}, { main: crashedTwice }, NOW + SECOND)).toEqual(['main']);
  });

  test.each<[string, Partial<PodSpec>, RecordTable, string | undefined]>([
    ['never under Always', {}, { main: exited(0) }, undefined],
    ['Succeeded when all ended cleanly', { restartPolicy: 'Never' }, { main: exited(0) }, 'Succeeded'],
    ['Failed when one did not', { restartPolicy: 'Never' }, { main: exited(1) }, 'Failed'],
    [
      'not before the last one ended',
      { restartPolicy: 'Never', containers: [main, { name: 'two' }] },
      { main: exited(0), two: running },
      undefined,
    ],
    [
      'Failed when an init container failed under Never',
      { restartPolicy: 'Never', initContainers: [init] },
      { init: exited(1) },
      'Failed',
    ],
  ])('a pod ends by itself %s', (_, spec, records, outcome) => {
    expect(outcomeOf(spec, records)).toBe(outcome);
  });
});

describe('back-off', () => {
  test('the first restart is immediate, then it doubles from the base up to five minutes', () => {
    const delays = [1, 2, 3, 4, 20].map((failures) => restartDelay(failures, 10 * SECOND));
    expect(delays).toEqual([0, 10 * SECOND, 20 * SECOND, 40 * SECOND, 5 * MINUTE]);
  });

  test('ten minutes of running start it over', () => {
    expect([crashedTwice.failures, calmlyExited.failures]).toEqual([2, 1]);
  });
});

describe('phase', () => {
  test.each<[string, Partial<PodSpec>, RecordTable, boolean, string]>([
    ['Pending before anything started', {}, {}, false, 'Pending'],
    ['Pending during initialization', { initContainers: [init] }, { init: running }, false, 'Pending'],
    ['Running with its containers up', {}, { main: running }, false, 'Running'],
    ['Running in a crash loop', {}, { main: crashedTwice }, false, 'Running'],
    [
      'Running until its sidecars are stopped',
      { restartPolicy: 'Never', initContainers: [sidecar] },
      { side: running, main: exited(0) },
      false,
      'Running',
    ],
    ['Succeeded when stopped with exit code 0', {}, { main: exited(0) }, true, 'Succeeded'],
    ['Failed when stopped by a signal', {}, { main: exited(143) }, true, 'Failed'],
    ['Failed when it was stopped before it started', {}, {}, true, 'Failed'],
  ])('%s', (_, spec, records, final, phase) => {
    expect(statusOf(spec, records, final).phase).toBe(phase);
  });

  test('a terminal phase that somebody else wrote stays', () => {
    expect(statusOf({}, { main: exited(0) }, true, { phase: 'Failed' }).phase).toBe('Failed');
  });
});

describe('container statuses', () => {
  test('a container in back-off is waiting, and its end is its last state', () => {
    expect(statusOf({}, { main: crashedTwice }).containerStatuses?.[0]).toMatchObject({
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 1, reason: 'Error', containerID: 'sandbox://2' } },
      restartCount: 1,
      ready: false,
      started: false,
    });
  });

  test('a final status shows no container running or in back-off', () => {
    const status = statusOf({}, { main: crashedTwice }, true);
    expect(status.containerStatuses?.[0]?.state.terminated?.exitCode).toBe(1);
  });

  test('a final status gives an initialized pod an end for containers that never had one', () => {
    const status = statusOf({ containers: [main, { name: 'two' }] }, { main: exited(0) }, true);
    expect(status.containerStatuses?.[1]?.state.terminated).toMatchObject({
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
    });
  });

  test('a container that cannot be started says why, and keeps its history', () => {
    const refused = afterFailedStart(exited(1), 'CreateContainerConfigError', 'no', NOW);
    expect(statusOf({}, { main: refused }).containerStatuses?.[0]).toMatchObject({
      state: { waiting: { reason: 'CreateContainerConfigError', message: 'no' } },
      lastState: { terminated: { exitCode: 1 } },
      restartCount: 0,
    });
  });

  test('what was running when the machine went down ended with code 255, and restarts at once', () => {
    const lost = afterMachineLoss(running, NOW + SECOND);
    expect(lost).toMatchObject({
      state: { terminated: { exitCode: 255, reason: 'Unknown' } },
      startAfter: 0,
    });
    expect(startsOf({}, { main: lost })).toEqual(['main']);
    expect(outcomeOf({ restartPolicy: 'Never' }, { main: lost })).toBe('Failed');
  });

  test('history taken from the API goes on counting restarts', () => {
    const status = statusOf({}, { main: crashedTwice }).containerStatuses?.[0];
    const again = afterStart(fromStatus(status as never), 'sandbox://3', NOW, UNPROBED);
    expect(statusOf({}, { main: again }).containerStatuses?.[0]?.restartCount).toBe(2);
  });
});

describe('conditions', () => {
  const conditionsOf = (status: PodStatus): object =>
    Object.fromEntries((status.conditions ?? []).map((one) => [one.type, [one.status, one.reason]]));

  test('a pod with every container ready is Ready', () => {
    expect(conditionsOf(statusOf({}, { main: running }))).toEqual({
      PodScheduled: ['True', undefined],
      Initialized: ['True', undefined],
      ContainersReady: ['True', undefined],
      Ready: ['True', undefined],
    });
  });

  test('a container whose probe has not succeeded keeps it unready, by name', () => {
    const status = statusOf({}, { main: { ...running, ready: false } });
    expect(status.conditions?.find((one) => one.type === 'Ready')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotReady',
      message: 'containers with unready status: [main]',
    });
  });

  test('an open readiness gate keeps it unready', () => {
    const status = statusOf({ readinessGates: [{ conditionType: 'example.com/ok' }] }, { main: running });
    expect(conditionsOf(status)).toMatchObject({
      ContainersReady: ['True', undefined],
      Ready: ['False', 'ReadinessGatesNotReady'],
    });
  });

  test('a pod in initialization says so', () => {
    expect(conditionsOf(statusOf({ initContainers: [init] }, { init: running }))).toMatchObject({
      Initialized: ['False', 'ContainersNotInitialized'],
    });
  });

  test.each([
    [0, 'PodCompleted'],
    [1, 'PodFailed'],
  ])('a pod that ended with code %i is unready because of %s', (code, reason) => {
    expect(conditionsOf(statusOf({}, { main: exited(code) }, true))).toMatchObject({
      Ready: ['False', reason],
    });
  });

  test('a transition time changes with the status only', () => {
    const before = statusOf({}, { main: running });
    const old = {
      ...before,
      conditions:
        before.conditions?.map((one) => Object.assign({}, one, { lastTransitionTime: 'then' })) ?? [],
    };
    const times = (status: PodStatus): object =>
      Object.fromEntries((status.conditions ?? []).map((one) => [one.type, one.lastTransitionTime]));
    expect(times(statusOf({}, { main: exited(1) }, true, old))).toEqual({
      PodScheduled: 'then',
      Initialized: 'then',
      ContainersReady: '2026-01-01T00:00:00Z',
      Ready: '2026-01-01T00:00:00Z',
    });
  });
});

describe('writing', () => {
  test('the patch names the uid and clears what a condition no longer says', () => {
    expect(statusPatch(podOf({}), statusOf({}, { main: running }))).toMatchObject({
      metadata: { uid: 'u' },
      status: { conditions: [{ type: 'PodScheduled', reason: null, message: null }, {}, {}, {}] },
    });
  });

  test('nothing is written again that the API already says, whoever else wrote conditions', () => {
    const status = statusOf({}, { main: running });
    const foreign = { type: 'DisruptionTarget', status: 'True', lastTransitionTime: 'x' } as const;
    expect(isSameStatus({ ...status, conditions: [foreign, ...(status.conditions ?? [])] }, status)).toBe(
      true,
    );
    expect(isSameStatus(status, statusOf({}, { main: { ...running, ready: false } }))).toBe(false);
    expect(isSameStatus(undefined, status)).toBe(false);
  });
});

/**
 * What the clients of the Go program see: the calls its dashboard makes every five seconds, and a scrape, against a real
 * leader and a real follower, before and after a hand-over.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import { parseExposition, sumOf, type Family } from '../exposition.ts';
import { openPromlint } from '../promlint.ts';
import { eventually } from './eventually.ts';
import { endAll, openWorld, type World } from './world.ts';

const NAMES = ['capture', 'sequencer'];

interface Workload {
  readonly name: string;
  readonly type: string;
  readonly active: boolean | null;
  readonly healthy: boolean | null;
  readonly lastTransition: string | null;
  readonly details?: Readonly<Record<string, unknown>>;
}

type Status = Readonly<Record<string, unknown>> & {
  readonly isLeader: boolean;
  readonly currentLeader: string;
  readonly lastLeader: string;
  readonly failoverCount: number;
};

type Groups = Readonly<
  Record<string, { readonly details: Readonly<Record<string, Readonly<Record<string, Workload>>>> }>
>;

/** One round of what the dashboard polls. */
interface Round {
  readonly status: Status;
  readonly groups: Groups;
  readonly names: readonly string[];
}

let world: World;
let first: ControllerProcess;
let second: ControllerProcess;

beforeAll(async () => {
  world = await openWorld();
  const config = {
    leaderLockTTL: '2s',
    workloads: { processes: NAMES.map((name) => refereedProcess(name, world.referee.dir)) },
  };
  first = await world.controller('first', config);
  await world.leader([first]);
  second = await world.controller('second', config);
  for (const name of NAMES) await world.running(name);
  await eventually('the follower is ready', async () => (await second.get('/health')).status === 200);
});

afterAll(async () => {
  if (first !== undefined) await endAll([first, second].filter((one) => one !== undefined));
  await world?.stop();
});

/** The way the dashboard does it: `ok` or an error, then `data` of the envelope. */
async function fetchData<T>(controller: ControllerProcess, path: string): Promise<T> {
  const { status, body } = await controller.get(path);
  if (status !== 200) throw new Error(`${path}: ${status} ${body}`);
  return (JSON.parse(body) as { readonly data: T }).data;
}

async function poll(controller: ControllerProcess): Promise<Round> {
  const status = await fetchData<Status>(controller, '/api/status');
  const groups = await fetchData<Groups>(controller, '/api/workloads');
  const names = await fetchData<readonly string[]>(controller, '/api/workload-names');
  return { status, groups, names };
}

const processes = ({ groups }: Round): Readonly<Record<string, Workload>> =>
  groups['processes']?.details['processes'] ?? {};

/** Both show every instance up and the same leader. */
async function settled(leader: string): Promise<readonly Round[]> {
  return eventually('both show the same', async () => {
    const rounds = await Promise.all([first, second].map(poll));
    const agree = rounds.every(
      (round) =>
        round.status.currentLeader === leader &&
        NAMES.every((name) => processes(round)[name]?.healthy === true),
    );
    return agree && rounds;
  });
}

describe('the calls of the old dashboard', () => {
  it('show the truth of the cluster on leader and follower alike', async () => {
    const [leader, follower] = await settled('first');
    if (leader === undefined || follower === undefined) throw new Error('two rounds');
    expect(leader.status).toMatchObject({
      isLeader: true,
      leaderID: 'first',
      role: 'leading',
      readyForTraffic: true,
    });
    expect(follower.status).toMatchObject({
      isLeader: false,
      leaderID: 'second',
      role: 'follower',
      readyForTraffic: true,
      leaderSince: null,
      dbConnected: true,
      clusterHealth: true,
      controllerState: 'Normal',
    });
    expect(follower.status['term']).toBe(leader.status['term']);
    expect(follower.status['workloadStatus']).toEqual(leader.status['workloadStatus']);
    expect(leader.names).toEqual(NAMES);
    expect(follower.names).toEqual(NAMES);
    for (const name of NAMES) {
      const seen = processes(follower)[name];
      expect(seen).toMatchObject({ name, type: 'process', active: true, healthy: true });
      expect(seen?.details).toMatchObject({
        podName: `${name}-pod`,
        podPhase: 'Running',
        containerReady: true,
      });
      expect(seen?.details).toEqual(processes(leader)[name]?.details);
      expect(Date.parse(seen?.lastTransition ?? '')).toBeGreaterThan(0);
    }
    expect(follower.groups).toHaveProperty(['processes', 'capture', 'name'], 'capture');
  });

  it('answer for one workload and for a group by name', async () => {
    expect(await fetchData(second, '/api/workloads/capture')).toMatchObject({
      name: 'capture',
      active: true,
    });
    expect(await fetchData(second, '/api/workloads/processes')).toMatchObject({ type: 'processManager' });
    expect((await second.get('/api/workloads/none')).status).toBe(404);
    expect(await fetchData(second, '/debug/status')).toMatchObject({ healthStatus: { leaderID: 'second' } });
  });
});

const PREFIX = 'k8_highlander_';

async function scrape(controller: ControllerProcess): Promise<ReadonlyMap<string, Family>> {
  return parseExposition((await controller.get('/metrics')).body);
}

const COUNTED = [
  'leadership_transitions_total',
  'leadership_acquisitions_total',
  'leadership_losses_total',
  'failover_total',
  'failover_duration_seconds_count',
  'leadership_duration_seconds_count',
  'failover_errors_total',
  'leadership_failed_attempts_total',
  'workload_gap_seconds_count',
];

async function counts(controller: ControllerProcess): Promise<Record<string, number>> {
  const families = await scrape(controller);
  return Object.fromEntries(COUNTED.map((name) => [name, sumOf(families, PREFIX + name)]));
}

function difference(after: Record<string, number>, before: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after)
      .map(([name, value]) => [name, value - (before[name] ?? 0)] as const)
      .filter(([, value]) => value !== 0),
  );
}

it('a hand-over moves each counter by exactly one, and one process leads at a time', async () => {
  const leaders = async (): Promise<number> => {
    const scrapes = await Promise.all([first, second].map(scrape));
    return scrapes.reduce((sum, families) => sum + sumOf(families, `${PREFIX}is_leader`), 0);
  };
  expect(await leaders()).toBe(1);
  const [before, beforeSecond] = await Promise.all([first, second].map(counts));
  expect(before).toMatchObject({ leadership_transitions_total: 1, leadership_acquisitions_total: 1 });
  expect(Object.values(beforeSecond ?? {}).every((value) => value === 0)).toBe(true);
  // Paused for longer than its lock: it loses the term and lives to tell.
  first.kill('SIGSTOP');
  await world.leader([second], 20_000);
  first.kill('SIGCONT');
  await settled('second');
  const [after, afterSecond] = await eventually('the counters are scraped anew', async () => {
    const now = await Promise.all([first, second].map(counts));
    const isDone =
      now[0]?.['leadership_losses_total'] === 1 && now[1]?.['failover_duration_seconds_count'] === 1;
    return isDone && now;
  });
  expect(difference(after ?? {}, before ?? {})).toEqual({
    leadership_transitions_total: 1,
    leadership_losses_total: 1,
    leadership_duration_seconds_count: 1,
  });
  expect(difference(afterSecond ?? {}, beforeSecond ?? {})).toEqual({
    leadership_transitions_total: 1,
    leadership_acquisitions_total: 1,
    failover_total: 1,
    failover_duration_seconds_count: 1,
  });
  expect(await leaders()).toBe(1);
  const rounds = await settled('second');
  for (const { status } of rounds) expect(status).toMatchObject({ failoverCount: 1, lastLeader: 'first' });
  expect(rounds[0]?.status['lastLeadershipChangeReason']).toBe('unknown');
  expect(rounds[1]?.status['lastLeadershipChangeReason']).toBe('normal transition');
});

it('a scrape has requests, operations of the store and the workloads', async () => {
  const renewals = `${PREFIX}store_operation_duration_seconds_count`;
  const labels = { store: 'lease', operation: 'renew', result: 'ok' };
  const families = await eventually('a scrape after the first renewal', async () => {
    const scraped = await scrape(second);
    return sumOf(scraped, renewals, labels) > 0 && scraped;
  });
  const at = (name: string, of = {}): number => sumOf(families, PREFIX + name, of);
  expect(at('kube_requests_total', { verb: 'watch', resource: 'pods', code: '200' })).toBeGreaterThan(0);
  expect(at('kube_requests_total', { verb: 'update', resource: 'leases', code: '200' })).toBeGreaterThan(0);
  expect(at('db_operations_total', { operation: 'expire' })).toBe(at('lease_renew_duration_seconds_count'));
  expect(at('workload_status')).toBe(NAMES.length);
  expect(at('workloads', { tone: 'ok' })).toBe(NAMES.length);
  expect(at('reconcile_duration_seconds_count')).toBeGreaterThan(0);
  expect(at('lease_remaining_seconds')).toBeGreaterThan(0);
  expect(sumOf(families, 'process_open_fds')).toBeGreaterThan(0);
});

it('a scrape of either passes `promtool check metrics`, but where the Go program had broken a rule', async ({
  skip,
}) => {
  const lint = await openPromlint();
  if (typeof lint !== 'function') return skip(lint.missing);
  for (const controller of [first, second]) {
    const { body } = await controller.get('/metrics');
    expect(await lint(body)).toEqual([
      `${PREFIX}goroutine_count: non-histogram and non-summary metrics should not have "_count" suffix`,
    ]);
  }
});

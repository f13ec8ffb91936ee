/** Cron jobs: each tick once, on the real control plane with real processes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { tail, type ControllerProcess } from '../../sandbox/controller-process.ts';
import { definitionsText } from '../../scripts/definitions.ts';
import type { ResourceStatus } from '../../src/core/reconcile/resource-status.ts';
import type { WorkloadResource } from '../../src/core/workload/custom-resource.ts';
import { runLauncher } from '../launcher.ts';
import { openCronWorld, refereedCronJob, type CronWorld } from './cron-world.ts';
import { eventually } from './eventually.ts';
import { endAll, openWorld, staleWrites, type World } from './world.ts';

const MINUTE = 60_000;
const COLLECTION = '/apis/highlander.plexobject.io/v1/namespaces/default/workloadcronjobs';
/** Ticks of the run with failovers; `CRON_TICKS=200` is the long form, about five minutes. */
const TICKS = Number(process.env['CRON_TICKS'] ?? 16);

type Resource = WorkloadResource & { readonly status?: ResourceStatus };

let world: World;
let cron: CronWorld;
let round = 0;
let controllers: ControllerProcess[] = [];

beforeAll(async () => {
  world = await openWorld();
  cron = openCronWorld(world);
  await world.sandbox.api.apply(definitionsText());
});

afterAll(async () => {
  await world?.stop();
});

afterEach(async () => {
  expect(world.referee.violations()).toEqual([]);
  const users = [...new Set(controllers.map(({ id }) => id))];
  expect(await staleWrites(world.sandbox.audit(), users)).toEqual([]);
  await endAll(controllers);
  controllers = [];
});

/** Another controller of this tenant, with these cron jobs in its file. */
async function start(tenant: string, cronJobs: readonly unknown[]): Promise<ControllerProcess> {
  round += 1;
  const config = { tenant, leaderLockTTL: '2s', workloads: { cronJobs } };
  const controller = await world.controller(`cron-${round}`, config);
  controllers.push(controller);
  return controller;
}

const alive = new Set<ControllerProcess>();

/** Two controllers; `fail` kills the leader, and starts another in its place. */
async function startPair(tenant: string, cronJobs: readonly unknown[]) {
  alive.clear();
  for (let n = 0; n < 2; n++) alive.add(await start(tenant, cronJobs));
  return {
    leader: () => world.leader([...alive]),
    async fail(): Promise<void> {
      const leader = await world.leader([...alive]);
      alive.delete(leader);
      leader.kill('SIGKILL');
      alive.add(await start(tenant, cronJobs));
      await world.leader([...alive]);
    },
  };
}

const logs = (): string => controllers.map(({ id, log }) => `${id}:\n${tail(log)}`).join('\n');

/** A tick some minutes ago. */
function ago(minutes: number): Date {
  return new Date(Math.floor(Date.now() / MINUTE - minutes) * MINUTE);
}

function done(name: string): readonly string[] {
  return cron
    .runs(name)
    .filter(({ kind }) => kind === 'done')
    .map(({ job }) => job);
}

const entry = (
  name: string,
  extra?: Readonly<Record<string, unknown>>,
  work?: readonly string[],
): Record<string, unknown> => refereedCronJob(name, world.referee.dir, extra, work);

async function get(name: string): Promise<Resource | undefined> {
  const { status, body } = await world.sandbox.api.request<Resource>('GET', `${COLLECTION}/${name}`);
  return status === 200 ? body : undefined;
}

function applyResource(tenant: string, name: string, { name: _name, ...spec }: Record<string, unknown>) {
  return world.sandbox.api.apply([
    {
      apiVersion: 'highlander.plexobject.io/v1',
      kind: 'WorkloadCronJob',
      metadata: { name, namespace: 'default', labels: { 'highlander.plexobject.io/tenant': tenant } },
      spec,
    },
  ]);
}

/** So many jobs are left, each with one pod. */
async function isReducedTo(name: string, kept: number): Promise<boolean> {
  const [jobs, pods] = [await cron.jobs(name), await cron.pods(name)];
  return jobs.length === kept && pods.length === kept;
}

/** Nothing of the cron job is left. */
async function isGone(name: string): Promise<boolean> {
  const [maker, jobs, pods] = [await cron.cronJob(name), await cron.jobs(name), await cron.pods(name)];
  return maker === undefined && jobs.length + pods.length === 0;
}

describe('a run out of turn', () => {
  it('is made once for each request, also when the leader is killed meanwhile', async () => {
    const name = 'asked';
    const pair = await startPair(name, [entry(name)]);
    await pair.leader();
    await cron.ready(name);
    const run = (...args: readonly string[]) =>
      runLauncher(['run-now', name, '--tenant', name, ...args], {
        cwd: world.referee.dir,
        env: { KUBECONFIG: world.sandbox.kubeconfig },
      });
    const first = await run('--reason', 'numbers are missing');
    expect(first.exit, first.stderr).toBe(0);
    await pair.fail();
    await eventually('it has run', () => done(name).length === 1, 40_000, logs);
    const second = await run('--wait');
    expect(second.exit, second.stderr).toBe(0);
    await eventually('it has run again', () => done(name).length === 2, 40_000, logs);
    const begun = cron.runs(name).filter(({ kind }) => kind === 'begin');
    expect(new Set(begun.map(({ job }) => job)).size).toBe(2);
    expect(begun).toHaveLength(2);
    expect(await cron.jobs(name)).toHaveLength(2);
  });
});

describe('each tick once', () => {
  it(`over ${TICKS} ticks with leaders that are killed at any time`, async () => {
    const name = 'often';
    const pair = await startPair(name, [entry(name, { successfulJobsHistoryLimit: 3 }, ['sleep 0.2'])]);
    const expected: string[] = [];
    for (let n = 0; n < TICKS; n++) {
      const job = await cron.tick(name, ago(TICKS - n));
      expected.push(job.name);
      if (n % 5 === 2) await pair.fail();
      await eventually(`${job.name} has run`, () => done(name).includes(job.name), 40_000, logs);
    }
    const begun = cron.runs(name).filter(({ kind }) => kind === 'begin');
    expect(begun.map(({ job }) => job)).toEqual(expected);
    expect(done(name)).toEqual(expected);
  }, 1_200_000);

  it('when the leader is killed right after the tick was entered in the ledger', async () => {
    const name = 'entered';
    await startPair(name, [entry(name)]);
    const leader = await world.leader([...alive]);
    await cron.ready(name);
    const told = leader.waitForLog('the tick is entered', ({ msg }) => msg === 'tick run');
    const job = await cron.tick(name, ago(3));
    await told;
    leader.kill('SIGKILL');
    await eventually('it has run', () => done(name).length > 0, 40_000, logs);
    await cron.ended(job.name, 'Complete');
    expect(cron.runs(name).map(({ kind }) => kind)).toEqual(['begin', 'done']);
  });

  it('when a second job is made for it: that one is deleted, with an event', async () => {
    const name = 'twice';
    await start(name, [entry(name)]);
    const at = ago(3);
    const first = await cron.tick(name, at);
    await cron.ended(first.name, 'Complete');
    const second = await cron.tick(name, at, { suffix: '-again' });
    await eventually(
      'the second is gone',
      async () => (await cron.jobs(name)).every(({ metadata }) => metadata.uid !== second.uid),
      30_000,
      logs,
    );
    await eventually('the event', async () =>
      (await cron.eventReasons(second.name)).includes('TickAlreadyRun'),
    );
    await eventually('its pods are gone', async () =>
      (await cron.pods(name)).every(({ metadata }) => !metadata.name.startsWith(second.name)),
    );
    expect(done(name)).toEqual([first.name]);
    const { body } = await (await world.leader(controllers)).get('/metrics');
    expect(body).toMatch(/cron_ticks_total\{.*name="twice".*result="duplicate".*\} 1/);
  });

  it('when its run fails: the same job tries again, although the leader changed between the two', async () => {
    const name = 'retried';
    const failOnce = ['if [ ! -e "$J.failed" ]; then touch "$J.failed"; exit 1; fi'];
    const pair = await startPair(name, [entry(name, {}, failOnce)]);
    const job = await cron.tick(name, ago(3));
    await eventually('it has failed', async () => {
      const found = (await cron.jobs(name)).find(({ metadata }) => metadata.uid === job.uid);
      return (found?.status?.failed ?? 0) > 0;
    });
    await pair.fail();
    await cron.ended(job.name, 'Complete', 60_000);
    const lines = cron.runs(name);
    expect(lines.map(({ kind, job: of }) => `${kind} ${of}`)).toEqual([
      `begin ${job.name}`,
      `begin ${job.name}`,
      `done ${job.name}`,
    ]);
    expect((await cron.jobs(name)).map(({ metadata }) => metadata.uid)).toEqual([job.uid]);
  });

  it('and ended jobs go by their limits: no pod is held back', async () => {
    const name = 'limited';
    await start(name, [entry(name, { successfulJobsHistoryLimit: 1 })]);
    const brief = await cron.tick(name, ago(9), { spec: { ttlSecondsAfterFinished: 1 } });
    await eventually('it has run', () => done(name).includes(brief.name), 30_000, logs);
    await eventually('its time to live is over', () => isReducedTo(name, 0), 30_000, logs);
    for (let n = 1; n < 4; n++) {
      const job = await cron.tick(name, ago(9 - n));
      await eventually('it has run', () => done(name).includes(job.name), 30_000, logs);
    }
    await eventually('one job is left, and its pod', () => isReducedTo(name, 1), 30_000, logs);
  });
});

describe('a cron job that is removed', () => {
  it('lets its run finish, then goes as a whole', async () => {
    const name = 'leaving';
    const first = await start(name, [entry(name, {}, ['while [ ! -e "$J.go" ]; do sleep 0.1; done'])]);
    const job = await cron.tick(name, ago(3));
    await eventually('it runs', () => cron.runs(name).length > 0, 30_000, logs);
    first.kill('SIGKILL');
    await start(name, []);
    await eventually(
      'it is suspended',
      async () => (await cron.cronJob(name))?.spec?.suspend === true,
      30_000,
      logs,
    );
    expect(world.referee.isHeld(name)).toBe(true);
    writeFileSync(join(world.referee.dir, `${name}.go`), '');
    await eventually('nothing is left', () => isGone(name), 40_000, logs);
    expect(done(name)).toEqual([job.name]);
  });

  it('ends its run at once with onStop Delete', async () => {
    const name = 'deleting';
    const first = await start(name, [entry(name, { onStop: 'Delete' }, ['sleep 600'])]);
    await cron.tick(name, ago(3));
    await eventually('it runs', () => cron.runs(name).length > 0, 30_000, logs);
    first.kill('SIGKILL');
    await start(name, []);
    await eventually('nothing is left', () => isGone(name), 40_000, logs);
    expect(done(name)).toEqual([]);
  });

  it('deletes its run when drainTimeout is over', async () => {
    const name = 'draining';
    const first = await start(name, [entry(name, { drainTimeout: '3s' }, ['sleep 600'])]);
    await cron.tick(name, ago(3));
    await eventually('it runs', () => cron.runs(name).length > 0, 30_000, logs);
    first.kill('SIGKILL');
    await start(name, []);
    await eventually('nothing is left', () => isGone(name), 40_000, logs);
    expect(done(name)).toEqual([]);
  });
});

describe('as a custom resource', () => {
  it('runs at its minute in its zone, says so, keeps its ledger, and leaves nothing when deleted while nobody led', async () => {
    const name = 'minutely';
    const tenant = 'cron-resource';
    const extra = { schedule: '* * * * *', timeZone: 'Asia/Kolkata', startingDeadline: '60s' };
    await applyResource(tenant, name, entry(name, extra));
    await start(tenant, []);
    const { spec } = await cron.ready(name);
    expect(spec).toMatchObject({ schedule: '* * * * *', timeZone: 'Asia/Kolkata' });
    await eventually('it has run', () => done(name).length > 0, 90_000, logs);
    const status = await eventually('its status says so', async () => {
      const found = (await get(name))?.status;
      return found?.schedule?.last === undefined ? undefined : found;
    });
    const { last = '', next = '', missed } = status.schedule ?? {};
    expect(Date.parse(next) - Date.parse(last)).toBe(MINUTE);
    expect(missed).toBe(0);
    expect(status).toMatchObject({ active: true, healthy: true, record: { ticks: [{ at: last }] } });
    // It moves to the file, and takes its ledger along: another job for that tick is not run.
    await endAll(controllers);
    controllers = [];
    await world.sandbox.api.request('DELETE', `${COLLECTION}/${name}`);
    await start(tenant, [entry(name, { ...extra, suspend: true })]);
    await eventually('the resource is gone', async () => (await get(name)) === undefined, 30_000, logs);
    const before = done(name).length;
    await eventually('it is suspended', async () => (await cron.cronJob(name))?.spec?.suspend === true);
    await endAll(controllers);
    controllers = [];
    await start(tenant, [entry(name, { ...extra, startingDeadline: '1h' })]);
    await cron.ready(name);
    const again = await cron.tick(name, new Date(last), { suffix: '-again' });
    await eventually(
      'it is refused',
      async () => (await cron.eventReasons(again.name)).includes('TickAlreadyRun'),
      30_000,
      logs,
    );
    expect(done(name).filter((job) => job === again.name)).toEqual([]);
    expect(before).toBeGreaterThan(0);
    await endAll(controllers);
    controllers = [];
    await start(tenant, []);
    await eventually('nothing is left', () => isGone(name), 60_000, logs);
  });

  it('tells a tick that comes too late as missed and never runs it, and is healthy again after the next one', async () => {
    const name = 'late';
    await applyResource(name, name, entry(name, { startingDeadline: '60s' }));
    const controller = await start(name, []);
    await cron.tick(name, ago(5));
    const shows = (missed: number, healthy: boolean) =>
      eventually(
        `missed ${missed}`,
        async () => {
          const { status } = (await get(name)) ?? {};
          return status?.schedule?.missed === missed && status.healthy === healthy;
        },
        30_000,
        logs,
      );
    await shows(1, false);
    await eventually('its job is gone', async () => (await cron.jobs(name)).length === 0, 30_000, logs);
    await eventually('the event', async () => (await cron.eventReasons(name)).includes('TickMissed'));
    const next = await cron.tick(name, ago(0));
    await cron.ended(next.name, 'Complete');
    await shows(0, true);
    expect(done(name)).toEqual([next.name]);
    const { body } = await controller.get('/metrics');
    expect(body).toMatch(/cron_ticks_total\{.*name="late".*result="missed".*\} 1/);
  });

  it('that was deleted while nobody led leaves nothing', async () => {
    const name = 'orphan';
    await applyResource(name, name, entry(name));
    const first = await start(name, []);
    const job = await cron.tick(name, ago(3));
    await cron.ended(job.name, 'Complete');
    first.kill('SIGKILL');
    await first.exited;
    await world.sandbox.api.request('DELETE', `${COLLECTION}/${name}`);
    await start(name, []);
    await eventually(
      'nothing is left',
      async () => (await isGone(name)) && (await get(name)) === undefined,
      40_000,
      logs,
    );
  });

  it('whose schedule cannot be used is told why, and what would be right', async () => {
    const name = 'wrong';
    await start(name, []);
    await applyResource(name, name, entry(name, { schedule: '61 * * * *' }));
    const status = await eventually('it is told', async () => {
      const found = (await get(name))?.status;
      return found?.reason === 'InvalidSpec' ? found : undefined;
    });
    expect(status.lastError).toMatch(/spec\.schedule.*61/);
    await expect(applyResource(name, name, entry(name, { schedule: 'TZ=UTC 0 3 * * *' }))).rejects.toThrow(
      /timeZone/,
    );
  });
});

it('a schedule in the file that cannot be used is refused at the start', async () => {
  const bad = await start('bad-file', [entry('bad', { schedule: 'TZ=UTC 0 3 * * *' })]);
  expect(await bad.exited).toBe(2);
  expect(JSON.stringify(bad.log)).toMatch(/schedule.*timeZone/);
});

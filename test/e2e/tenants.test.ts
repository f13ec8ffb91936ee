/** Two tenants in one process, and the same two in a second one: each is led once, and neither touches what is the other's. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import { LABEL } from '../../src/core/workload/names.ts';
import { parseExposition } from '../exposition.ts';
import { eventually } from './eventually.ts';
import { endAll, openWorld, type World } from './world.ts';

const TTL = 2000;
const TENANTS = ['blue', 'green'] as const;
const BASE = { blue: '', green: '/tenants/green' } as const;
const WORKLOAD = { blue: 'capture', green: 'sequencer' } as const;

type Json = Readonly<Record<string, any>>;

let world: World;
let processes: ControllerProcess[];
let first: ControllerProcess;
let second: ControllerProcess;

beforeAll(async () => {
  world = await openWorld({ nodes: 1 });
  const of = (tenant: (typeof TENANTS)[number]) => ({
    tenant,
    workloads: { processes: [refereedProcess(WORKLOAD[tenant], world.referee.dir)] },
  });
  const config = { leaderLockTTL: `${TTL}ms`, ...of('blue'), tenants: [of('green')] };
  first = await world.controller('first', config);
  for (const tenant of TENANTS) await leads(first, tenant);
  second = await world.controller('second', config);
  processes = [first, second];
  for (const tenant of TENANTS) await world.running(WORKLOAD[tenant]);
  await eventually('the second process is ready', async () => (await second.get('/readyz')).status === 200);
});

afterAll(async () => {
  await endAll((processes ?? [first]).filter((one) => one !== undefined));
  await world?.stop();
});

async function ask(controller: ControllerProcess, path: string): Promise<Json> {
  return JSON.parse((await controller.get(path)).body) as Json;
}

async function isLeading(controller: ControllerProcess, tenant: (typeof TENANTS)[number]): Promise<boolean> {
  return (await ask(controller, `${BASE[tenant]}/status`))['isLeader'] === true;
}

async function leads(controller: ControllerProcess, tenant: (typeof TENANTS)[number]): Promise<void> {
  const what = `${controller.id} leads ${tenant}`;
  await eventually(
    what,
    () => isLeading(controller, tenant).catch(() => false),
    30_000,
    () => controller.log.map(({ msg }) => msg).join('\n'),
  );
}

describe('two tenants in one process', () => {
  it('are each shown under their own paths, and listed together', async () => {
    const { items } = await ask(first, '/api/v1/tenants');
    expect(items).toEqual(
      TENANTS.map((name) => expect.objectContaining({ name, leader: 'first', workloads: 1 })),
    );
    for (const tenant of TENANTS) {
      expect(await ask(first, `${BASE[tenant]}/api/status`)).toMatchObject({ data: { tenant } });
      const asked = await ask(first, `${BASE[tenant]}/api/v1/workloads`);
      expect(asked['items'].map((row: Json) => row['name'])).toEqual([WORKLOAD[tenant]]);
      const chosen = await ask(first, `/api/v1/workloads?tenant=${tenant}`);
      expect(chosen['items'].map((row: Json) => row['name'])).toEqual([WORKLOAD[tenant]]);
    }
    expect((await first.get('/tenants/red/status')).status).toBe(404);
    expect((await first.get('/api/v1/summary?tenant=red')).status).toBe(404);
  });

  it('are told apart in one text of metrics', async () => {
    const families = parseExposition((await first.get('/metrics')).body);
    const leading = families.get('k8_highlander_is_leader')?.samples ?? [];
    expect(leading.map(({ labels, value }) => [labels['tenant'], value])).toEqual([
      ['blue', 1],
      ['green', 1],
    ]);
    const status = families.get('k8_highlander_workload_status')?.samples ?? [];
    expect(status.map(({ labels }) => [labels['tenant'], labels['name']])).toEqual([
      ['blue', 'capture'],
      ['green', 'sequencer'],
    ]);
  });

  it('trouble of one leaves the other leading, and readiness says whose it is', async () => {
    const metadata = { name: 'highlander-fence-broken', namespace: 'k8-highlander' };
    const data = { edited: 'by hand' };
    await world.sandbox.api.apply([{ apiVersion: 'v1', kind: 'ConfigMap', metadata, data }]);
    const config = { leaderLockTTL: '2s', tenant: 'sound', tenants: [{ tenant: 'broken' }] };
    const controller = await world.controller('troubled', config);
    processes.push(controller);
    await eventually('the sound one leads', async () => {
      const { isLeader } = await ask(controller, '/status').catch((): Json => ({}));
      return isLeader === true;
    });
    const { status, body } = await controller.get('/readyz');
    expect({ status, body }).toMatchObject({
      status: 503,
      body: expect.stringMatching(/^not ready - tenant broken: .*is not a fence anchor/),
    });
    expect((await controller.get('/tenants/broken/readyz')).status).toBe(503);
    const path = `/api/v1/namespaces/k8-highlander/configmaps/${metadata.name}`;
    await world.sandbox.api.request('DELETE', path);
    await eventually('all are ready', async () => (await controller.get('/readyz')).status === 200);
    await eventually('the broken one is led', async () => {
      const { isLeader } = await ask(controller, '/tenants/broken/status');
      return isLeader === true;
    });
  });

  it('an object of the other tenant is foreign', async () => {
    const workloads = { processes: [refereedProcess('capture', world.referee.dir)] };
    const stranger = await world.controller('stranger', {
      leaderLockTTL: '2s',
      tenant: 'green-too',
      workloads,
    });
    processes.push(stranger);
    await eventually(
      'the object is foreign',
      async () => {
        const { items = [] } = await ask(stranger, '/api/v1/workloads').catch((): Json => ({}));
        return items.some((row: Json) => JSON.stringify(row).includes('ForeignOwner'));
      },
      30_000,
    );
    expect((await world.pod('capture-pod'))?.metadata.labels?.[LABEL.tenant]).toBe('blue');
  });

  it('the other process takes over both when this one is killed, without starting anything anew', async () => {
    const starts = TENANTS.map((tenant) => world.referee.starts(WORKLOAD[tenant]));
    first.kill('SIGKILL');
    for (const tenant of TENANTS) await leads(second, tenant);
    const { items } = await ask(second, '/api/v1/tenants');
    expect(items.map(({ leader }: Json) => leader)).toEqual(['second', 'second']);
    for (const tenant of TENANTS) await world.running(WORKLOAD[tenant]);
    expect(TENANTS.map((tenant) => world.referee.starts(WORKLOAD[tenant]))).toEqual(starts);
    expect(world.referee.violations()).toEqual([]);
  });
});

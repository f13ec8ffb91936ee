/** One tenant with workloads of all kinds, and leaders that come and go: what a change of leader must leave as it is. */
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { tail } from '../../sandbox/controller-process.ts';
import type { Pod } from '../../src/core/manifests/pod.ts';
import type { KubeObject } from '../../src/ports/cluster.ts';
import { eventually } from './eventually.ts';
import type { World } from './world.ts';

const KINDS = ['processes', 'cronJobs', 'services', 'persistentSets'] as const;

/** The workloads of a file: `each` of every kind, which idle. Cron jobs run once, from the next full minute, and do not end. */
export function idleWorkloads(each: number): Readonly<Record<string, unknown>> {
  const entries = (kind: (typeof KINDS)[number]): readonly unknown[] =>
    Array.from({ length: each }, (_, at) => {
      const name = `${kind.toLowerCase()}-${at}`;
      const base = { name, image: 'busybox', terminationGracePeriod: '1s' };
      const script = { commands: ['trap "exit 0" TERM', 'while :; do sleep 60 & wait $!; done'] };
      if (kind === 'cronJobs') return { ...base, script, schedule: '* * * * *' };
      return { ...base, script, ...(kind === 'persistentSets' ? { serviceName: name } : {}) };
    });
  return Object.fromEntries(KINDS.map((kind) => [kind, entries(kind)]));
}

interface Crew {
  /** Starts another controller of the tenant. */
  readonly start: () => Promise<ControllerProcess>;
  readonly world: World;
}

/**
 * Ends the leader `changes` times, in turn by SIGTERM and by SIGKILL, with a new controller in place of each.
 * @throws when nobody leads within a minute.
 */
export async function changeLeaders({ start, world }: Crew, changes: number): Promise<void> {
  const controllers = [await start(), await start()];
  for (let change = 0; change < changes; change++) {
    const leader = await world.leader(controllers, 60_000);
    const other = controllers.find((controller) => controller !== leader);
    if (other === undefined) throw new Error('no second controller');
    await swept(leader);
    await eventually('the other is ready', async () => (await other.get('/readyz')).status === 200);
    leader.kill(change % 2 === 0 ? 'SIGTERM' : 'SIGKILL');
    await leader.exited;
    controllers.splice(controllers.indexOf(leader), 1, await start());
  }
  await swept(await world.leader(controllers, 60_000));
}

/** The leader has looked at every workload. */
async function swept(leader: ControllerProcess): Promise<void> {
  await leader.waitForLog('that all were looked at', ({ msg }) => msg === 'all workloads looked at', 60_000);
}

interface Owned extends KubeObject {
  readonly metadata: KubeObject['metadata'] & { readonly generation?: number };
}

const AROUND = [
  '/apis/apps/v1/namespaces/default/deployments',
  '/apis/apps/v1/namespaces/default/replicasets',
  '/apis/apps/v1/namespaces/default/statefulsets',
  '/apis/batch/v1/namespaces/default/cronjobs',
  '/apis/batch/v1/namespaces/default/jobs',
];

/**
 * What must be the same afterwards: every pod with its restarts, and every other object with its generation. Of a
 * Deployment that rises with its annotations too, so of these it is left out: a new spec would show in its ReplicaSets.
 */
export async function census({ sandbox }: World): Promise<readonly string[]> {
  const pods = await sandbox.api.request<{ items: Pod[] }>('GET', '/api/v1/namespaces/default/pods');
  const lists = await Promise.all(AROUND.map((path) => sandbox.api.request<{ items: Owned[] }>('GET', path)));
  return [
    ...pods.body.items.map(({ metadata, status }) => {
      const restarts = status?.containerStatuses?.map(({ restartCount }) => restartCount) ?? [];
      return `pod ${metadata.name} ${metadata.uid} restarts ${restarts.join(',')}`;
    }),
    ...lists.flatMap(({ body }, at) =>
      body.items.map(
        ({ metadata }) =>
          `${AROUND[at]} ${metadata.name} ${metadata.uid} ${at === 0 ? '' : metadata.generation}`,
      ),
    ),
  ].toSorted();
}

/** Resolves when every workload has its pod running; the first runs of cron jobs begin with the next full minute. */
export async function allUp(
  world: World,
  workloads: number,
  controllers: () => readonly ControllerProcess[],
): Promise<void> {
  let ready = 0;
  await eventually(
    `${workloads} pods are ready`,
    async () => {
      const { body } = await world.sandbox.api.request<{ items: Pod[] }>(
        'GET',
        '/api/v1/namespaces/default/pods',
      );
      const isReady = ({ status }: Pod): boolean =>
        status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ??
        false;
      ready = body.items.filter(isReady).length;
      return ready === workloads && body.items.length === workloads;
    },
    180_000,
    () =>
      `${ready} were ready\n${controllers()
        .map(({ id, log }) => `${id}:\n${tail(log)}`)
        .join('\n')}`,
  );
}

/** The four workloads that are tortured: one of each kind, each with a lock that only one instance can hold. */
import { refereedProcess } from '../../sandbox/referee.ts';
import { eventually } from '../e2e/eventually.ts';
import { actors, type Stage } from '../e2e/owned-stage.ts';
import type { Crew } from './crew.ts';

export interface Target {
  readonly name: string;
  readonly kind: 'WorkloadProcess' | 'WorkloadCronJob' | 'WorkloadService' | 'WorkloadPersistent';
  /** Path of the custom resource. */
  readonly resource: string;
  /** Path of what makes its pods; a process has none. */
  readonly owner?: string;
}

const RESOURCES = '/apis/highlander.plexobject.io/v1/namespaces/default';
/** How long one run of the cron job holds its lock. */
const RUN_SECONDS = 25;

export const CAST: readonly Target[] = [
  { name: 'worker', kind: 'WorkloadProcess', resource: `${RESOURCES}/workloadprocesses/worker` },
  {
    name: 'nightly',
    kind: 'WorkloadCronJob',
    resource: `${RESOURCES}/workloadcronjobs/nightly`,
    owner: '/apis/batch/v1/namespaces/default/cronjobs/nightly',
  },
  ...actors().map(({ name, kind, plural, owner }): Target => ({
    name,
    kind,
    owner,
    resource: `${RESOURCES}/${plural}/${name}`,
  })),
];

/** Creates the four. */
export async function raise(stage: Stage): Promise<void> {
  await stage.world.sandbox.api.apply(
    CAST.map(({ name, kind }) => {
      const { name: _name, restartPolicy, ...common } = refereedProcess(name, stage.world.referee.dir);
      const own = {
        WorkloadProcess: { restartPolicy },
        WorkloadCronJob: {
          schedule: '* * * * *',
          script: { shell: '/bin/sh', commands: RUN },
          restartPolicy: 'Never',
        },
        WorkloadService: {},
        WorkloadPersistent: { serviceName: name },
      };
      return {
        apiVersion: 'highlander.plexobject.io/v1',
        kind,
        metadata: { name, namespace: 'default' },
        spec: { ...common, ...own[kind] },
      };
    }),
  );
}

/** As the instances of the referee, but it ends by itself. */
const RUN = [
  'J="$REFEREE_DIR/$REFEREE_NAME.journal"',
  'exec 9>>"$REFEREE_DIR/$REFEREE_NAME.lock"',
  'if ! flock -n 9; then echo "refused $HIGHLANDER_FENCING_TOKEN $(date +%s%N)" >> "$J"; exit 99; fi',
  'echo "start $HIGHLANDER_FENCING_TOKEN $(date +%s%N)" >> "$J"',
  `trap 'exit 0' TERM`,
  `sleep ${RUN_SECONDS} & wait $!`,
];

/** Resolves when all of them are as they should be; a cron job is there to run at its times. */
export async function allBack(stage: Stage, crew: Crew, within: number): Promise<void> {
  await Promise.all(
    CAST.map(async (target) => {
      const { name, kind } = target;
      await eventually(`${name}: what other hands changed is mended`, () => isMended(stage, target), within);
      if (kind !== 'WorkloadCronJob') await stage.running(target, crew.alive, { within });
      else await eventually(`${name} is active`, () => isScheduled(stage, target), within);
    }),
  );
}

interface Owner {
  readonly metadata: { readonly deletionTimestamp?: string };
  readonly spec: {
    readonly replicas?: number;
    readonly paused?: boolean;
    readonly suspend?: boolean;
    readonly concurrencyPolicy?: string;
    readonly strategy?: { readonly type: string };
    readonly template?: { readonly spec: { readonly schedulingGates?: readonly unknown[] } };
  };
}

async function isMended({ world }: Stage, { owner, kind }: Target): Promise<boolean> {
  if (owner === undefined) return true;
  const { status, body } = await world.sandbox.api.request<Owner>('GET', owner);
  if (status !== 200 || body.metadata.deletionTimestamp !== undefined) return false;
  const { replicas, paused, suspend, concurrencyPolicy, strategy, template } = body.spec;
  if (kind === 'WorkloadCronJob') return suspend !== true && concurrencyPolicy === 'Forbid';
  const isGated = (template?.spec.schedulingGates ?? []).length > 0;
  return replicas === 1 && paused !== true && isGated && strategy?.type !== 'RollingUpdate';
}

async function isScheduled({ world }: Stage, { resource }: Target): Promise<boolean> {
  const { body } = await world.sandbox.api.request<{ status?: { active?: boolean } }>('GET', resource);
  return body.status?.active === true;
}

/**
 * Cron jobs in a world: runs that report what they do, and ticks made to order. The CronJob controller knows minutes only,
 * so most tests make the Jobs as it does: same template, same owner, same annotation.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ManagedObject } from '../../src/core/manifests/managed-object.ts';
import type { Pod } from '../../src/core/manifests/pod.ts';
import { eventually } from './eventually.ts';
import type { World } from './world.ts';

const BATCH = '/apis/batch/v1/namespaces/default';
const SCHEDULED = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

/** What one run wrote. */
export interface RunLine {
  readonly kind: 'begin' | 'done';
  /** The name of its Job. */
  readonly job: string;
  readonly pod: string;
}

/** An entry for the file, or the spec of a resource. Each run takes the lock of the referee, and says when it is done. */
export function refereedCronJob(
  name: string,
  dir: string,
  extra: Readonly<Record<string, unknown>> = {},
  work: readonly string[] = [],
): Record<string, unknown> {
  const field = (path: string) => ({ fieldRef: { fieldPath: path } });
  return {
    name,
    image: 'busybox:latest',
    schedule: '0 0 1 1 *',
    startingDeadline: '8760h',
    restartPolicy: 'Never',
    terminationGracePeriod: '2s',
    env: { REFEREE_DIR: dir, REFEREE_NAME: name },
    envValueFrom: {
      JOB: field("metadata.labels['batch.kubernetes.io/job-name']"),
      POD: field('metadata.name'),
    },
    script: {
      shell: '/bin/sh',
      commands: [
        'J="$REFEREE_DIR/$REFEREE_NAME"',
        'exec 9>>"$J.lock"',
        'if ! flock -n 9; then echo "refused $HIGHLANDER_FENCING_TOKEN $(date +%s%N)" >> "$J.journal"; exit 99; fi',
        'echo "start $HIGHLANDER_FENCING_TOKEN $(date +%s%N)" >> "$J.journal"',
        'echo "begin $JOB $POD" >> "$J.runs"',
        ...work,
        'echo "done $JOB $POD" >> "$J.runs"',
      ],
    },
    ...extra,
  };
}

export interface CronWorld {
  /** What the runs of a cron job wrote, in order. */
  runs(name: string): readonly RunLine[];
  cronJob(name: string): Promise<ManagedObject | undefined>;
  /** The CronJob once it is there, and not suspended. */
  ready(name: string): Promise<ManagedObject>;
  jobs(name: string): Promise<readonly ManagedObject[]>;
  pods(name: string): Promise<readonly Pod[]>;
  /** Makes a Job for a tick; `suffix` makes another one for the same. Answers its name and uid. */
  tick(
    name: string,
    at: Date,
    options?: { readonly suffix?: string; readonly spec?: Readonly<Record<string, unknown>> },
  ): Promise<{ readonly name: string; readonly uid: string }>;
  /** Resolves when this Job has this condition. */
  ended(job: string, type: 'Complete' | 'Failed', within?: number): Promise<void>;
  /** Reasons of the events about the Jobs, the CronJob or the resource of this name. */
  eventReasons(name: string): Promise<readonly string[]>;
}

export function openCronWorld({ sandbox, referee }: World): CronWorld {
  const list = async <T>(path: string): Promise<readonly T[]> => {
    const { status, body } = await sandbox.api.request<{ items: T[] }>('GET', path);
    if (status !== 200) throw new Error(`GET ${path}: ${status}`);
    return body.items;
  };
  const get = async (path: string): Promise<ManagedObject | undefined> => {
    const { status, body } = await sandbox.api.request<ManagedObject>('GET', path);
    return status === 200 ? body : undefined;
  };
  const world: CronWorld = {
    runs(name) {
      let text = '';
      try {
        text = readFileSync(join(referee.dir, `${name}.runs`), 'utf8');
      } catch {
        return [];
      }
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => {
          const [kind, job = '', pod = ''] = line.split(' ');
          return { kind: kind as RunLine['kind'], job, pod };
        });
    },
    cronJob: (name) => get(`${BATCH}/cronjobs/${name}`),
    ready: (name) =>
      eventually(`CronJob ${name} is there`, async () => {
        const found = await world.cronJob(name);
        return found?.spec?.suspend === true ? undefined : found;
      }),
    jobs: (name) => list(`${BATCH}/jobs?labelSelector=app%3D${name}`),
    pods: (name) => list(`/api/v1/namespaces/default/pods?labelSelector=app%3D${name}`),
    async tick(name, at, { suffix = '', spec = {} } = {}) {
      const { metadata, spec: is } = await world.ready(name);
      const template = (is as { jobTemplate: { metadata: ManagedObject['metadata']; spec: object } })
        .jobTemplate;
      const job = {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: {
          ...template.metadata,
          name: `${name}-${Math.floor(at.getTime() / 60_000)}${suffix}`,
          namespace: 'default',
          annotations: { ...template.metadata.annotations, [SCHEDULED]: at.toISOString().slice(0, 19) + 'Z' },
          ownerReferences: [
            {
              apiVersion: 'batch/v1',
              kind: 'CronJob',
              name,
              uid: metadata.uid,
              controller: true,
              blockOwnerDeletion: true,
            },
          ],
        },
        spec: { ...template.spec, ...spec },
      };
      const { status, body } = await sandbox.api.request<ManagedObject>('POST', `${BATCH}/jobs`, {
        body: job,
      });
      if (status !== 201) throw new Error(`POST job: ${status} ${JSON.stringify(body)}`);
      return { name: body.metadata.name, uid: body.metadata.uid ?? '' };
    },
    async ended(job, type, within = 30_000) {
      await eventually(
        `Job ${job} is ${type}`,
        async () => {
          const found = await get(`${BATCH}/jobs/${job}`);
          return found?.status?.conditions?.some((c) => c.type === type && c.status === 'True');
        },
        within,
      );
    },
    async eventReasons(name) {
      const events = await list<{ reason: string; regarding: { name: string } }>(
        '/apis/events.k8s.io/v1/namespaces/default/events',
      );
      return events.filter(({ regarding }) => regarding.name.startsWith(name)).map(({ reason }) => reason);
    },
  };
  return world;
}

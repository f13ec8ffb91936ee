/** A cron job with its objects as the cache shows them, for tests of decisions: in order, and between two ticks. */
import type { ManagedObject } from '../src/core/manifests/managed-object.ts';
import type { CronInput, Instance, Tick } from '../src/core/reconcile/observed.ts';
import { renderOwner } from '../src/core/reconcile/owner.ts';
import type { CronJobSpec, CronJobWorkload } from '../src/core/workload/model.ts';
import { ANNOTATION } from '../src/core/workload/names.ts';
import { makeInput, makeInstance, TERM, FINGERPRINT, type PodOptions } from './pod-fixture.ts';
import { makeCronJob } from './workload-fixture.ts';

export const CRON_IDENTITY = { tenant: 'default', fingerprint: FINGERPRINT };

/** Every hour; missed 5 minutes and 30 seconds later. */
export function hourly(change: Partial<CronJobSpec> = {}): CronJobWorkload {
  return makeCronJob('small', { schedule: '0 * * * *', startingDeadline: 300_000, ...change });
}

/** Its CronJob as it was rendered, claimed, with these annotations on top. */
export function cronJobOf(
  workload: CronJobWorkload,
  annotations: Readonly<Record<string, string>> = {},
  change: Partial<ManagedObject> = {},
): ManagedObject {
  const rendered = renderOwner(workload, CRON_IDENTITY);
  return {
    ...rendered,
    ...change,
    metadata: {
      ...rendered.metadata,
      uid: 'cronjob-uid',
      resourceVersion: '50',
      creationTimestamp: '2026-01-01T00:00:00Z',
      annotations: { ...rendered.metadata.annotations, [ANNOTATION.term]: String(TERM), ...annotations },
    },
  };
}

/** A job for a tick; `at` undefined: made by hand. */
export function jobOf(
  uid: string,
  at: string | undefined,
  change: {
    readonly status?: ManagedObject['status'];
    readonly terminating?: boolean;
    readonly request?: string;
  } = {},
): ManagedObject {
  return {
    kind: 'Job',
    metadata: {
      name: `report-${uid}`,
      namespace: 'ns',
      uid,
      resourceVersion: '60',
      annotations: {
        [ANNOTATION.fingerprint]: FINGERPRINT,
        ...(at === undefined ? {} : { 'batch.kubernetes.io/cronjob-scheduled-timestamp': at }),
        ...(change.request === undefined ? {} : { [ANNOTATION.run]: change.request }),
      },
      ...(change.terminating === true ? { deletionTimestamp: '2026-01-01T12:00:00Z' } : {}),
    },
    status: change.status ?? {},
  };
}

/** A pod that this job made. */
export function podOf(jobUid: string, options: PodOptions = {}): Instance {
  const instance = makeInstance({ name: `report-${jobUid}-x`, uid: `pod-of-${jobUid}`, ...options });
  const owner = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    name: `report-${jobUid}`,
    uid: jobUid,
    controller: true,
  };
  const { metadata } = instance.pod;
  return { ...instance, pod: { ...instance.pod, metadata: { ...metadata, ownerReferences: [owner] } } };
}

export interface CronOptions extends Partial<Omit<CronInput, 'desired' | 'wall'>> {
  /** null: it left its source. */
  readonly workload?: CronJobWorkload | null;
  readonly jobs?: readonly ManagedObject[];
  readonly ticks?: readonly Tick[];
  /** RFC 3339. */
  readonly at?: string;
}

/** By default the tick of noon is on the ledger, and it is half past twelve. */
export function cronInput(options: CronOptions = {}): CronInput {
  const { workload = hourly(), jobs = [], at = '2026-01-01T12:30:00Z', ...rest } = options;
  const ticks = options.ticks ?? [{ at: '2026-01-01T12:00:00Z', jobUid: 'noon' }];
  const spec = workload ?? hourly();
  const { desired: _process, ...input } = makeInput();
  return {
    ...input,
    key: spec.key,
    identity: CRON_IDENTITY,
    wall: Date.parse(at),
    objects: [cronJobOf(spec), ...jobs],
    record: { managedFrom: 'file', hash: spec.templateHash, restarts: 0, ticks },
    ...(workload === null ? {} : { desired: workload }),
    ...rest,
  };
}

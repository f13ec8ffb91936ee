/**
 * The status of a workload's custom resource: what is shown of the decision, and what must be remembered. Pure: the time
 * comes in, and the previous status tells what has changed, so that an unchanged workload gives an equal status.
 */
import { present } from '../present.ts';
import type { WorkloadResource } from '../workload/custom-resource.ts';
import { canonicalJson } from '../workload/template-hash.ts';
import { MAIN_CONTAINER, ANNOTATION } from '../workload/names.ts';
import { MESSAGE_LENGTH } from '../workload/status-fields.ts';
import type { WorkloadView } from '../projection.ts';
import type { ScheduleView } from './ledger.ts';
import type { Input, Tick, WorkloadRecord } from './observed.ts';
import { countRestarts, recordFor } from './restarts.ts';
import { TONE } from './tone.ts';
import type { Reason } from './verdict.ts';

/** An RFC 3339 time, to the second. */
export type Timestamp = string;

export interface Condition {
  readonly type: 'Ready' | 'Active' | 'Progressing' | 'Degraded';
  readonly status: 'True' | 'False';
  readonly observedGeneration?: number;
  readonly lastTransitionTime: Timestamp;
  readonly reason: string;
  readonly message: string;
}

/** Whether it is proven that no other instance runs. */
export interface Guarantee {
  readonly level: 'Proven' | 'BestEffort';
  /** What stands in place of a proof. */
  readonly proof?: string;
  readonly since: Timestamp;
}

/** Described in `workload/status-fields.ts`. */
export interface ResourceStatus {
  readonly active?: boolean;
  readonly healthy?: boolean;
  readonly reason?: string;
  readonly lastError?: string;
  readonly lastTransition?: Timestamp;
  readonly observedGeneration?: number;
  readonly term?: number;
  readonly fencingToken?: number;
  readonly restarts?: number;
  readonly instance?: Readonly<Record<string, string>>;
  readonly schedule?: ScheduleView;
  readonly guarantee?: Guarantee;
  readonly record?: StatusRecord;
  readonly conditions?: readonly Condition[];
}

/** The part of a `WorkloadRecord` that the finalizer alone does not tell. */
interface StatusRecord {
  readonly templateHash?: string;
  readonly outcome?: 'Completed' | 'MaxRestartsExceeded';
  readonly restarts: number;
  readonly countedPodUID?: string;
  readonly forgiven?: { readonly podUID: string; readonly restarts: number };
  readonly ticks?: readonly { readonly at: string; readonly jobUID?: string }[];
  readonly givenUp?: { readonly node: string; readonly podUID: string };
}

/** What the status is about. */
export interface StatusFacts {
  readonly generation: number | undefined;
  readonly term: number;
  readonly view: Pick<WorkloadView, 'active' | 'healthy' | 'reason' | 'message' | 'instance'>;
  readonly input: Pick<Input, 'instances' | 'record' | 'desired'> & Partial<Pick<Input, 'vanished'>>;
  /** Of a cron job. */
  readonly schedule?: ScheduleView;
}

/** The status after a decision. */
export function composeStatus(
  { generation, term, view, input, schedule }: StatusFacts,
  previous: ResourceStatus,
  now: Timestamp,
): ResourceStatus {
  const { active, healthy, reason } = view;
  const message = view.message.slice(0, MESSAGE_LENGTH);
  const flipped = active !== previous.active || healthy !== previous.healthy;
  const judge = (type: Condition['type'], holds: boolean): Condition => {
    const before = previous.conditions?.find((condition) => condition.type === type);
    const status = holds ? 'True' : 'False';
    return {
      type,
      status,
      lastTransitionTime: before?.status === status ? before.lastTransitionTime : now,
      reason,
      message,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    };
  };
  const token = view.instance?.token;
  const instance = describeInstance(input, view);
  const record = encodeStatusRecord(input.record);
  return {
    active,
    healthy,
    reason,
    ...(TONE[reason] === 'bad' ? { lastError: message } : {}),
    lastTransition: flipped ? now : (previous.lastTransition ?? now),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    term,
    ...(token === undefined ? {} : { fencingToken: token }),
    restarts: countAll(input),
    ...(instance === undefined ? {} : { instance }),
    ...(schedule === undefined ? {} : { schedule }),
    guarantee: judgeGuarantee(input, previous, now),
    ...(record === undefined ? {} : { record }),
    conditions: [
      // An edit that was not accepted is not rolled out, however well the instance of the last one runs.
      judge('Ready', healthy && reason !== 'InvalidSpec'),
      judge('Active', active),
      judge('Progressing', TONE[reason] === 'busy'),
      judge('Degraded', TONE[reason] === 'bad'),
    ],
  };
}

/** The status of a resource whose workload is defined in the file: it says so, and claims nothing else. */
export function composeShadowed(
  facts: { readonly generation: number | undefined; readonly term: number; readonly message: string },
  previous: ResourceStatus,
  now: Timestamp,
): ResourceStatus {
  const reason: Reason = 'InvalidSpec';
  const view = { active: false, healthy: false, reason, message: facts.message };
  return composeStatus({ ...facts, view, input: { instances: [] } }, previous, now);
}

/**
 * The status of a resource as it is served. What another schema left in the place of conditions and record is dropped:
 * nothing else is read back.
 */
export function readStatus({ status }: WorkloadResource): ResourceStatus {
  if (typeof status !== 'object' || status === null) return {};
  const { conditions, record, ...rest }: { readonly conditions?: unknown; readonly record?: unknown } =
    status;
  const read = {
    ...rest,
    ...(Array.isArray(conditions) ? { conditions } : {}),
    ...(isStatusRecord(record) ? { record } : {}),
  };
  return read;
}

function isStatusRecord(value: unknown): value is StatusRecord {
  return (
    typeof value === 'object' && value !== null && 'restarts' in value && typeof value.restarts === 'number'
  );
}

/** Equal in all that is shown, whatever the order of the keys. */
export function isSameStatus(a: ResourceStatus, b: ResourceStatus): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

/** Undefined for a record that says no more than that the workload is managed. */
export function encodeStatusRecord(record: WorkloadRecord | undefined): StatusRecord | undefined {
  if (record === undefined) return undefined;
  const { hash, outcome, restarts, counted, forgiven, givenUp, ticks = [] } = record;
  const isPlain = outcome === undefined && restarts === 0 && givenUp === undefined;
  if (isPlain && counted === undefined && forgiven === undefined && ticks.length === 0) return undefined;
  return {
    restarts,
    ...(hash === undefined ? {} : { templateHash: hash }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(counted === undefined ? {} : { countedPodUID: counted }),
    ...(forgiven === undefined ? {} : { forgiven: { podUID: forgiven.uid, restarts: forgiven.restarts } }),
    ...(ticks.length === 0
      ? {}
      : {
          ticks: ticks.map(({ at, jobUid }) => present({ at, jobUID: jobUid })),
        }),
    ...(givenUp === undefined ? {} : { givenUp: { node: givenUp.node, podUID: givenUp.uid } }),
  };
}

/** The record in a status; undefined if there is none. */
export function decodeStatusRecord({ record }: ResourceStatus): WorkloadRecord | undefined {
  if (record === undefined) return undefined;
  const { templateHash, outcome, restarts, countedPodUID, forgiven, givenUp, ticks } = record;
  return {
    managedFrom: 'resource',
    restarts,
    ...(templateHash === undefined ? {} : { hash: templateHash }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(countedPodUID === undefined ? {} : { counted: countedPodUID }),
    ...(forgiven === undefined ? {} : { forgiven: { uid: forgiven.podUID, restarts: forgiven.restarts } }),
    ...(givenUp === undefined ? {} : { givenUp: { node: givenUp.node, uid: givenUp.podUID } }),
    ...(Array.isArray(ticks) ? { ticks: decodeTicks(ticks) } : {}),
  };
}

function decodeTicks(ticks: NonNullable<StatusRecord['ticks']>): readonly Tick[] {
  return ticks.map(({ at, jobUID }) => present({ at, jobUid: jobUID }));
}

function judgeGuarantee(
  { record, vanished = [] }: StatusFacts['input'],
  previous: ResourceStatus,
  now: Timestamp,
): Guarantee {
  const proof =
    record?.givenUp !== undefined ? 'GivenUp' : vanished.length > 0 ? 'EvidenceRemoved' : undefined;
  const level = proof === undefined ? 'Proven' : 'BestEffort';
  const before = previous.guarantee;
  const since = before !== undefined && before.level === level ? before.since : now;
  return { level, ...(proof === undefined ? {} : { proof }), since };
}

function describeInstance(
  { instances }: StatusFacts['input'],
  { instance }: StatusFacts['view'],
): ResourceStatus['instance'] {
  const pod = instances.find(({ pod: { metadata } }) => metadata.uid === instance?.uid)?.pod;
  if (pod === undefined || instance === undefined) return undefined;
  const image = pod.spec.containers.find(({ name }) => name === MAIN_CONTAINER)?.image;
  const templateHash = pod.metadata.annotations?.[ANNOTATION.templateHash];
  return {
    podName: instance.pod,
    podUID: instance.uid,
    ...(instance.node === '' ? {} : { node: instance.node }),
    ...(instance.startedAt === undefined ? {} : { startedAt: instance.startedAt }),
    ...(image === undefined ? {} : { image }),
    ...(templateHash === undefined ? {} : { templateHash }),
  };
}

function countAll({ desired, instances, record }: StatusFacts['input']): number {
  const [instance] = instances;
  if (desired === undefined) return record?.restarts ?? 0;
  const current = recordFor(desired, record);
  const isCounted = current.outcome !== undefined || current.counted === instance?.pod.metadata.uid;
  return isCounted ? current.restarts : countRestarts(instance?.pod, current);
}

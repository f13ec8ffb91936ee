/** Workloads and their groups in the shapes of the Go program, united with those of its documents. */
import type { Snapshot, WorkloadView } from '../core/projection.ts';
import type { SeenPod, SeenWorkload } from '../core/reconcile/seen.ts';
import { TONE } from '../core/reconcile/tone.ts';
import { parseKey, type WorkloadKind } from '../core/workload/model.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

interface Group {
  readonly kind: WorkloadKind;
  /** Key of `/api/workloads` and name of the group. */
  readonly name: string;
  readonly type: string;
  /** Key of the workloads inside the group's details. */
  readonly details: string;
  readonly singular: string;
  readonly plural: string;
}

/** The four managers of the Go program. */
export const GROUPS: readonly Group[] = [
  group('process', 'processes', 'processManager', 'processes'),
  group('cronjob', 'cronjobs', 'cronjobManager', 'cronJobs'),
  group('service', 'service', 'serviceManager', 'service'),
  group('persistent', 'persistent', 'persistentManager', 'persistent'),
];

function group(kind: WorkloadKind, name: string, type: string, details: string): Group {
  return { kind, name, type, details, singular: kind, plural: name };
}

/** One workload: the leader's word where there is one, else what the watched objects show. Null is unknown. */
export interface LegacyWorkload {
  readonly kind: WorkloadKind;
  readonly namespace: string;
  readonly name: string;
  readonly active: boolean | null;
  readonly healthy: boolean | null;
  readonly reason: string;
  readonly message: string;
  readonly lastError?: string;
  readonly lastTransition: string | null;
  readonly unknownBecause?: string;
  readonly view?: WorkloadView;
  readonly pod?: SeenPod;
}

/** What workloads are made of; part of `LegacyFacts`. */
export interface WorkloadFacts {
  readonly isLeader: boolean;
  readonly snapshot: Snapshot;
  readonly observed: readonly SeenWorkload[];
  readonly clusterProblem: string | undefined;
}

/** Every workload that is configured, seen or decided about, by kind, namespace and name. */
export function gatherWorkloads(facts: WorkloadFacts): readonly LegacyWorkload[] {
  const seen = new Map(facts.observed.map((workload) => [workload.key, workload]));
  const keys = new Set([...seen.keys(), ...facts.snapshot.workloads.keys()]);
  return [...keys].toSorted().flatMap((key) => {
    const parsed = parseKey(key);
    return parsed === undefined ? [] : [mergeWorkload(facts, { ...parsed }, seen.get(key), key)];
  });
}

function mergeWorkload(
  { isLeader, snapshot, clusterProblem }: WorkloadFacts,
  id: Pick<LegacyWorkload, 'kind' | 'namespace' | 'name'>,
  seen: SeenWorkload | undefined,
  key: string,
): LegacyWorkload {
  const view = snapshot.workloads.get(key);
  const error = describeError(view, seen?.pod);
  const rest = {
    ...id,
    lastTransition: seen?.lastTransition ?? null,
    ...(error === undefined ? {} : { lastError: error }),
    ...(view === undefined ? {} : { view }),
    ...(seen?.pod === undefined ? {} : { pod: seen.pod }),
  };
  if (clusterProblem !== undefined) {
    const unknown = { active: null, healthy: null, reason: 'unknown' } as const;
    return { ...rest, ...unknown, message: clusterProblem, unknownBecause: clusterProblem };
  }
  if (view !== undefined) {
    const { active, healthy, reason, message } = view;
    return { ...rest, active, healthy, reason, message };
  }
  const { active, healthy } = seen ?? { active: false, healthy: false };
  const because = isLeader ? 'not looked at yet in this term' : 'only the leader knows the reason';
  return { ...rest, active, healthy, reason: 'unknown', message: because, unknownBecause: because };
}

/** What is wrong, if something is that does not pass by itself. */
function describeError(view: WorkloadView | undefined, pod: SeenPod | undefined): string | undefined {
  if (view !== undefined) return TONE[view.reason] === 'bad' ? `${view.reason}: ${view.message}` : undefined;
  const pending = pod?.pending;
  return pending === undefined || PASSING.has(pending.reason)
    ? undefined
    : [pending.reason, pending.message].filter((part) => part !== '').join(': ');
}

/** Reasons of the kubelet and the scheduler that belong to every start. */
const PASSING: ReadonlySet<string> = new Set(['ContainerCreating', 'PodInitializing', 'SchedulingGated']);

/** Workloads of one kind by the name to show: its own where it is the only one of that name, else `namespace/name`. */
export function shownNames<T extends { readonly name: string; readonly namespace: string }>(
  workloads: readonly T[],
): readonly (readonly [string, T])[] {
  const counts = new Map<string, number>();
  for (const { name } of workloads) counts.set(name, (counts.get(name) ?? 0) + 1);
  return workloads.map((workload) => {
    const { name, namespace } = workload;
    return [counts.get(name) === 1 ? name : `${namespace}/${name}`, workload];
  });
}

/** `/api/workloads`: by group. Each group is the Go program's, and has its workloads by name as the documents say. */
export function mapWorkloads(facts: WorkloadFacts): JsonObject {
  const workloads = gatherWorkloads(facts);
  return Object.fromEntries(GROUPS.map((one) => [one.name, mapGroup(one, workloads, facts.clusterProblem)]));
}

/** `/api/workload-names`: sorted, each once. */
export function mapWorkloadNames(facts: WorkloadFacts): readonly string[] {
  return [...new Set(gatherWorkloads(facts).map(({ name }) => name))].toSorted();
}

/** An answer of `/api/workloads/{name}`. */
export type Lookup =
  | { readonly status: 200; readonly data: JsonObject }
  | { readonly status: 400 | 404 | 503; readonly error: string }
  | { readonly status: 409; readonly error: string; readonly candidates: readonly JsonObject[] };

/** A group by its name, or else the workload of that name. A given `type` or `namespace` asks for a workload. */
export function findWorkload(
  facts: WorkloadFacts,
  name: string,
  filter: { readonly type?: string; readonly namespace?: string } = {},
): Lookup {
  const { type, namespace } = filter;
  const wanted = GROUPS.find(({ singular, plural }) => type === singular || type === plural);
  if (type !== undefined && wanted === undefined)
    return { status: 400, error: `type must be one of ${GROUPS.map(({ singular }) => singular).join(', ')}` };
  if (name === '') return { status: 400, error: 'Invalid workload path' };
  const workloads = gatherWorkloads(facts);
  const named =
    type === undefined && namespace === undefined ? GROUPS.find((one) => one.name === name) : undefined;
  const { clusterProblem } = facts;
  if (named !== undefined) return { status: 200, data: mapGroup(named, workloads, clusterProblem) };
  const found = workloads.filter(
    (workload) =>
      workload.name === name &&
      (wanted === undefined || workload.kind === wanted.kind) &&
      (namespace === undefined || workload.namespace === namespace),
  );
  const [only, ...others] = found;
  if (only === undefined)
    return clusterProblem === undefined
      ? { status: 404, error: 'workload not found' }
      : { status: 503, error: `whether there is such a workload is unknown: ${clusterProblem}` };
  if (others.length === 0) return { status: 200, data: mapWorkload(only) };
  return {
    status: 409,
    error: `${found.length} workloads are named ${name}: say which with ?type= and ?namespace=`,
    candidates: found.map((one) => ({ type: one.kind, namespace: one.namespace, name: one.name })),
  };
}

/** `blind`: why there may be workloads that are not among `all`, or undefined. */
function mapGroup(
  { kind, name, type, details }: Group,
  all: readonly LegacyWorkload[],
  blind: string | undefined,
): JsonObject {
  const workloads = all.filter((workload) => workload.kind === kind);
  const byName = Object.fromEntries(shownNames(workloads).map(([shown, one]) => [shown, mapWorkload(one)]));
  const unhealthy = workloads.find(({ healthy }) => healthy === false);
  const transitions = workloads.flatMap(({ lastTransition }) => lastTransition ?? []);
  const isUnknown = blind !== undefined || workloads.some(({ healthy }) => healthy === null);
  const error = unhealthy && `${unhealthy.name} is unhealthy: ${unhealthy.lastError ?? unhealthy.message}`;
  return {
    // The group's own fields win over a workload that is named like one of them.
    ...byName,
    name,
    type,
    active: isUnknown ? null : workloads.length === 0 || workloads.some(({ active }) => active === true),
    healthy: isUnknown ? null : unhealthy === undefined,
    ...(error === undefined ? {} : { lastError: error }),
    ...(blind === undefined ? {} : { unknownBecause: blind }),
    lastTransition: transitions.toSorted().at(-1) ?? null,
    details: { [details]: byName },
  };
}

/** *WorkloadStatus*. */
function mapWorkload(workload: LegacyWorkload): JsonObject {
  const { name, kind, namespace, active, healthy, reason, message } = workload;
  return {
    name,
    type: kind,
    namespace,
    active,
    healthy,
    reason,
    message,
    ...(workload.lastError === undefined ? {} : { lastError: workload.lastError }),
    ...(workload.unknownBecause === undefined ? {} : { unknownBecause: workload.unknownBecause }),
    lastTransition: workload.lastTransition,
    ...(workload.pod === undefined ? {} : { details: mapPod(workload.pod) }),
  };
}

function mapPod(pod: SeenPod): JsonObject {
  return {
    startedAt: pod.startedAt ?? null,
    stoppedAt: pod.stoppedAt ?? null,
    podName: pod.name,
    podPhase: pod.phase ?? '',
    podIP: pod.podIP ?? '',
    hostIP: pod.hostIP ?? '',
    nodeName: pod.node ?? '',
    containerReady: pod.containerReady ?? false,
    containerRestartCount: pod.containerRestarts ?? 0,
    containerStartTime: pod.containerStartedAt ?? null,
    ...(pod.pending === undefined
      ? {}
      : { pendingReason: pod.pending.reason, pendingMessage: pod.pending.message }),
  };
}

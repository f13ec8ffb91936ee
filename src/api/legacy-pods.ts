/** `/api/pods` and `/api/dbinfo` in the shapes of the Go program. */
import type { Pod } from '../core/manifests/pod.ts';
import { ANNOTATION, LABEL } from '../core/workload/names.ts';
import { DAY, HOUR, MINUTE, SECOND, type Duration, type WallTime } from '../core/time.ts';
import { envelope, maskPassword, type LegacyFacts } from './legacy.ts';
import type { JsonObject } from './legacy-workloads.ts';

/** Where pods come from. */
export interface PodFacts {
  /** The instances of this tenant as last seen, in all namespaces. */
  readonly managed: () => Iterable<Pod>;
  /** Every pod of the configured namespace, asked of the API server; or why it cannot be. */
  readonly all: () => Promise<readonly Pod[] | { readonly cause: string }>;
  /** Why `managed` may be missing or old, or undefined. */
  readonly problem: () => string | undefined;
  readonly now: () => WallTime;
}

/** The answer with its status. */
export interface PodList {
  readonly code: 200 | 400 | 500;
  readonly body: JsonObject;
}

const LARGEST_PAGE = 1000;
/** The whole object as somebody applied it, with the values of its environment: never shown. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * Managed pods, or with `?all=true` every pod of the configured namespace. By namespace and name; `limit` and `continue`
 * page through them, and a page begins behind the pod that `continue` names, whatever has changed since.
 */
export async function listPods(facts: PodFacts, query: URLSearchParams): Promise<PodList> {
  const limit = readLimit(query.get('limit'));
  if (limit === undefined) return fail(400, `limit must be a whole number from 1 to ${LARGEST_PAGE}`);
  const after = query.get('continue') ?? '';
  const found = query.get('all') === 'true' ? await facts.all() : readManaged(facts);
  if ('cause' in found) return fail(500, `failed to list pods: ${found.cause}`);
  const sorted = found.map((pod) => [placeOf(pod), pod] as const).toSorted(([a], [b]) => compare(a, b));
  const rest = sorted.filter(([place]) => after === '' || compare(place, after) > 0);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  const now = facts.now();
  return {
    code: 200,
    body: {
      ...envelope(page.map(([, pod]) => mapPod(pod, now))),
      ...(last === undefined || page.length === rest.length ? {} : { continue: last[0] }),
    },
  };
}

function readManaged({ managed, problem }: PodFacts): readonly Pod[] | { readonly cause: string } {
  const cause = problem();
  return cause === undefined ? [...managed()] : { cause };
}

function fail(code: 400 | 500, error: string): PodList {
  return { code, body: { status: 'error', error } };
}

function readLimit(text: string | null): number | undefined {
  if (text === null) return Infinity;
  const limit = Number(text);
  return /^\d{1,4}$/.test(text) && limit >= 1 && limit <= LARGEST_PAGE ? limit : undefined;
}

function placeOf({ metadata }: Pod): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function mapPod({ metadata, status, spec }: Pod, now: WallTime): JsonObject {
  const { labels = {}, annotations = {}, creationTimestamp } = metadata;
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    status: status?.phase ?? 'Unknown',
    node: spec.nodeName ?? '',
    age: creationTimestamp === undefined ? '' : formatAge(now - Date.parse(creationTimestamp)),
    createdAt: creationTimestamp ?? null,
    controllerId: annotations[ANNOTATION.leaderId] ?? labels[LABEL.controllerId] ?? '',
    clusterName: annotations[ANNOTATION.clusterName] ?? labels[LABEL.clusterName] ?? '',
    labels,
    annotations: Object.fromEntries(Object.entries(annotations).filter(([key]) => key !== LAST_APPLIED)),
  };
}

/** The two largest units: `1d2h`, `3h4m`, `5m6s`, `7s`. */
function formatAge(age: Duration): string {
  const rest = Math.max(0, age);
  const of = (unit: Duration, whole: Duration): number => Math.floor((rest % whole) / unit);
  if (rest >= DAY) return `${Math.floor(rest / DAY)}d${of(HOUR, DAY)}h`;
  if (rest >= HOUR) return `${of(HOUR, DAY)}h${of(MINUTE, HOUR)}m`;
  if (rest >= MINUTE) return `${of(MINUTE, HOUR)}m${of(SECOND, MINUTE)}s`;
  return `${of(SECOND, MINUTE)}s`;
}

/** The products behind the names of stores, where the Go program named them. */
const PRODUCT: Readonly<Record<string, string>> = {
  postgres: 'PostgreSQL',
  postgresql: 'PostgreSQL',
  mysql: 'MySQL',
  sqlite: 'SQLite',
};

/** `/api/dbinfo`. */
export function mapDbInfo({ storageType, storageAddress, isStoreUp, election }: LegacyFacts): JsonObject {
  const product = PRODUCT[storageType];
  return {
    type: storageType,
    address: maskPassword(storageAddress),
    connected: isStoreUp,
    ...(election?.store.up === false ? { lastError: election.store.cause } : {}),
    details: product === undefined ? {} : { type: product },
  };
}

/**
 * What a term must have read consistently before it decides about a workload: all instance pods and the registry, and,
 * unless the workload is one of the file, the custom resources.
 */
import type { Pod } from '../core/manifests/pod.ts';
import type { WorkloadResource } from '../core/workload/custom-resource.ts';
import type { WorkloadKind } from '../core/workload/model.ts';
import { LABEL } from '../core/workload/names.ts';
import {
  CONFIG_MAPS,
  PODS,
  type ClusterReader,
  type GetResult,
  type KubeObject,
  type ListResult,
  type Scope,
} from '../ports/cluster.ts';
import { controlRef, type ControlMap } from './controls.ts';
import type { RegistryShard } from './registry.ts';
import { stripResource, WORKLOAD_TYPES } from './resource.ts';

/** Where to look. */
export interface WorldScope {
  readonly tenant: string;
  /** Where the registry lives. */
  readonly controllerNamespace: string;
}

/** What the instances are, and what is remembered and asked of them. */
export interface World {
  readonly pods: readonly Pod[];
  /** Those that may be of the Go program. */
  readonly goPods: readonly Pod[];
  readonly shards: readonly RegistryShard[];
  /** What people ask for; absent: there is no such ConfigMap. */
  readonly control?: ControlMap;
}

/** The custom resources. A kind that may not be read is absent: its workloads are then left alone. */
export interface Definitions {
  readonly resources: readonly WorkloadResource[];
  /** Why a kind may not be read. */
  readonly refused: ReadonlyMap<WorkloadKind, string>;
}

/** Selects everything of this tenant that this product made. */
export function tenantSelector(tenant: string): string {
  return `${LABEL.managedBy}=${LABEL.managedByValue},${LABEL.tenant}=${tenant}`;
}

/** Selects what may be of the Go program: it knew no tenants. Others may have the label too. */
export const GO_SELECTOR = `${LABEL.managedBy}=${LABEL.managedByValue},!${LABEL.tenant}`;

/** The custom resources that may belong to the tenant. Those without its label belong to `default`, which no selector says. */
export function resourceScope(tenant: string): Scope {
  return tenant === 'default' ? {} : { labelSelector: `${LABEL.tenant}=${tenant}` };
}

/** How many requests `readWorld` has in flight at once. */
export const WORLD_LANES = 3;

/**
 * Consistent reads, all begun after the call. Answers the cause as text when one of them failed. Of the second list of pods
 * it is enough that it is as new as the first.
 */
export async function readWorld(
  reader: ClusterReader,
  where: WorldScope,
  signal: AbortSignal,
): Promise<World | string> {
  const { tenant, controllerNamespace: namespace } = where;
  const labelSelector = tenantSelector(tenant);
  const readPods = async () => {
    const ours = await reader.list<Pod>(PODS, { labelSelector }, signal);
    const newEnough = ours.kind === 'done' ? ours.resourceVersion : undefined;
    const others = await reader.list<Pod>(PODS, { labelSelector: GO_SELECTOR }, signal, newEnough);
    return [ours, others] as const;
  };
  const [[pods, goPods], shards, control] = await Promise.all([
    readPods(),
    reader.list<RegistryShard>(CONFIG_MAPS, { labelSelector, namespace }, signal),
    reader.get<ControlMap>(controlRef(where), signal),
  ]);
  const problem = causeOf(pods) ?? causeOf(goPods) ?? causeOf(shards) ?? causeOf(control);
  if (problem !== undefined) return problem;
  return {
    pods: itemsOf(pods),
    goPods: itemsOf(goPods),
    shards: itemsOf(shards),
    ...(control.kind === 'done' ? { control: control.object } : {}),
  };
}

/** Consistent lists, one for each kind. Answers the cause as text when the server could not be asked. */
export async function readDefinitions(
  reader: ClusterReader,
  { tenant }: WorldScope,
  signal: AbortSignal,
): Promise<Definitions | string> {
  const lists = await Promise.all(
    [...WORKLOAD_TYPES].map(async ([kind, type]) => {
      const list = await reader.list<WorkloadResource>(type, resourceScope(tenant), signal);
      return { kind, type, list };
    }),
  );
  const refused = new Map<WorkloadKind, string>();
  for (const { kind, list } of lists) {
    if (list.kind === 'unavailable') return list.cause;
    // Not found: there is no such type, so there are no such objects.
    if (list.kind === 'refused' && list.status !== 404) refused.set(kind, list.message);
  }
  const resources = lists.flatMap(({ type, list }) =>
    itemsOf(list).map((object) => stripResource(type, object)),
  );
  return { resources, refused };
}

function causeOf(result: ListResult<KubeObject> | GetResult<KubeObject>): string | undefined {
  if (result.kind === 'refused') return result.message;
  return result.kind === 'unavailable' ? result.cause : undefined;
}

function itemsOf<T extends KubeObject>(result: ListResult<T>): readonly T[] {
  return result.kind === 'done' ? result.items : [];
}

/** What a term must have read consistently before it decides anything: all instance pods, the registry, the custom resources. */
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

export interface World {
  readonly pods: readonly Pod[];
  /** Those that may be of the Go program. */
  readonly goPods: readonly Pod[];
  readonly shards: readonly RegistryShard[];
  /** What people ask for; absent: there is no such ConfigMap. */
  readonly control?: ControlMap;
  /** By kind of workload. A kind that may not be read is absent: its workloads are then left alone. */
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

/** Consistent lists, at once. Answers the cause as text when one of those that must be read could not be. */
export async function readWorld(
  reader: ClusterReader,
  where: WorldScope,
  signal: AbortSignal,
): Promise<World | string> {
  const { tenant, controllerNamespace } = where;
  const labelSelector = tenantSelector(tenant);
  const [pods, goPods, shards, control, ...types] = await Promise.all([
    reader.list<Pod>(PODS, { labelSelector }, signal),
    reader.list<Pod>(PODS, { labelSelector: GO_SELECTOR }, signal),
    reader.list<RegistryShard>(CONFIG_MAPS, { labelSelector, namespace: controllerNamespace }, signal),
    reader.get<ControlMap>(controlRef(where), signal),
    ...[...WORKLOAD_TYPES].map(async ([kind, type]) => {
      const list = await reader.list<WorkloadResource>(type, resourceScope(tenant), signal);
      return { kind, type, list };
    }),
  ]);
  const problem = causeOf(pods) ?? causeOf(goPods) ?? causeOf(shards) ?? causeOf(control);
  if (problem !== undefined) return problem;
  const refused = new Map<WorkloadKind, string>();
  for (const { kind, list } of types) {
    if (list.kind === 'unavailable') return list.cause;
    // Not found: there is no such type, so there are no such objects.
    if (list.kind === 'refused' && list.status !== 404) refused.set(kind, list.message);
  }
  return {
    pods: itemsOf(pods),
    goPods: itemsOf(goPods),
    shards: itemsOf(shards),
    ...(control.kind === 'done' ? { control: control.object } : {}),
    resources: types.flatMap(({ type, list }) => itemsOf(list).map((object) => stripResource(type, object))),
    refused,
  };
}

function causeOf(result: ListResult<KubeObject> | GetResult<KubeObject>): string | undefined {
  if (result.kind === 'refused') return result.message;
  return result.kind === 'unavailable' ? result.cause : undefined;
}

function itemsOf<T extends KubeObject>(result: ListResult<T>): readonly T[] {
  return result.kind === 'done' ? result.items : [];
}

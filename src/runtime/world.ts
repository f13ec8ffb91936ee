/** What a term must have read consistently before it decides anything: all instance pods, and the registry. */
import type { Pod } from '../core/manifests/pod.ts';
import { LABEL } from '../core/workload/names.ts';
import { CONFIG_MAPS, PODS, type ClusterReader, type ListResult } from '../ports/cluster.ts';
import type { RegistryShard } from './registry.ts';

/** Where to look. */
export interface WorldScope {
  readonly tenant: string;
  /** Where the registry lives. */
  readonly controllerNamespace: string;
}

export interface World {
  readonly pods: readonly Pod[];
  readonly shards: readonly RegistryShard[];
}

/** Selects everything of this tenant that this product made. */
export function tenantSelector(tenant: string): string {
  return `${LABEL.managedBy}=${LABEL.managedByValue},${LABEL.tenant}=${tenant}`;
}

/** Two consistent lists, at once. Answers the cause as text when either could not be read. */
export async function readWorld(
  reader: ClusterReader,
  { tenant, controllerNamespace }: WorldScope,
  signal: AbortSignal,
): Promise<World | string> {
  const labelSelector = tenantSelector(tenant);
  const [pods, shards] = await Promise.all([
    reader.list<Pod>(PODS, { labelSelector }, signal),
    reader.list<RegistryShard>(CONFIG_MAPS, { labelSelector, namespace: controllerNamespace }, signal),
  ]);
  const problem = causeOf(pods) ?? causeOf(shards);
  if (problem !== undefined) return problem;
  return { pods: itemsOf(pods), shards: itemsOf(shards) };
}

function causeOf(result: ListResult<Pod> | ListResult<RegistryShard>): string | undefined {
  if (result.kind === 'refused') return result.message;
  return result.kind === 'unavailable' ? result.cause : undefined;
}

function itemsOf<T extends Pod | RegistryShard>(result: ListResult<T>): readonly T[] {
  return result.kind === 'done' ? result.items : [];
}

/** Which workload waits for which: circles, and what nothing defines. */
import { formatKey, type CommonSpec, type WorkloadKey } from './model.ts';

/** A workload as far as dependencies go. */
export interface Dependent {
  readonly key: WorkloadKey;
  readonly spec: Pick<CommonSpec, 'dependsOn'>;
}

/**
 * The circles among these workloads, each once, as the keys along it; the first of the list that lies on a circle begins
 * it. Every workload lies on at most one of those that are returned.
 */
export function findCycles(workloads: readonly Dependent[]): readonly (readonly string[])[] {
  const edges = new Map(
    workloads.map(({ key, spec }) => [formatKey(key), (spec.dependsOn ?? []).map(formatKey)]),
  );
  const cycles: (readonly string[])[] = [];
  const done = new Set<string>();
  for (const start of edges.keys()) {
    const cycle = done.has(start) ? undefined : findCycle(start, edges, done);
    if (cycle !== undefined) cycles.push(cycle);
  }
  return cycles;
}

/**
 * Walks everything that `start` waits for, depth first, with a stack of its own: chains may be long. What was walked is
 * added to `done`; a circle that leads through it was found then.
 */
function findCycle(
  start: string,
  edges: ReadonlyMap<string, readonly string[]>,
  done: Set<string>,
): readonly string[] | undefined {
  const path = [start];
  const open = [[...(edges.get(start) ?? [])]];
  let cycle: readonly string[] | undefined;
  while (open.length > 0) {
    const next = open.at(-1)?.shift();
    if (next === undefined) {
      open.pop();
      done.add(path.pop() ?? '');
    } else if (path.includes(next)) cycle ??= path.slice(path.indexOf(next));
    else if (!done.has(next) && edges.has(next)) {
      path.push(next);
      open.push([...(edges.get(next) ?? [])]);
    }
  }
  return cycle;
}

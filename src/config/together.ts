/** What is only seen when all entries of all files are looked at together. */
import type { Position } from '../core/document/node.ts';
import type { Problem } from '../core/problem.ts';
import { findCycles } from '../core/workload/dependencies.ts';
import { formatKey } from '../core/workload/model.ts';
import { describeShared, findSharedNames } from '../core/workload/shared-names.ts';
import type { Entry } from './workloads.ts';

type Report = (problem: Problem) => void;

/** Circles of dependencies, dependencies on what is not there, names that collide. */
export function checkTogether(entries: readonly Entry[], report: Report): void {
  const byKey = new Map(entries.map((entry) => [formatKey(entry.key), entry]));
  const workloads = entries.flatMap(({ workload, reference }) => workload ?? reference?.fallback ?? []);
  for (const cycle of findCycles(workloads)) {
    const [start = ''] = cycle;
    report({
      code: 'DependencyCycle',
      message: `workloads wait for each other: ${[...cycle, start].join(' → ')}`,
      hint: 'remove one of these dependencies',
      ...locate(byKey.get(start), 'dependsOn'),
    });
  }
  for (const { key, spec } of workloads)
    for (const dependency of spec.dependsOn ?? []) {
      const wanted = formatKey(dependency);
      if (!byKey.has(wanted))
        report({
          code: 'UnknownDependency',
          message: `${wanted} is not defined here; ${formatKey(key)} waits until a custom resource defines it`,
          hint: 'check kind, namespace and name',
          ...locate(byKey.get(formatKey(key)), 'dependsOn'),
        });
    }
  for (const shared of findSharedNames(workloads))
    report({
      code: shared.service === undefined ? 'SharedName' : 'DuplicateName',
      message: describeShared(shared),
      hint: 'rename one of them, or give it another namespace',
      ...locate(byKey.get(formatKey(shared.second.key)), 'name'),
    });
}

/** A field of an entry: the file, the path, and the position of its value or of the entry. */
function locate(
  entry: Entry | undefined,
  field: string,
): Partial<Position> & { readonly file?: string; readonly path?: string } {
  if (entry === undefined) return {};
  const { file, element } = entry;
  const { node, path } = element;
  const value = node.kind === 'map' ? node.entries.get(field)?.value : undefined;
  return { file, path: path === '' ? field : `${path}.${field}`, ...(value?.at ?? node.at) };
}

/** What is only seen when all entries of all files are looked at together. */
import type { Position } from '../core/document/node.ts';
import type { Problem } from '../core/problem.ts';
import { findCycles } from '../core/workload/dependencies.ts';
import { formatKey, type Workload } from '../core/workload/model.ts';
import { describeShared, findSharedNames } from '../core/workload/shared-names.ts';
import type { Entry } from './workloads.ts';

type Report = (problem: Problem) => void;

/**
 * Circles of dependencies, dependencies on what is not there, names that collide. One group for each tenant: workloads
 * depend on those of their own tenant, and collide with those of every other.
 */
export function checkTogether(groups: readonly (readonly Entry[])[], report: Report): void {
  const byKey = new Map<string, Entry>();
  for (const entries of groups) {
    checkDependencies(entries, report);
    checkTenants(entries, byKey, report);
  }
  const workloads = [...byKey.values()].flatMap(workloadOf);
  for (const shared of findSharedNames(workloads))
    report({
      code: shared.service === undefined ? 'SharedName' : 'DuplicateName',
      message: describeShared(shared),
      hint: 'rename one of them, or give it another namespace',
      ...locate(byKey.get(formatKey(shared.second.key)), 'name'),
    });
}

function checkDependencies(entries: readonly Entry[], report: Report): void {
  const byKey = new Map(entries.map((entry) => [formatKey(entry.key), entry]));
  const workloads = entries.flatMap(workloadOf);
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
}

/** One object cannot belong to two tenants. Adds the entries of one tenant to those `before` it. */
function checkTenants(entries: readonly Entry[], before: Map<string, Entry>, report: Report): void {
  // Two of one tenant are found where they are read.
  const own = new Map(entries.map((entry) => [formatKey(entry.key), entry]));
  for (const [key, entry] of own) {
    const other = before.get(key);
    if (other === undefined) before.set(key, entry);
    else
      report({
        code: 'DuplicateName',
        message: `${key} belongs to another tenant already: ${other.file}:${other.element.node.at?.line ?? '?'}`,
        hint: 'rename one, give it another namespace, or remove it from one of the tenants',
        ...locate(entry, 'name'),
      });
  }
}

function workloadOf({ workload, reference }: Entry): Workload | readonly [] {
  return workload ?? reference?.fallback ?? [];
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

/** Entries of the file that stand for a custom resource (`workloadCRDRef`). */
import type { MapReader } from '../document/map-reader.ts';
import { KINDS } from './kinds.ts';
import type { Workload, WorkloadKey, WorkloadKind } from './model.ts';
import { GROUP } from './names.ts';
import { isDnsLabel, isDnsSubdomain, NAME_HINT } from './syntax.ts';

/** An entry that is another name of a workload: one workload, with the key of the resource. */
export interface WorkloadReference {
  readonly target: WorkloadKey;
  /** What runs, under the key of the target, as long as the resource cannot be read. */
  readonly fallback?: Workload;
}

/** Without a namespace of its own the resource is looked for in `default`, wherever the controller runs workloads. */
const DEFAULT_NAMESPACE = 'default';

/** What the reference of an entry points to: of the kind of its list, said or not. Undefined, and a problem, if that cannot be said. */
export function readReference(entry: MapReader, kind: WorkloadKind): WorkloadKey | undefined {
  const reader = entry.map('workloadCRDRef');
  if (reader === undefined) return undefined;
  const { resourceKind } = KINDS[kind];
  const expected = { apiVersion: `${GROUP}/v1`, kind: resourceKind };
  for (const key of ['apiVersion', 'kind'] as const) {
    const text = reader.text(key);
    if (text !== undefined && text !== expected[key])
      reader.problem(
        key,
        'InvalidValue',
        `${JSON.stringify(text)} is not what an entry of ${KINDS[kind].list} can stand for`,
        `write ${expected[key]}`,
      );
  }
  const name = reader.requiredText('name', 'name the resource');
  const namespace = reader.text('namespace') ?? DEFAULT_NAMESPACE;
  reader.finish();
  if (name !== undefined && !isDnsSubdomain(name))
    reader.problem('name', 'InvalidValue', `${JSON.stringify(name)} is not an object name`, NAME_HINT);
  if (!isDnsLabel(namespace))
    reader.problem(
      'namespace',
      'InvalidValue',
      `${JSON.stringify(namespace)} is not a namespace name`,
      'use at most 63 lower-case letters, digits and -, beginning and ending alphanumeric',
    );
  return name === undefined ? undefined : { kind, namespace, name };
}

/** Reads one process workload: from an entry of a document to the model, or to the list of what is wrong with it. */
import { MapReader, type Element } from '../document/map-reader.ts';
import { PROBLEM_CODES, type Problem } from '../problem.ts';
import type { ProcessWorkload, Source } from './model.ts';
import { readProcessSpec } from './process-spec.ts';
import { isDnsLabel, isShortName, NAME_HINT } from './syntax.ts';
import { hashTemplate } from './template-hash.ts';

export interface WorkloadContext {
  /** For entries that name none. */
  readonly namespace: string;
  readonly source: Source;
}

/** The workload if it can be used, and everything there is to say about it; warnings come with a workload too. */
export interface WorkloadReading {
  /** Known as soon as the entry has a name, so that a duplicate is found even among entries with faults. */
  readonly key?: ProcessWorkload['key'];
  readonly workload?: ProcessWorkload;
  readonly problems: readonly Problem[];
}

/** Reads an entry of `workloads.processes`. */
export function readProcess(entry: Element, context: WorkloadContext): WorkloadReading {
  const problems: Problem[] = [];
  const reader = MapReader.of(entry, (problem) => problems.push(problem));
  if (reader === undefined) return { problems };
  const { name, namespace } = readIdentity(reader, context.namespace);
  const key = name === undefined ? undefined : ({ kind: 'process', namespace, name } as const);
  const keyed = key === undefined ? {} : { key };
  if (reader.has('workloadCRDRef')) {
    reader.problem(
      'workloadCRDRef',
      'NotInThisVersion',
      'references to custom resources are not available in this version',
      'write the spec inline',
    );
    return { ...keyed, problems };
  }
  const spec = readProcessSpec(reader);
  reader.finish();
  const failed = problems.some((problem) => PROBLEM_CODES[problem.code].exit !== 0);
  if (failed || key === undefined || spec === undefined) return { ...keyed, problems };
  return { key, workload: { key, spec, source: context.source, templateHash: hashTemplate(spec) }, problems };
}

/** Name and namespace, which every kind has. */
export function readIdentity(
  reader: MapReader,
  defaultNamespace: string,
): { readonly name?: string; readonly namespace: string } {
  const name = reader.requiredText('name', 'name the workload');
  const namespace = reader.text('namespace') ?? defaultNamespace;
  if (!isDnsLabel(namespace))
    reader.problem(
      'namespace',
      'InvalidValue',
      `${JSON.stringify(namespace)} is not a namespace name`,
      'use at most 63 lower-case letters, digits and -, beginning and ending alphanumeric',
    );
  if (name === undefined) return { namespace };
  if (!isShortName(name))
    reader.problem(
      'name',
      'InvalidValue',
      `${JSON.stringify(name)} is not a workload name`,
      `${NAME_HINT}, at most 63`,
    );
  return { name, namespace };
}

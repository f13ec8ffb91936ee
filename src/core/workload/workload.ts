/** Reads one workload: from an entry of a document to the model, or to the list of what is wrong with it. */
import { MapReader, type Element } from '../document/map-reader.ts';
import { PROBLEM_CODES, type Problem } from '../problem.ts';
import { readCronJobSpec } from './cron-job-spec.ts';
import { KINDS } from './kinds.ts';
import type { CommonSpec, Source, Workload, WorkloadKey, WorkloadKind } from './model.ts';
import { readProcessSpec } from './process-spec.ts';
import { readReference, type WorkloadReference } from './reference.ts';
import { readPersistentSpec, readServiceSpec } from './service-spec.ts';
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
  readonly key?: WorkloadKey;
  /** Absent for an entry that points to a custom resource. */
  readonly workload?: Workload;
  /** Of an entry that points to a custom resource, if it can be used. */
  readonly reference?: WorkloadReference;
  readonly problems: readonly Problem[];
}

/** Reads an entry of one of the lists of the file. */
export function readWorkload(entry: Element, kind: WorkloadKind, context: WorkloadContext): WorkloadReading {
  const problems: Problem[] = [];
  const reader = MapReader.of(entry, (problem) => problems.push(problem));
  if (reader === undefined) return { problems };
  const { name, namespace } = readIdentity(reader, kind, context.namespace);
  const isReference = reader.has('workloadCRDRef');
  const target = isReference ? readReference(reader, kind) : undefined;
  if (target !== undefined && name !== undefined && target.name !== name)
    reader.problem(
      'name',
      'IgnoredValue',
      `the workload is called ${target.name}, as the resource it stands for; ${name} names nothing`,
      `write name: ${target.name}`,
    );
  const key = target ?? { kind, namespace, name: name ?? '' };
  // Beside a reference, an inline spec is a fall-back, and complete or not there at all.
  const workload = !isReference || reader.has('image') ? readSpec(reader, key, context.source) : undefined;
  reader.finish();
  const keyed = key.name === '' ? {} : { key };
  if (problems.some(isFatal)) return { ...keyed, problems };
  if (target === undefined) return { ...keyed, problems, ...(workload === undefined ? {} : { workload }) };
  const fallback = workload === undefined ? {} : { fallback: workload };
  return { ...keyed, problems, reference: { target, ...fallback } };
}

/**
 * The workload behind a spec without name and namespace; the name in the key is empty where it could not be read.
 * Undefined where something that the kind needs is missing.
 */
export function readSpec(reader: MapReader, key: WorkloadKey, source: Source): Workload | undefined {
  const { kind } = key;
  const context = { key };
  switch (kind) {
    case 'process':
      return completed({ ...key, kind }, readProcessSpec(reader, context), source);
    case 'cronjob':
      return completed({ ...key, kind }, readCronJobSpec(reader, context), source);
    case 'service':
      return completed({ ...key, kind }, readServiceSpec(reader, context), source);
    case 'persistent':
      return completed({ ...key, kind }, readPersistentSpec(reader, context), source);
  }
}

function completed<K extends WorkloadKind, S extends CommonSpec>(
  key: WorkloadKey & { readonly kind: K },
  spec: S | undefined,
  source: Source,
) {
  return spec === undefined ? undefined : { key, spec, source, templateHash: hashTemplate(spec) };
}

export function isFatal({ code }: Problem): boolean {
  return PROBLEM_CODES[code].exit !== 0;
}

/** Name and namespace, which every kind has. */
export function readIdentity(
  reader: MapReader,
  kind: WorkloadKind | undefined,
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
  const fault = kind === undefined ? undefined : faultOfName(name, kind);
  if (fault !== undefined) reader.problem('name', 'InvalidValue', fault.message, fault.hint);
  return { name, namespace };
}

/** What is wrong with the name of a workload of this kind. */
export function faultOfName(
  name: string,
  kind: WorkloadKind,
): { readonly message: string; readonly hint: string } | undefined {
  const { maxName } = KINDS[kind];
  if (isShortName(name) && name.length <= maxName) return undefined;
  return {
    message: isShortName(name)
      ? `${JSON.stringify(name)} is too long for a ${kind}`
      : `${JSON.stringify(name)} is not a workload name`,
    hint: `${NAME_HINT}, at most ${maxName}`,
  };
}

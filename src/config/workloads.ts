/** Reads the `workloads` section of the file. */
import type { Element, MapReader } from '../core/document/map-reader.ts';
import type { Problem } from '../core/problem.ts';
import { formatKey, type Workload, type WorkloadKey, type WorkloadKind } from '../core/workload/model.ts';
import { readIdentity, readProcess } from '../core/workload/process.ts';

/** The lists of the section and what they hold. */
const LISTS = [
  ['processes', 'process'],
  ['cronJobs', 'cronjob'],
  ['services', 'service'],
  ['persistentSets', 'persistent'],
] as const satisfies readonly (readonly [string, WorkloadKind])[];

export interface WorkloadsContext {
  readonly file: string;
  /** For entries that name none. */
  readonly namespace: string;
  readonly report: (problem: Problem) => void;
}

/** All workloads that can be used; what is wrong with the others, or with the section, is reported. */
export function readWorkloads(root: MapReader, context: WorkloadsContext): readonly Workload[] {
  const section = root.map('workloads');
  if (section === undefined) return [];
  const workloads: Workload[] = [];
  const firstLines = new Map<string, string>();
  for (const [list, kind] of LISTS)
    for (const entry of section.list(list) ?? []) {
      const { key, workload } =
        kind === 'process'
          ? readProcessEntry(entry, context)
          : readPlannedEntry(section, entry, kind, context);
      if (workload !== undefined) workloads.push(workload);
      if (key !== undefined) checkDuplicate(section, entry, key, firstLines);
    }
  section.finish();
  return workloads;
}

interface EntryReading {
  readonly key?: WorkloadKey;
  readonly workload?: Workload;
}

function readProcessEntry(entry: Element, { file, namespace, report }: WorkloadsContext): EntryReading {
  const { problems, ...reading } = readProcess(entry, { namespace, source: { from: 'file', path: file } });
  problems.forEach(report);
  return reading;
}

/** A kind that this version does not have: its name is checked, and it is refused rather than ignored. */
function readPlannedEntry(
  section: MapReader,
  entry: Element,
  kind: WorkloadKind,
  { namespace: defaultNamespace }: WorkloadsContext,
): EntryReading {
  const reader = section.element(entry);
  if (reader === undefined) return {};
  const { name, namespace } = readIdentity(reader, defaultNamespace);
  if (!reader.has('workloadCRDRef'))
    reader.requiredText('image', 'name a container image, for example busybox:1.36');
  reader.problemAt(
    { path: entry.path, at: entry.node.at },
    'NotInThisVersion',
    `workloads of kind ${kind} are not available in this version`,
    'remove the entry; processes are available',
  );
  return name === undefined ? {} : { key: { kind, namespace, name } };
}

function checkDuplicate(
  section: MapReader,
  entry: Element,
  key: WorkloadKey,
  firstLines: Map<string, string>,
): void {
  const text = formatKey(key);
  const first = firstLines.get(text);
  if (first === undefined) firstLines.set(text, `line ${entry.node.at?.line ?? '?'}`);
  else
    section.problemAt(
      { path: `${entry.path}.name`, at: entry.node.at },
      'DuplicateName',
      `${text} is defined twice, first at ${first}`,
      'rename one, or give it another namespace',
    );
}

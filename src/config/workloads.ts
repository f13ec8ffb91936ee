/** Reads workloads: the section of the configuration file, and lists of entries of one kind. */
import { MapReader, type Element } from '../core/document/map-reader.ts';
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
  const workloads = LISTS.flatMap(([list, kind]) => readEntries(section.list(list) ?? [], kind, context));
  section.finish();
  return workloads;
}

/** The usable ones among the entries of one file that are of one kind. Two of the same name are a problem. */
export function readEntries(
  entries: readonly Element[],
  kind: WorkloadKind,
  context: WorkloadsContext,
): readonly Workload[] {
  const workloads: Workload[] = [];
  const firstLines = new Map<string, string>();
  for (const entry of entries) {
    const { key, workload } =
      kind === 'process' ? readProcessEntry(entry, context) : readPlannedEntry(entry, kind, context);
    if (workload !== undefined) workloads.push(workload);
    if (key !== undefined) checkDuplicate(entry, key, firstLines, context);
  }
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
  entry: Element,
  kind: WorkloadKind,
  { namespace: defaultNamespace, report }: WorkloadsContext,
): EntryReading {
  const reader = MapReader.of(entry, report);
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
  { path, node: { at } }: Element,
  key: WorkloadKey,
  firstLines: Map<string, string>,
  { report }: WorkloadsContext,
): void {
  const text = formatKey(key);
  const first = firstLines.get(text);
  if (first === undefined) firstLines.set(text, `line ${at?.line ?? '?'}`);
  else
    report({
      code: 'DuplicateName',
      message: `${text} is defined twice, first at ${first}`,
      hint: 'rename one, or give it another namespace',
      path: path === '' ? 'name' : `${path}.name`,
      ...at,
    });
}

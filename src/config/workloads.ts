/** Reads workloads: the section of the configuration file, and lists of entries of one kind. */
import type { Element, MapReader } from '../core/document/map-reader.ts';
import type { Problem } from '../core/problem.ts';
import { KIND_ORDER, KINDS } from '../core/workload/kinds.ts';
import { formatKey, type Workload, type WorkloadKey, type WorkloadKind } from '../core/workload/model.ts';
import type { WorkloadReference } from '../core/workload/reference.ts';
import { readWorkload } from '../core/workload/workload.ts';

export interface WorkloadsContext {
  readonly file: string;
  /** For entries that name none. */
  readonly namespace: string;
  readonly report: (problem: Problem) => void;
}

/** An entry that can be used: a workload, or a reference to a custom resource. */
export interface Entry {
  readonly key: WorkloadKey;
  readonly workload?: Workload;
  readonly reference?: WorkloadReference;
  /** Where it stands, for what is only seen beside the other entries. */
  readonly file: string;
  readonly element: Element;
}

/** All entries that can be used; what is wrong with the others, or with the section, is reported. */
export function readWorkloads(root: MapReader, context: WorkloadsContext): readonly Entry[] {
  const section = root.map('workloads');
  if (section === undefined) return [];
  const entries = KIND_ORDER.flatMap((kind) =>
    readEntries(section.list(KINDS[kind].list) ?? [], kind, context),
  );
  section.finish();
  return entries;
}

/** The usable ones among the entries of one file that are of one kind. Two of the same name are a problem. */
export function readEntries(
  elements: readonly Element[],
  kind: WorkloadKind,
  { file, namespace, report }: WorkloadsContext,
): readonly Entry[] {
  const entries: Entry[] = [];
  const firstLines = new Map<string, string>();
  for (const element of elements) {
    const { key, workload, reference, problems } = readWorkload(element, kind, {
      namespace,
      source: { from: 'file', path: file },
    });
    problems.forEach(report);
    if (key === undefined) continue;
    if (workload !== undefined) entries.push({ key, workload, file, element });
    else if (reference !== undefined) entries.push({ key, reference, file, element });
    checkDuplicate(element, key, firstLines, report);
  }
  return entries;
}

function checkDuplicate(
  { path, node: { at } }: Element,
  key: WorkloadKey,
  firstLines: Map<string, string>,
  report: (problem: Problem) => void,
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

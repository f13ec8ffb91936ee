/**
 * Workloads in files of their own: `process-*`, `cronjob-*`, `service-*` and `persistent-*` with `.yaml` or `.yml` in the
 * working directory, each holding one workload or a list of them. The Go program reads these too.
 */
import type { Element } from '../core/document/map-reader.ts';
import { isNull, type DocumentNode } from '../core/document/node.ts';
import type { Problem } from '../core/problem.ts';
import { formatKey, type WorkloadKind } from '../core/workload/model.ts';
import type { SideFile, Surroundings } from './config.ts';
import { readEntries, type Entry, type WorkloadsContext } from './workloads.ts';
import { readYaml } from './yaml.ts';

type Report = (problem: Problem) => void;

export interface SideFileContext {
  /** The path of the configuration file, which is not read again; empty without one. */
  readonly configFile: string;
  /** For entries that name none. */
  readonly namespace: string;
  readonly report: Report;
}

/**
 * Adds what the side files hold to `entries`, in the order of the files' names. An entry replaces one of the same kind,
 * namespace and name that was read before it, with a warning.
 */
export function readSideFiles(
  entries: readonly Entry[],
  world: Pick<Surroundings, 'list' | 'readFile' | 'cwd'>,
  { configFile, namespace, report }: SideFileContext,
): { readonly entries: readonly Entry[]; readonly sideFiles: readonly SideFile[] } {
  const merged = new Map(entries.map((entry) => [formatKey(entry.key), entry]));
  const sideFiles: SideFile[] = [];
  for (const name of world.list(world.cwd).toSorted()) {
    const kind = sideFileKind(name);
    const file = `${world.cwd}/${name}`;
    if (kind === undefined || configFile === file || configFile === name) continue;
    const reportInFile: Report = (problem) => report({ ...problem, file });
    const text = read(file, world, reportInFile);
    if (text === undefined) continue;
    const found = readSideFile(text, kind, { file, namespace, report: reportInFile });
    for (const entry of found) {
      const key = formatKey(entry.key);
      const before = merged.get(key);
      if (before !== undefined && !found.includes(before)) reportInFile(replaced(key, before));
      merged.set(key, entry);
    }
    sideFiles.push({ file, workloads: found.length });
  }
  return { entries: [...merged.values()], sideFiles };
}

/** What a file of this name holds; undefined if it is not a side file. */
export function sideFileKind(name: string): WorkloadKind | undefined {
  switch (/^(process|cronjob|service|persistent)-.*\.ya?ml$/.exec(name)?.[1]) {
    case 'process':
      return 'process';
    case 'cronjob':
      return 'cronjob';
    case 'service':
      return 'service';
    case 'persistent':
      return 'persistent';
    default:
      return undefined;
  }
}

/** The usable entries in the text of one side file. */
export function readSideFile(text: string, kind: WorkloadKind, context: WorkloadsContext): readonly Entry[] {
  const { root, problems } = readYaml(text);
  problems.forEach(context.report);
  if (root === undefined || isNull(root)) return [];
  if (isManifest(root)) {
    context.report({
      code: 'IgnoredValue',
      message: 'this is a manifest of Kubernetes, not a workload of this program; it is ignored',
      hint: 'rename it or keep it elsewhere, or set workloadFiles: false',
      ...root.at,
    });
    return [];
  }
  return readEntries(elements(root), kind, context);
}

function read(file: string, world: Pick<Surroundings, 'readFile'>, report: Report): string | undefined {
  try {
    return world.readFile(file);
  } catch (error) {
    const cause = error instanceof Error && 'code' in error ? String(error.code) : 'unknown cause';
    const message = `the file cannot be read (${cause})`;
    report({ code: 'ConfigUnreadable', message, hint: 'check its permissions, or set workloadFiles: false' });
    return undefined;
  }
}

function elements(root: DocumentNode): readonly Element[] {
  if (root.kind !== 'list') return [{ node: root, path: '' }];
  return root.items.map((node, index) => ({ node, path: `[${index}]` }));
}

/** A manifest of Kubernetes says what it is; no workload and no configuration has these fields. */
export function isManifest(root: DocumentNode): boolean {
  return root.kind === 'map' && root.entries.has('apiVersion') && root.entries.has('kind');
}

function replaced(key: string, { file }: Entry): Problem {
  return {
    code: 'IgnoredValue',
    message: `${key} is defined in ${file} too; this file wins`,
    hint: 'define it in one place only',
  };
}

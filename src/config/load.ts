/** From command line, environment and file to the effective configuration, or to everything that is wrong with them. */
import { MapReader } from '../core/document/map-reader.ts';
import { isNull } from '../core/document/node.ts';
import { deepFreeze } from '../core/frozen.ts';
import { PROBLEM_CODES, type Problem } from '../core/problem.ts';
import { readCommandLine } from './command-line.ts';
import type { Config, LoadResult, Surroundings } from './config.ts';
import { deriveConfig } from './derive.ts';
import { findConfigFile } from './file-search.ts';
import { Settings } from './settings.ts';
import { readSideFiles } from './side-files.ts';
import { readTenants, type TenantEntries } from './tenants.ts';
import { checkTogether } from './together.ts';
import { readWorkloads, type Entry } from './workloads.ts';
import { readYaml } from './yaml.ts';

/**
 * Reads everything and reports all problems at once, in the order of the file. `argv` is the command line without the
 * program and without a verb.
 */
export function loadConfig(argv: readonly string[], world: Surroundings): LoadResult {
  const problems: Problem[] = [];
  const report = (problem: Problem): void => void problems.push(problem);
  const commandLine = readCommandLine(argv);
  commandLine.problems.forEach(report);
  const { file, root } = openFile(commandLine.config, world, report);
  const settings = new Settings({ flags: commandLine.flags, env: world.env, root, file }, report);
  const { inFile, tenants } =
    root === undefined ? { inFile: [], tenants: [] } : readBody(root, file, settings, report);
  const { entries, sideFiles } = settings.isTrue('workloadFiles')
    ? readSideFiles(inFile, world, { configFile: file, namespace: settings.text('namespace'), report })
    : { entries: inFile, sideFiles: [] };
  const groups = [entries, ...tenants.map((tenant) => tenant.entries)];
  checkTogether(groups, report);
  const config = deriveConfig(settings, world, report);
  if (groups.every(({ length }) => length === 0) && problems.every((problem) => !isError(problem)))
    report(NO_WORKLOADS);
  const sorted = inReadingOrder(problems, file);
  if (config === undefined || sorted.some(isError)) return { problems: sorted };
  const complete = deepFreeze({
    ...(file === '' ? {} : { file }),
    ...config,
    ...split(entries),
    tenants: tenants.map(({ tenant, namespace, entries: own }) =>
      Object.assign({ tenant, namespace }, split(own)),
    ),
  });
  return { config: complete, provenance: settings.provenance(), sideFiles, warnings: sorted };
}

function split(entries: readonly Entry[]): Pick<Config, 'workloads' | 'references'> {
  return {
    workloads: entries.flatMap(({ workload }) => workload ?? []),
    references: entries.flatMap(({ reference }) => reference ?? []),
  };
}

const NO_WORKLOADS: Problem = {
  code: 'NoWorkloads',
  message: 'no workloads are configured',
  hint: 'list some under workloads.processes',
  path: 'workloads',
};

/** Command line and environment, the configuration file, the side files by name; in a file from top to bottom. */
function inReadingOrder(problems: readonly Problem[], configFile: string): readonly Problem[] {
  const rank = ({ file }: Problem): string =>
    file === undefined ? '' : file === configFile ? '0' : `1${file}`;
  return problems.toSorted(
    (a, b) =>
      (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0) ||
      (a.line ?? 0) - (b.line ?? 0) ||
      (a.column ?? 0) - (b.column ?? 0),
  );
}

function isError({ code }: Problem): boolean {
  return PROBLEM_CODES[code].exit !== 0;
}

/** Finds, reads and parses the file. Problems of its content name it; without a file its name is empty. */
function openFile(
  named: string | undefined,
  world: Surroundings,
  report: (problem: Problem) => void,
): { readonly file: string; readonly root: MapReader | undefined } {
  const found = findConfigFile(named, world);
  if (found.kind === 'problem') report(found.problem);
  if (found.kind !== 'file') return { file: '', root: undefined };
  const file = found.path;
  const reportInFile = (problem: Problem): void => report({ ...problem, file });
  const { root: node, problems } = readYaml(found.text);
  problems.forEach(reportInFile);
  const root =
    node === undefined || isNull(node) ? undefined : MapReader.of({ node, path: '' }, reportInFile);
  return { file, root };
}

/** What stands in the file beside the settings. */
function readBody(
  root: MapReader,
  file: string,
  settings: Settings,
  report: (problem: Problem) => void,
): { readonly inFile: readonly Entry[]; readonly tenants: readonly TenantEntries[] } {
  const context = {
    file,
    namespace: settings.text('namespace'),
    report: (problem: Problem): void => report({ ...problem, file }),
  };
  const inFile = readWorkloads(root, context);
  const tenants = readTenants(root, settings.text('tenant'), context);
  if (root.has('spanner'))
    root.problem(
      'spanner',
      'IgnoredValue',
      'Spanner is not a lock store of this program',
      'remove the section',
    );
  root.finish();
  return { inFile, tenants };
}

/** `--print-config`: the effective settings, each with its origin. */
import type { LoadResult, Provenance } from '../config/config.ts';
import { describeOrigin } from '../config/provenance.ts';
import { SETTINGS } from '../config/schema.ts';
import { formatProblem, type Problem } from '../core/problem.ts';
import { formatKey, type Workload } from '../core/workload/model.ts';
import type { CommandResult } from './result.ts';

/**
 * The settings as a configuration file that means the same, but for the secrets, which are masked. Workloads are only
 * named, because their environment and scripts may hold secrets. Exit code 2, and nothing on stdout, where the
 * configuration has problems.
 */
export function printConfig(loaded: LoadResult): CommandResult {
  if ('problems' in loaded) return { exit: 2, stdout: '', stderr: lines(loaded.problems) };
  const { provenance, config, warnings } = loaded;
  const text = [
    `# file: ${oneLine(config.file ?? 'none')}`,
    ...renderSettings(provenance),
    ...nameWorkloads(config.workloads),
    ...config.tenants.flatMap(({ tenant, namespace, workloads }) =>
      [`# tenant ${tenant}, namespace ${namespace}`].concat(nameWorkloads(workloads)),
    ),
  ];
  return { exit: 0, stdout: `${text.join('\n')}\n`, stderr: lines(warnings) };
}

function nameWorkloads(workloads: readonly Workload[]): readonly string[] {
  const names = workloads.map(
    ({ key, source }) =>
      `#   ${formatKey(key)}${source.from === 'file' ? `  (${oneLine(source.path)})` : ''}`,
  );
  return [`# workloads: ${names.length}`, ...names];
}

function lines(problems: readonly Problem[]): string {
  return problems.map((problem) => `${formatProblem(problem)}\n`).join('');
}

/** Settings of one section stand together in the table, and sections within it at its end. */
function renderSettings(provenance: readonly Provenance[]): readonly string[] {
  let open: readonly string[] = [];
  return provenance.flatMap((entry) => {
    const sections = entry.key.split('.');
    const name = sections.pop() ?? '';
    const isOpen = (depth: number): boolean =>
      sections.slice(0, depth + 1).every((section, index) => section === open[index]);
    const headings = sections.flatMap((section, depth) =>
      isOpen(depth) ? [] : [indent(depth, `${section}:`)],
    );
    open = sections;
    const line = `${name}: ${renderValue(entry)} # ${oneLine(describeOrigin(entry))}`;
    return [...headings, indent(sections.length, line)];
  });
}

function indent(depth: number, line: string): string {
  return '  '.repeat(depth) + line;
}

/** Text in quotes, so that it is read back as it was; JSON strings are YAML strings. */
function renderValue({ key, value }: Provenance): string {
  const setting = SETTINGS.find((candidate) => candidate.key === key);
  const isText = setting?.type === 'string' || setting?.type === 'list';
  return isText || value === '' ? JSON.stringify(value) : value;
}

/** Paths may hold any character; a comment ends with its line. */
function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]/g, '?');
}

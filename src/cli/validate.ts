/** `validate`: what is wrong with configuration files and manifests, found without any server. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../config/load.ts';
import { isManifest, readSideFile, sideFileKind } from '../config/side-files.ts';
import { readYamlStream } from '../config/yaml.ts';
import { formatProblem, PROBLEM_CODES, type Problem } from '../core/problem.ts';
import { checkManifest } from './manifest.ts';
import type { CommandResult } from './result.ts';
import { readArguments } from './validate-arguments.ts';

/** One text to check. */
interface Input {
  /** As it is shown. */
  readonly file: string;
  readonly text: string;
}

/**
 * Checks what `-f` names: files, folders (their .yaml, .yml and .json, not what lies deeper) and `-` for standard input.
 * Everything is said on stderr, with one line of counts at the end. Exit code 2 on errors; warnings alone are 0.
 */
export function validate(argv: readonly string[]): CommandResult {
  const { files, problems: usage } = readArguments(argv);
  const problems: Problem[] = [...usage];
  const report = (problem: Problem): void => void problems.push(problem);
  const inputs = usage.length > 0 ? [] : files.flatMap((file) => readInputs(file, report));
  for (const input of inputs) check(input, report);
  const errors = problems.filter(isError).length;
  const counts = [
    count(inputs.length, 'file'),
    count(errors, 'error'),
    count(problems.length - errors, 'warning'),
  ];
  const shown = [...problems.map(formatProblem), ...(usage.length > 0 ? [] : [counts.join(', ')])];
  return { exit: errors > 0 ? 2 : 0, stdout: '', stderr: `${shown.join('\n')}\n` };
}

function isError({ code }: Problem): boolean {
  return PROBLEM_CODES[code].exit !== 0;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

const STANDARD_INPUT = 0;

function readInputs(path: string, report: (problem: Problem) => void): readonly Input[] {
  try {
    if (path === '-') return [{ file: 'stdin', text: readFileSync(STANDARD_INPUT, 'utf8') }];
    const files = statSync(path).isDirectory()
      ? readdirSync(path)
          .filter((name) => /\.(?:ya?ml|json)$/.test(name))
          .toSorted()
          .map((name) => join(path, name))
      : [path];
    return files.map((file) => ({ file, text: readFileSync(file, 'utf8') }));
  } catch (error) {
    const cause = error instanceof Error && 'code' in error ? String(error.code) : 'unknown cause';
    const message = `cannot be read (${cause})`;
    report({ code: 'ConfigUnreadable', message, hint: 'check the path and its permissions', file: path });
    return [];
  }
}

/** A text is manifests if each of its documents looks like one, a side file by its name, else a configuration. */
function check({ file, text }: Input, report: (problem: Problem) => void): void {
  const reportInFile = (problem: Problem): void => report({ ...problem, file });
  const documents = readYamlStream(text);
  const manifests = documents.flatMap(({ root }) => (root !== undefined && isManifest(root) ? [root] : []));
  if (manifests.length > 0 && manifests.length === documents.length) {
    for (const { problems } of documents) problems.forEach(reportInFile);
    for (const manifest of manifests) checkManifest(manifest, reportInFile);
    return;
  }
  const kind = sideFileKind(file.split('/').at(-1) ?? '');
  if (kind !== undefined) readSideFile(text, kind, { file, namespace: 'default', report: reportInFile });
  else checkConfig(file, text, report);
}

/** As the controller reads it, but alone: without environment, flags and side files. */
function checkConfig(file: string, text: string, report: (problem: Problem) => void): void {
  const loaded = loadConfig(['--config', file, '--workload-files=false'], {
    env: {},
    readFile: () => text,
    exists: (path) => path === file,
    list: () => [],
    homedir: '',
    cwd: '',
    hostname: 'localhost',
  });
  ('problems' in loaded ? loaded.problems : loaded.warnings).forEach(report);
}

/**
 * Bad input and refused requests, as values. A problem says where, what was found, what would be right, and carries a
 * stable code that scripts may match; message texts may change, codes may not.
 */

/** Every code, with the exit code of the process that stops for it (0 done · 1 failed · 2 usage or configuration). */
export const PROBLEM_CODES = {
  /** The file could not be read, or an explicitly named file is missing. */
  ConfigUnreadable: { exit: 2 },
  /** The text is not valid YAML. */
  MalformedYaml: { exit: 2 },
  /** A value has the wrong type, e.g. a list where a string belongs. */
  WrongType: { exit: 2 },
  /** The type is right, the value is not: out of range, not one of the allowed ones, not parseable. */
  InvalidValue: { exit: 2 },
  /** A required field is absent. */
  MissingField: { exit: 2 },
  /** Two entries of one kind share namespace and name. */
  DuplicateName: { exit: 2 },
  /** A key this program does not know. A warning, never fatal. */
  UnknownKey: { exit: 0 },
  /** Understood, and without effect because something else wins. A warning, never fatal. */
  IgnoredValue: { exit: 0 },
  /** More than one replica is asked for, and one runs. A warning, never fatal. */
  ReplicasClamped: { exit: 0 },
  /** Two workloads of one namespace share a name across kinds. A warning, never fatal. */
  SharedName: { exit: 0 },
  /** A workload is to wait for one that nothing here defines. A warning, never fatal. */
  UnknownDependency: { exit: 0 },
  /** Workloads wait for each other in a circle. */
  DependencyCycle: { exit: 2 },
  /** Nothing to run is configured. A warning, never fatal. */
  NoWorkloads: { exit: 0 },
  /** Known and planned, but not built in this version: a workload kind or a store. */
  NotInThisVersion: { exit: 2 },
  /** Two settings contradict each other, e.g. renew interval and TTL. */
  Contradiction: { exit: 2 },
  /** The command line is wrong. */
  Usage: { exit: 2 },
  /** No cluster to talk to: no such context, no server address, or not inside a pod. */
  NoCluster: { exit: 2 },
  /** The HTTP port is taken. */
  PortInUse: { exit: 1 },
} as const satisfies Record<string, { readonly exit: 0 | 1 | 2 }>;

export type ProblemCode = keyof typeof PROBLEM_CODES;

/** One thing that is wrong, in a form that can be shown as a line of text, a condition or JSON. */
export interface Problem {
  readonly code: ProblemCode;
  /** What is wrong, one sentence without the location. Never contains a secret. */
  readonly message: string;
  /** What would be right, or what to do. */
  readonly hint: string;
  /** Where inside the document, e.g. `workloads.processes[2].env.PORT`; the variable or flag name for those sources. */
  readonly path?: string;
  /** The file the path lies in. */
  readonly file?: string;
  /** 1-based line within the file. */
  readonly line?: number;
  /** 1-based column within the line. */
  readonly column?: number;
}

/** `error: CODE: file:line:col: path: message` and the hint on a second line, as every command prints it. */
export function formatProblem(problem: Problem): string {
  const where = [problem.file, problem.line, problem.column].filter((part) => part !== undefined).join(':');
  const head = [problem.code, where, problem.path]
    .filter((part) => part !== undefined && part !== '')
    .join(': ');
  const level = PROBLEM_CODES[problem.code].exit === 0 ? 'warning' : 'error';
  return `${level}: ${head}: ${problem.message}\n  hint: ${problem.hint}`;
}

/** The command line of `validate`. */
import type { Problem } from '../core/problem.ts';

export interface ValidateArguments {
  /** Paths; `-` is standard input. */
  readonly files: readonly string[];
  readonly problems: readonly Problem[];
}

/** Reads `-f PATH`, `-f=PATH`, `--filename PATH` and `--filename=PATH`, each as often as wanted. */
export function readArguments(argv: readonly string[]): ValidateArguments {
  const files: string[] = [];
  const problems: Problem[] = [];
  const rest = [...argv];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    const [flag = '', ...values] = argument.split('=');
    if (flag !== '-f' && flag !== '--filename') {
      problems.push(usage(`validate does not know ${JSON.stringify(flag)}`));
      continue;
    }
    const value = values.length > 0 ? values.join('=') : rest.shift();
    if (value === undefined || value === '') problems.push(usage(`${flag} needs a value`));
    else files.push(value);
  }
  if (files.length === 0 && problems.length === 0)
    problems.push(usage('validate needs to know what to check'));
  return { files, problems };
}

function usage(message: string): Problem {
  return { code: 'Usage', message, hint: 'write: k8-highlander validate -f FILE|DIR|-' };
}

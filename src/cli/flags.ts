/** The arguments of a command: flags with a value (`--flag VALUE` or `--flag=VALUE`), switches, and everything else. */
import type { Problem } from '../core/problem.ts';

export interface FlagNames {
  /** By each spelling the name under which its value is found. */
  readonly texts: Readonly<Record<string, string>>;
  readonly switches: readonly string[];
  /** One line: how the command is written. */
  readonly usage: string;
}

export interface Flags {
  readonly positional: readonly string[];
  readonly texts: Readonly<Record<string, string>>;
  readonly switches: ReadonlySet<string>;
}

export function readFlags(argv: readonly string[], names: FlagNames): Flags | Problem {
  const rest = [...argv];
  const positional: string[] = [];
  const texts: Record<string, string> = {};
  const switches = new Set<string>();
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    if (!argument.startsWith('-')) {
      positional.push(argument);
      continue;
    }
    const at = argument.indexOf('=');
    const flag = at < 0 ? argument : argument.slice(0, at);
    const name = names.texts[flag];
    if (names.switches.includes(argument)) switches.add(argument);
    else if (name === undefined) return usageProblem(`unknown flag ${JSON.stringify(flag)}`, names.usage);
    else {
      const value = at < 0 ? rest.shift() : argument.slice(at + 1);
      if (value === undefined || value === '') return usageProblem(`${flag} needs a value`, names.usage);
      texts[name] = value;
    }
  }
  return { positional, texts, switches };
}

export function usageProblem(message: string, usage: string): Problem {
  return { code: 'Usage', message, hint: `write: ${usage}` };
}

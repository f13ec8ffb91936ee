/** The command line of the controller: one flag for each setting, and `--config`. */
import { nearestWord } from '../core/document/nearest.ts';
import type { Problem } from '../core/problem.ts';
import { SETTINGS } from './schema.ts';

export interface CommandLine {
  /** `--config`. */
  readonly config?: string;
  /** Text by flag name, for example `--port`. Of a flag given twice the last one counts. */
  readonly flags: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
}

/** Reads `--flag value` and `--flag=value`; a boolean flag alone means true. */
export function readCommandLine(argv: readonly string[]): CommandLine {
  const known = new Map(SETTINGS.map((setting) => [setting.flag, setting.type]));
  known.set('--config', 'string');
  const flags = new Map<string, string>();
  const problems: Problem[] = [];
  const rest = [...argv];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    const [flag = '', ...values] = argument.split('=');
    const type = known.get(flag);
    if (type === undefined) {
      problems.push(unknownArgument(flag, known.keys()));
      // What follows a mistyped flag is its value, not another mistake.
      if (flag.startsWith('-') && values.length === 0 && rest[0]?.startsWith('-') === false) rest.shift();
    } else if (values.length > 0) flags.set(flag, values.join('='));
    else if (type === 'boolean') flags.set(flag, 'true');
    else {
      const value = rest[0]?.startsWith('--') === true ? undefined : rest.shift();
      if (value === undefined)
        problems.push(usage(flag, `${flag} needs a value`, `write ${flag} VALUE or ${flag}=VALUE`));
      else flags.set(flag, value);
    }
  }
  const config = flags.get('--config');
  flags.delete('--config');
  return { ...(config === undefined || config === '' ? {} : { config }), flags, problems };
}

/** The first word of each line of the usage. */
const COMMANDS = [
  'run',
  'validate',
  'store',
  'uninstall',
  'pause',
  'resume',
  'restart',
  'run-now',
  'failover',
  'drain',
  'undrain',
  'fence',
  'version',
  'help',
];

/** A word that is near no command is not repeated: it may be the value of a flag, and a secret. */
function unknownWord(word: string): Problem {
  const near = nearestWord(word, COMMANDS);
  return near === undefined
    ? usage('', 'an argument that is neither a command nor a flag', 'flags begin with --; see --help')
    : usage('', `${word} is not a command`, `did you mean ${near}?`);
}

/** Only the part before `=` is shown: the rest may be a secret. */
function unknownArgument(argument: string, known: Iterable<string>): Problem {
  if (!argument.startsWith('-')) return unknownWord(argument);
  const near = nearestWord(argument, known);
  return usage(
    argument,
    `${argument} is not a flag`,
    near === undefined ? 'see --help' : `did you mean ${near}?`,
  );
}

function usage(path: string, message: string, hint: string): Problem {
  return { code: 'Usage', message, hint, ...(path === '' ? {} : { path }) };
}

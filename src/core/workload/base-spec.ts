/** Reads the fields that every kind of workload has, with their defaults and rules. */
import type { MapReader } from '../document/map-reader.ts';
import type { Duration } from '../time.ts';
import { readImage, readResources } from './container-fields.ts';
import { readAnnotations, readEnv, readLabels, readNodeSelector } from './metadata-fields.ts';
import type { CommonSpec, Script } from './model.ts';
import { readPorts } from './ports.ts';
import { readSidecars } from './sidecar.ts';
import { PROCESS_FIELDS, SCRIPT_FIELDS } from './spec-fields.ts';
import { isDnsSubdomain, NAME_HINT } from './syntax.ts';

/** Nobody waits longer than `maximum` for a program to stop; a larger value is a mistake in the unit. */
const GRACE = PROCESS_FIELDS.terminationGracePeriod;

/** Everything but what is particular to a kind. Undefined without an image; what else is wrong is reported and left out. */
export function readCommonSpec(reader: MapReader): CommonSpec | undefined {
  const image = readImage(reader);
  const program = readProgram(reader);
  const configMaps = readReferences(reader, 'configMaps');
  const secrets = readReferences(reader, 'secrets');
  const spec = {
    ...program,
    env: readEnv(reader),
    resources: readResources(reader),
    configMaps,
    secrets,
    labels: readLabels(reader),
    annotations: readAnnotations(reader),
    nodeSelector: readNodeSelector(reader),
    sidecars: readSidecars(reader, [
      ...configMaps.map((name) => `config-${name}`),
      ...secrets.map((name) => `secret-${name}`),
    ]),
    ports: readPorts(reader),
    terminationGracePeriod: readGracePeriod(reader),
  };
  return image === undefined ? undefined : { image, ...spec };
}

/** `script` wins over `command` and `args`: files that carry both have always run the script. */
function readProgram(reader: MapReader): Pick<CommonSpec, 'script' | 'command' | 'args'> {
  const script = readScript(reader);
  const command = reader.texts('command')?.map(({ text }) => text);
  const args = reader.texts('args')?.map(({ text }) => text);
  if (script === undefined)
    return { ...(command === undefined ? {} : { command }), ...(args === undefined ? {} : { args }) };
  for (const [key, value] of [
    ['command', command],
    ['args', args],
  ] as const)
    if (value !== undefined && value.length > 0)
      reader.problem(key, 'IgnoredValue', `${key} has no effect beside script`, `remove ${key} or script`);
  return { script };
}

function readScript(reader: MapReader): Script | undefined {
  const script = reader.map('script');
  if (script === undefined) return undefined;
  const commands = script.texts('commands')?.map(({ text }) => text) ?? [];
  const shell = script.text('shell') ?? SCRIPT_FIELDS.shell.default;
  if (commands.length === 0)
    script.problem(
      'commands',
      'MissingField',
      'a script needs commands',
      'list at least one, or remove script',
    );
  script.finish();
  return { commands, shell };
}

/** Names of ConfigMaps or Secrets to mount; each once. */
function readReferences(reader: MapReader, key: 'configMaps' | 'secrets'): readonly string[] {
  const accepted = new Set<string>();
  for (const entry of reader.texts(key) ?? []) {
    const name = entry.text;
    if (!isDnsSubdomain(name))
      reader.problemAt(entry, 'InvalidValue', `${JSON.stringify(name)} is not an object name`, NAME_HINT);
    else if (accepted.has(name))
      reader.problemAt(entry, 'DuplicateName', `${name} is listed twice`, 'remove one of them');
    else accepted.add(name);
  }
  return [...accepted];
}

/** `gracePeriod` is an older name of `terminationGracePeriod`. Zero and less mean the default. */
function readGracePeriod(reader: MapReader): Duration {
  const named = readGrace(reader, 'terminationGracePeriod');
  const alias = readGrace(reader, 'gracePeriod');
  if (named !== undefined && alias !== undefined && named !== alias)
    reader.problem(
      'gracePeriod',
      'IgnoredValue',
      'terminationGracePeriod wins over gracePeriod',
      'remove gracePeriod',
    );
  const period = named ?? alias ?? GRACE.default;
  return period > 0 ? period : GRACE.default;
}

function readGrace(reader: MapReader, key: string): Duration | undefined {
  const period = reader.duration(key);
  if (period === undefined || period <= GRACE.maximum) return period;
  reader.problem(
    key,
    'InvalidValue',
    'is longer than a year',
    'an integer means seconds; write for example 30s',
  );
  return undefined;
}

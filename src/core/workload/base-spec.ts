/** Reads the fields that every kind of workload has, with their defaults and rules. */
import type { MapReader } from '../document/map-reader.ts';
import type { Duration } from '../time.ts';
import { readImage, readResources } from './container-fields.ts';
import { readDuration } from './field-reader.ts';
import { readAnnotations, readEnv, readLabels, readNodeSelector } from './metadata-fields.ts';
import type { CommonSpec, PersistentVolume, Script, WorkloadKey } from './model.ts';
import { readPodOptions } from './pod-options.ts';
import { readPorts } from './ports.ts';
import { readRelations } from './relations.ts';
import { readSidecars } from './sidecar.ts';
import { COMMON_FIELDS, SCRIPT_FIELDS } from './spec-fields.ts';
import { isDnsSubdomain, NAME_HINT } from './syntax.ts';

const GRACE = COMMON_FIELDS.terminationGracePeriod;

/** What the common fields refer to and a kind decides. */
export interface SpecContext {
  /** The workload; its name is empty where it could not be read. */
  readonly key: WorkloadKey;
  readonly persistentVolumes?: readonly PersistentVolume[];
}

/** Everything but what is particular to a kind. Undefined without an image; what else is wrong is reported and left out. */
export function readCommonSpec(
  reader: MapReader,
  { key, persistentVolumes = [] }: SpecContext,
): CommonSpec | undefined {
  const image = readImage(reader);
  const program = readProgram(reader);
  const configMaps = readReferences(reader, 'configMaps');
  const secrets = readReferences(reader, 'secrets');
  const env = readEnv(reader);
  const mounted = [...configMaps.map((name) => `config-${name}`), ...secrets.map((name) => `secret-${name}`)];
  for (const { name } of persistentVolumes.filter((volume) => mounted.includes(volume.name)))
    reader.problem(
      'persistentVolumes',
      'DuplicateName',
      `${name} is also the volume of an entry of configMaps or secrets`,
      'give the volume another name',
    );
  const ownVolumes = [...mounted, ...persistentVolumes.map(({ name }) => name)];
  const { options, volumes } = readPodOptions(reader, {
    env,
    volumes: ownVolumes,
    paths: [
      ...configMaps.map((name) => `/etc/config/${name}`),
      ...secrets.map((name) => `/etc/secrets/${name}`),
      ...persistentVolumes.map(({ mountPath }) => mountPath),
    ],
  });
  const spec = {
    ...program,
    env,
    resources: readResources(reader),
    configMaps,
    secrets,
    labels: readLabels(reader),
    annotations: readAnnotations(reader),
    nodeSelector: readNodeSelector(reader),
    sidecars: readSidecars(reader, [...ownVolumes, ...volumes]),
    ports: readPorts(reader),
    terminationGracePeriod: readGracePeriod(reader, key.kind === 'process'),
    ...(options === undefined ? {} : { pod: options }),
    ...readRelations(reader, key),
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

/** Of a process, `gracePeriod` is an older name of `terminationGracePeriod`. Zero and less mean the default. */
function readGracePeriod(reader: MapReader, hasAlias: boolean): Duration {
  // A fraction of a second is rounded up when it is written.
  const bounds = { minimum: -Infinity, maximum: GRACE.maximum };
  const named = readDuration(reader, 'terminationGracePeriod', bounds);
  const alias = hasAlias ? readDuration(reader, 'gracePeriod', bounds) : undefined;
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

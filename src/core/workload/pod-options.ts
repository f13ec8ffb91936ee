/**
 * Reads what users of Kubernetes set on a pod. Objects are handed through as they are written and judged by the API
 * server; checked is only what would break what this program adds to them.
 */
import type { MapReader } from '../document/map-reader.ts';
import { readChoice } from './field-reader.ts';
import type { JsonObject, PodOptions, StringMap } from './model.ts';
import { readMounts } from './mounts.ts';
import { TOKEN_ENV } from './names.ts';
import { POD_FIELDS } from './pod-fields.ts';
import { isDnsLabel, isDnsSubdomain, isEnvName, NAME_HINT } from './syntax.ts';

/** What the rest of the spec says about volumes and variables. */
interface Beside {
  readonly env: StringMap;
  /** Names of the volumes that follow from other fields. */
  readonly volumes: readonly string[];
  /** Paths at which they are mounted in the main container. */
  readonly paths: readonly string[];
}

interface PodOptionsReading {
  /** Undefined if none is set. */
  readonly options: PodOptions | undefined;
  /** Names of the further volumes. */
  readonly volumes: readonly string[];
}

export function readPodOptions(reader: MapReader, beside: Beside): PodOptionsReading {
  const volumes = readVolumes(reader, beside.volumes);
  const names = (volumes ?? []).map(({ name }) => String(name));
  const mounts = readMounts(reader, [...beside.volumes, ...names], beside.paths);
  const members: { readonly [K in keyof PodOptions]: PodOptions[K] | undefined } = {
    serviceAccountName: readObjectName(reader, 'serviceAccountName'),
    imagePullSecrets: readNames(reader, 'imagePullSecrets'),
    imagePullPolicy: readPullPolicy(reader),
    priorityClassName: readObjectName(reader, 'priorityClassName'),
    podSecurityContext: reader.object('podSecurityContext'),
    securityContext: reader.object('securityContext'),
    affinity: reader.object('affinity'),
    tolerations: readObjects(reader, 'tolerations'),
    envFrom: readObjects(reader, 'envFrom'),
    envValueFrom: readEnvSources(reader, beside.env),
    volumes,
    volumeMounts: mounts.length === 0 ? undefined : mounts,
    readinessProbe: reader.object('readinessProbe'),
    livenessProbe: reader.object('livenessProbe'),
    startupProbe: reader.object('startupProbe'),
    lifecycle: reader.object('lifecycle'),
  };
  const options: PodOptions = Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined),
  );
  return { options: Object.keys(options).length === 0 ? undefined : options, volumes: names };
}

/** The default is left out: to write it down changes nothing. */
function readPullPolicy(reader: MapReader): PodOptions['imagePullPolicy'] {
  const policy = readChoice(reader, 'imagePullPolicy', POD_FIELDS.imagePullPolicy.oneOf, 'IfNotPresent');
  return policy === 'IfNotPresent' ? undefined : policy;
}

function readObjects(reader: MapReader, key: string): readonly JsonObject[] | undefined {
  const objects = reader.objects(key)?.map(({ value }) => value);
  return objects === undefined || objects.length === 0 ? undefined : objects;
}

function readObjectName(reader: MapReader, key: string): string | undefined {
  const name = reader.text(key);
  if (name === undefined || isDnsSubdomain(name)) return name;
  reader.problem(key, 'InvalidValue', `${JSON.stringify(name)} is not an object name`, NAME_HINT);
  return undefined;
}

function readNames(reader: MapReader, key: string): readonly string[] | undefined {
  const entries = reader.texts(key) ?? [];
  for (const entry of entries)
    if (!isDnsSubdomain(entry.text)) {
      const message = `${JSON.stringify(entry.text)} is not an object name`;
      reader.problemAt(entry, 'InvalidValue', message, NAME_HINT);
    }
  return entries.length === 0 ? undefined : [...new Set(entries.map(({ text }) => text))];
}

/** A variable may be given once: the API server merges the list by name. */
function readEnvSources(reader: MapReader, env: StringMap): PodOptions['envValueFrom'] {
  const map = reader.map('envValueFrom');
  if (map === undefined) return undefined;
  const sources: [string, JsonObject][] = [];
  for (const name of map.keys()) {
    const source = map.object(name);
    if (name === TOKEN_ENV) map.problem(name, 'IgnoredValue', `${name} is set by this program`, 'remove it');
    else if (!isEnvName(name))
      map.problem(
        name,
        'InvalidValue',
        `${JSON.stringify(name)} is not a name of an environment variable`,
        'use letters, digits, _, - and ., not starting with a digit',
      );
    else if (Object.hasOwn(env, name))
      map.problem(name, 'DuplicateName', `${name} is set in env too`, 'remove one of them');
    else if (source !== undefined) sources.push([name, source]);
  }
  return sources.length === 0 ? undefined : Object.fromEntries(sources);
}

/** Names beginning with `config-` and `secret-` stand for the volumes of `configMaps` and `secrets`. */
function readVolumes(reader: MapReader, taken: readonly string[]): readonly JsonObject[] | undefined {
  const names = new Set(taken);
  const volumes = (reader.objects('volumes') ?? []).map(({ value, element }) => {
    const { name } = value;
    const at = { path: `${element.path}.name`, at: element.node.at };
    if (typeof name !== 'string' || !isDnsLabel(name))
      reader.problemAt(
        at,
        name === undefined ? 'MissingField' : 'InvalidValue',
        'a volume needs a name',
        'use at most 63 lower-case letters, digits and -, beginning and ending alphanumeric',
      );
    else if (/^(?:config|secret)-/.test(name))
      reader.problemAt(
        at,
        'InvalidValue',
        `${name} is the name of a volume of configMaps or secrets`,
        'use a name that does not begin with config- or secret-',
      );
    else if (names.has(name))
      reader.problemAt(at, 'DuplicateName', `two volumes are named ${name}`, 'give each volume its own name');
    else names.add(name);
    return value;
  });
  return volumes.length === 0 ? undefined : volumes;
}

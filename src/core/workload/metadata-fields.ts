/** Labels, annotations, node selectors and environment: maps of strings with a grammar for their keys. */
import type { MapReader } from '../document/map-reader.ts';
import type { StringMap } from './model.ts';
import { ANNOTATION, GROUP, LABEL, TOKEN_ENV } from './names.ts';
import { isEnvName, isLabelValue, isQualifiedName } from './syntax.ts';

const RESERVED_LABELS: ReadonlySet<string> = new Set([
  LABEL.app,
  LABEL.managedBy,
  LABEL.controllerId,
  LABEL.clusterName,
]);
const RESERVED_ANNOTATIONS: ReadonlySet<string> = new Set([ANNOTATION.leaderId, ANNOTATION.clusterName]);

/** What is wrong with an entry: a fault to report, or the reason why this program's own value wins. */
type Check = (
  name: string,
  text: string,
) => { readonly wrong: string; readonly hint: string } | 'reserved' | undefined;

export function readLabels(reader: MapReader): StringMap {
  return readMap(reader, 'labels', (name, text) => {
    if (RESERVED_LABELS.has(name) || name.startsWith(`${GROUP}/`)) return 'reserved';
    return checkLabel(name, text);
  });
}

export function readAnnotations(reader: MapReader): StringMap {
  return readMap(reader, 'annotations', (name) => {
    if (RESERVED_ANNOTATIONS.has(name) || name.startsWith(`${GROUP}/`)) return 'reserved';
    return isQualifiedName(name.toLowerCase()) ? undefined : BAD_KEY;
  });
}

export function readNodeSelector(reader: MapReader): StringMap {
  return readMap(reader, 'nodeSelector', checkLabel);
}

/** Environment variables. Values are never shown in messages. */
export function readEnv(reader: MapReader): StringMap {
  return readMap(reader, 'env', (name) => {
    if (name === TOKEN_ENV) return 'reserved';
    if (isEnvName(name)) return undefined;
    return {
      wrong: 'is not a name of an environment variable',
      hint: 'use letters, digits, _, - and ., not starting with a digit',
    };
  });
}

const BAD_KEY = {
  wrong: 'is not a valid key',
  hint: 'use [prefix/]name: letters, digits, -, _ and ., at most 63 characters, beginning and ending alphanumeric',
};

function checkLabel(name: string, text: string): ReturnType<Check> {
  if (!isQualifiedName(name)) return BAD_KEY;
  if (isLabelValue(text)) return undefined;
  return {
    wrong: 'has a value that is not a valid label value',
    hint: 'use letters, digits, -, _ and ., at most 63 characters, beginning and ending alphanumeric',
  };
}

function readMap(reader: MapReader, key: string, check: Check): StringMap {
  const accepted: [string, string][] = [];
  for (const entry of reader.textMap(key)) {
    const { name, text } = entry;
    const answer = check(name, text);
    if (answer === undefined) accepted.push([name, text]);
    else if (answer === 'reserved')
      reader.problemAt(entry, 'IgnoredValue', `${name} is set by this program`, 'remove it');
    else reader.problemAt(entry, 'InvalidValue', `${JSON.stringify(name)} ${answer.wrong}`, answer.hint);
  }
  return Object.fromEntries(accepted);
}

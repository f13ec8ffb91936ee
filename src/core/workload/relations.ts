/** Reads what a workload has to do with other workloads, and with the loss of its node. */
import type { MapReader } from '../document/map-reader.ts';
import { readChoice, readDuration } from './field-reader.ts';
import { formatKey, parseKey, type CommonSpec, type NodeLoss, type WorkloadKey } from './model.ts';
import { COMMON_FIELDS, NODE_LOSS_FIELDS } from './spec-fields.ts';
import { isDnsLabel, isShortName } from './syntax.ts';

/** What is at its default is left out. */
export function readRelations(
  reader: MapReader,
  key: WorkloadKey,
): Pick<CommonSpec, 'dependsOn' | 'nodeLoss' | 'deletionPolicy'> {
  const dependsOn = readDependencies(reader, key);
  const nodeLoss = readNodeLoss(reader);
  const policy = readChoice(reader, 'deletionPolicy', COMMON_FIELDS.deletionPolicy.oneOf, 'Delete');
  return {
    ...(dependsOn.length === 0 ? {} : { dependsOn }),
    ...(nodeLoss === undefined ? {} : { nodeLoss }),
    ...(policy === 'Delete' ? {} : { deletionPolicy: policy }),
  };
}

/** A reference without a namespace means the workload's own. */
function readDependencies(reader: MapReader, own: WorkloadKey): readonly WorkloadKey[] {
  const dependencies = new Map<string, WorkloadKey>();
  for (const entry of reader.texts('dependsOn') ?? []) {
    const parts = entry.text.split('/');
    const key = parseKey(parts.length === 2 ? `${parts[0]}/${own.namespace}/${parts[1]}` : entry.text);
    const text = key === undefined ? '' : formatKey(key);
    if (key === undefined || !isShortName(key.name) || !isDnsLabel(key.namespace))
      reader.problemAt(
        entry,
        'InvalidValue',
        `${JSON.stringify(entry.text)} does not name a workload`,
        'write kind/name or kind/namespace/name; the kinds are process, cronjob, service and persistent',
      );
    else if (text === formatKey(own))
      reader.problemAt(entry, 'DependencyCycle', 'a workload cannot wait for itself', 'remove it');
    else if (dependencies.has(text))
      reader.problemAt(entry, 'DuplicateName', `${text} is listed twice`, 'remove one of them');
    else dependencies.set(text, key);
  }
  return [...dependencies.values()];
}

function readNodeLoss(reader: MapReader): NodeLoss | undefined {
  const map = reader.map('nodeLoss');
  if (map === undefined) return undefined;
  const policy = readChoice(map, 'policy', NODE_LOSS_FIELDS.policy.oneOf, 'Fenced');
  const after = readDuration(map, 'after', NODE_LOSS_FIELDS.after);
  if (policy === 'Force' && !map.has('after'))
    map.problem(
      'after',
      'MissingField',
      'policy Force needs after',
      'say how long the node may be silent, for example 5m',
    );
  if (policy === 'Fenced' && after !== undefined)
    map.problem(
      'after',
      'IgnoredValue',
      'after has no effect with policy Fenced',
      'remove it, or use policy: Force',
    );
  map.finish();
  return policy === 'Force' && after !== undefined ? { policy, after } : undefined;
}

/** Which workload a person means by `[KIND/]NAME`, and where records about it are written. */
import type { WorkloadResource } from '../core/workload/custom-resource.ts';
import { tenantOfResource } from '../core/workload/custom-resource.ts';
import { decodeRecord, decodeRecordKey } from '../core/reconcile/registry-shard.ts';
import { KIND_ORDER, KINDS } from '../core/workload/kinds.ts';
import { formatKey, type WorkloadKey, type WorkloadKind } from '../core/workload/model.ts';
import { GROUP, LABEL, registryName } from '../core/workload/names.ts';
import { CONFIG_MAPS, type KubeObject, type ObjectRef, type Resource } from '../ports/cluster.ts';
import { explainFailure, wrongUsage, type Asking, type Ended } from './asking.ts';

/** `resource`: the custom resource that takes the records; without it the control ConfigMap does. */
export interface Target {
  readonly key: WorkloadKey;
  readonly resource?: { readonly ref: ObjectRef; readonly object: WorkloadResource & KubeObject };
}

interface Shard extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

const KIND_WORDS: ReadonlyMap<string, WorkloadKind> = new Map(
  KIND_ORDER.flatMap((kind) =>
    [kind, KINDS[kind].plural, KINDS[kind].resourceKind.toLowerCase(), ...KINDS[kind].shortNames].map(
      (word) => [word, kind] as const,
    ),
  ),
);

export async function findTarget(asking: Asking, usage: string): Promise<Target | Ended> {
  const [text = '', ...others] = asking.flags.positional;
  if (text === '' || others.length > 0) return wrongUsage('name one workload', usage);
  const parts = text.split('/');
  const kind = parts.length === 1 ? undefined : KIND_WORDS.get((parts[0] ?? '').toLowerCase());
  const name = parts.at(-1) ?? '';
  if (parts.length > 2 || name === '' || (parts.length === 2 && kind === undefined))
    return wrongUsage(
      `${JSON.stringify(text)} is not [KIND/]NAME; kinds are ${KIND_ORDER.join(', ')}`,
      usage,
    );
  const filed = await findFiled(asking);
  const stored = await findStored(asking, name, kind);
  if ('exit' in stored) return stored;
  const isMeant = (key: WorkloadKey): boolean =>
    key.namespace === asking.namespace && key.name === name && (kind === undefined || key.kind === kind);
  const fromFile = ('exit' in filed ? [] : filed).filter(isMeant).map((key): Target => ({ key }));
  // Where both define one, the file wins, and the record belongs to what is in force.
  const inFile = new Set(fromFile.map(({ key }) => formatKey(key)));
  const all = [...fromFile, ...stored.filter(({ key }) => !inFile.has(formatKey(key)))];
  const [first, second] = all;
  if (first === undefined && 'exit' in filed) return filed;
  if (first === undefined)
    return wrongUsage(
      `no workload ${text} of tenant ${asking.tenant} in namespace ${asking.namespace}`,
      usage,
    );
  if (second !== undefined)
    return wrongUsage(
      `${text} is more than one: ${all.map(({ key }) => `${key.kind}/${key.name}`).join(', ')}`,
      usage,
    );
  return first;
}

/** Workloads of the file, as the leader put them on record. */
async function findFiled({
  cluster,
  tenant,
  controllerNamespace,
  parts,
}: Asking): Promise<readonly WorkloadKey[] | Ended> {
  const labelSelector = `${LABEL.managedBy}=${LABEL.managedByValue},${LABEL.tenant}=${tenant}`;
  const scope = { namespace: controllerNamespace, labelSelector };
  const list = await cluster.list<Shard>(CONFIG_MAPS, scope, parts.signal);
  if (list.kind !== 'done') return explainFailure(`configmaps in ${controllerNamespace}`, list);
  const prefix = registryName(tenant, 0).slice(0, -1);
  return list.items
    .filter(({ metadata }) => metadata.name.startsWith(prefix))
    .flatMap(({ data = {} }) => Object.entries(data))
    .flatMap(([entry, text]) => {
      const key = decodeRecordKey(entry);
      return key !== undefined && decodeRecord(text)?.managedFrom === 'file' ? [key] : [];
    });
}

async function findStored(
  { cluster, tenant, namespace, parts }: Asking,
  name: string,
  kind: WorkloadKind | undefined,
): Promise<readonly Target[] | Ended> {
  const found: Target[] = [];
  for (const candidate of kind === undefined ? KIND_ORDER : [kind]) {
    const ref = { resource: resourceOf(candidate), namespace, name };
    const read = await cluster.get<WorkloadResource & KubeObject>(ref, parts.signal);
    if (read.kind === 'gone') continue;
    // A type that is not served has no objects; one that may not be read is left out unless it was asked for.
    if (read.kind === 'refused' && (read.status === 404 || kind === undefined)) continue;
    if (read.kind !== 'done') return explainFailure(`${ref.resource.plural}/${name}`, read);
    if (tenantOfResource(read.object) === tenant)
      found.push({ key: { kind: candidate, namespace, name }, resource: { ref, object: read.object } });
  }
  return found;
}

function resourceOf(kind: WorkloadKind): Resource {
  const { plural, resourceKind } = KINDS[kind];
  return { group: GROUP, version: 'v1', plural, kind: resourceKind, namespaced: true };
}

/** Checks one manifest of a custom resource by the rules by which the controller reads it. */
import { MapReader } from '../core/document/map-reader.ts';
import type { DocumentNode } from '../core/document/node.ts';
import type { Problem } from '../core/problem.ts';
import { GROUP } from '../core/workload/names.ts';
import { kindOfResource, KIND_ORDER, KINDS } from '../core/workload/kinds.ts';
import { readIdentity, readSpec } from '../core/workload/workload.ts';

type Report = (problem: Problem) => void;

/** Reports what is wrong with it; of a `List`, with each of its items. Manifests of others are only pointed out. */
export function checkManifest(root: DocumentNode, report: Report, path = ''): void {
  const reader = MapReader.of({ node: root, path }, report);
  if (reader === undefined) return;
  const apiVersion = reader.text('apiVersion') ?? '';
  const kind = reader.text('kind') ?? '';
  if (kind.endsWith('List') && reader.has('items'))
    for (const item of reader.list('items') ?? []) checkManifest(item.node, report, item.path);
  else if (apiVersion.startsWith(`${GROUP}/`)) checkWorkload(reader, apiVersion, kind);
  else
    reader.problem(
      'kind',
      'IgnoredValue',
      `${JSON.stringify(kind)} of ${JSON.stringify(apiVersion)} is not a workload of this program; it was not checked`,
      `manifests of ${GROUP} are checked`,
    );
}

function checkWorkload(reader: MapReader, apiVersion: string, kind: string): void {
  if (apiVersion !== `${GROUP}/v1`)
    reader.problem(
      'apiVersion',
      'InvalidValue',
      `${JSON.stringify(apiVersion)} is not served`,
      `write ${GROUP}/v1`,
    );
  const workloadKind = kindOfResource(kind);
  const metadata = reader.map('metadata');
  if (metadata === undefined && !reader.has('metadata'))
    reader.problem('metadata', 'MissingField', 'metadata is required', 'write metadata with a name');
  const identity = metadata === undefined ? undefined : readIdentity(metadata, workloadKind, 'default');
  const spec = reader.map('spec');
  if (workloadKind === undefined) {
    const kinds = KIND_ORDER.map((known) => KINDS[known].resourceKind);
    reader.problem(
      'kind',
      'InvalidValue',
      `${JSON.stringify(kind)} is not a kind of workload`,
      `use one of ${kinds.join(', ')}`,
    );
  } else if (spec === undefined) {
    if (!reader.has('spec'))
      reader.problem('spec', 'MissingField', 'spec is required', 'write a spec with an image');
  } else {
    const key = { namespace: 'default', name: '', ...identity, kind: workloadKind };
    readSpec(spec, key, { from: 'resource', uid: '' });
    spec.finish();
  }
  reader.has('status');
  reader.finish();
}

/**
 * The objects of workloads as somebody would create them who needs no singleton: rendered by the product, so that the
 * floor and what it is compared with cannot drift apart, and then without gate, finalizer, labels and annotations of ours.
 */
import { readWorkloads } from '../src/config/workloads.ts';
import { nodeOfJson } from '../src/core/document/json.ts';
import { MapReader } from '../src/core/document/map-reader.ts';
import { renderProcessPod } from '../src/core/manifests/process.ts';
import { renderBeside, renderOwner } from '../src/core/reconcile/owner.ts';
import type { Workload } from '../src/core/workload/model.ts';
import { LABEL } from '../src/core/workload/names.ts';
import {
  CRON_JOBS,
  DEPLOYMENTS,
  PODS,
  SERVICES,
  STATEFUL_SETS,
  type KubeObject,
  type Resource,
} from '../src/ports/cluster.ts';
import type { WorkloadSet } from './workload-set.ts';

export interface BareObject {
  readonly resource: Resource;
  readonly object: KubeObject;
}

const RESOURCES = new Map(
  [PODS, DEPLOYMENTS, STATEFUL_SETS, CRON_JOBS, SERVICES].map((resource) => [resource.kind, resource]),
);
const IDENTITY = { tenant: 'default', fingerprint: 'none' };

/**
 * Workload by workload, what makes the pods before its Services.
 * @throws when an entry cannot be used.
 */
export function bareObjects(section: WorkloadSet['section']): readonly BareObject[] {
  return readSet(section)
    .flatMap(render)
    .map((rendered) => {
      const resource = RESOURCES.get(rendered.kind ?? '');
      if (resource === undefined) throw new Error(`no resource for ${rendered.kind}`);
      return { resource, object: bare(rendered) as KubeObject };
    });
}

/** The pods of the processes as the product makes them: behind a gate, with finalizer, labels and annotations. */
export function gatedPods(section: WorkloadSet['section']): readonly BareObject[] {
  return readSet(section)
    .filter(isProcess)
    .map((workload) => ({ resource: PODS, object: renderProcessPod(workload, IDENTITY) }));
}

/** The workloads of the section. @throws when an entry cannot be used. */
export function readSet(section: WorkloadSet['section']): readonly Workload[] {
  const report = ({ path, message }: { readonly path?: string; readonly message: string }): never => {
    throw new Error(`${path}: ${message}`);
  };
  const root = MapReader.of({ node: nodeOfJson({ workloads: section }), path: '' }, report);
  if (root === undefined) return [];
  const entries = readWorkloads(root, { file: 'bench', namespace: 'default', report });
  return entries.flatMap(({ workload }) => (workload === undefined ? [] : [workload]));
}

function render(workload: Workload): readonly KubeObject[] {
  if (isProcess(workload)) return [renderProcessPod(workload, IDENTITY)];
  return [renderOwner(workload, IDENTITY), ...renderBeside(workload, IDENTITY)];
}

function isProcess(workload: Workload): workload is Extract<Workload, { key: { kind: 'process' } }> {
  return workload.key.kind === 'process';
}

const OURS: ReadonlySet<string> = new Set(['schedulingGates', 'finalizers', 'annotations']);

/** Of the labels the one stays by which Deployments, StatefulSets and Services find their pods. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([field]) => !OURS.has(field))
      .map(([field, inner]) => [field, field === 'labels' ? onlyApp(inner) : bare(inner)]),
  );
}

function onlyApp(labels: Readonly<Record<string, string>>): Readonly<Record<string, string | undefined>> {
  return { [LABEL.app]: labels[LABEL.app] };
}

import { describe, expect, it } from 'vitest';
import { createManualSystem } from '../../test/manual-system.ts';
import { createMemoryCache } from '../../test/memory-cache.ts';
import { makeInput, makeInstance, makeWorkload } from '../../test/pod-fixture.ts';
import { makeResource } from '../../test/resource-fixture.ts';
import type { WorkloadRecord } from '../core/reconcile/observed.ts';
import { planWorkload } from '../core/reconcile/plan.ts';
import type { ResourceStatus } from '../core/reconcile/resource-status.ts';
import { viewWorkload } from '../core/reconcile/status.ts';
import type { WorkloadResource } from '../core/workload/custom-resource.ts';
import type { Workload } from '../core/workload/model.ts';
import { WORKLOAD_FINALIZER } from '../core/workload/names.ts';
import type { ClusterReader, ClusterWriter, KubeObject, PatchOperation } from '../ports/cluster.ts';
import { GuardedWriter } from './guarded-writer.ts';
import { openRecords, type Records } from './records.ts';
import { Registry } from './registry.ts';
import { Sources } from './sources.ts';
import { StatusWriter } from './status-writer.ts';
import type { Term } from './term.ts';

const KEY = 'process/default/report';

interface Bench {
  readonly records: Records;
  readonly status: StatusWriter;
  readonly sources: Sources;
  /** What was written, in order: the kind of object, or the part of the resource. */
  readonly writes: string[];
  readonly warnings: () => number;
  readonly stored: () => WorkloadResource | undefined;
}

/** One term beside a server that holds one resource and takes what it is given, with compare-and-set. */
function open(
  resource: WorkloadResource | undefined,
  options: { readonly hasStatus?: boolean; readonly file?: readonly Workload[] } = {},
): Bench {
  const { hasStatus = true, file = [] } = options;
  const system = createManualSystem();
  const cache = createMemoryCache<WorkloadResource>();
  const sources = new Sources(
    { workloads: file, references: [] },
    'default',
    new Map([['process', cache]]),
    system.log,
  );
  const writes: string[] = [];
  let stored = resource;
  let version = 100;
  const bump = <T extends KubeObject>(object: T): T => ({
    ...object,
    metadata: { ...object.metadata, resourceVersion: String((version += 1)) },
  });
  const accept = (object: KubeObject): Promise<never> => {
    writes.push('registry');
    return Promise.resolve({ kind: 'done', object: bump(object) } as never);
  };
  const patch = (
    _ref: unknown,
    [expected, change]: readonly PatchOperation[],
    _signal: AbortSignal,
    subresource?: 'status',
  ): Promise<never> => {
    const answer = (result: unknown): Promise<never> => Promise.resolve(result as never);
    if (stored === undefined || (subresource === 'status' && !hasStatus)) return answer({ kind: 'gone' });
    const value = change !== undefined && 'value' in change ? change.value : undefined;
    const read = expected !== undefined && 'value' in expected ? expected.value : undefined;
    if (read !== stored.metadata.resourceVersion) return answer({ kind: 'conflict', message: '' });
    writes.push(subresource ?? 'finalizers');
    const changed =
      subresource === 'status'
        ? { ...stored, status: value }
        : { ...stored, metadata: { ...stored.metadata, finalizers: value as string[] } };
    stored = bump(changed);
    return answer({ kind: 'done', object: stored });
  };
  const reader: ClusterReader = {
    list: () => Promise.reject(new Error('not asked for')),
    get: () =>
      Promise.resolve((stored === undefined ? { kind: 'gone' } : { kind: 'done', object: stored }) as never),
  };
  const cluster: ClusterWriter & ClusterReader = {
    ...reader,
    create: (_resource, object) => accept(object),
    replace: (_resource, object) => accept(object),
    patch,
    delete: () => Promise.reject(new Error('nothing is deleted')),
  };
  const term: Term = {
    epoch: 7,
    signal: new AbortController().signal,
    validUntil: () => Infinity,
    isValid: () => true,
    deadline: () => 1000,
    demote: () => undefined,
  };
  if (resource !== undefined) cache.observe(resource);
  const { clock, log } = system;
  const writer = new GuardedWriter(cluster, term, clock);
  const registry = new Registry({ tenant: 'default', namespace: 'ns' }, reader, writer, term, log);
  const status = new StatusWriter({ term, sources, reader, writer, clock, log });
  return {
    records: openRecords({ registry, sources, writer, status }),
    status,
    sources,
    writes,
    warnings: () => system.lines.filter((line) => line.startsWith('warn')).length,
    stored: () => stored,
  };
}

const plain: WorkloadRecord = { managedFrom: 'resource', hash: 'h', restarts: 0 };
const completed: WorkloadRecord = { ...plain, outcome: 'Completed' };
const protectedResource = makeResource({ metadata: { finalizers: ['other', WORKLOAD_FINALIZER] } });

describe('the record of a resource', () => {
  it('begins with the finalizer, and nothing else while there is nothing to remember', async () => {
    const { records, writes, stored } = open(makeResource({ metadata: { finalizers: ['other'] } }));
    expect(records.get(KEY)).toEqual({ managedFrom: 'none', restarts: 0 });
    expect(await records.remember(KEY, plain)).toEqual({ kind: 'written' });
    expect(writes).toEqual(['finalizers']);
    expect(stored()?.metadata.finalizers).toEqual(['other', WORKLOAD_FINALIZER]);
    expect(records.get(KEY)).toEqual({ managedFrom: 'resource', restarts: 0 });
  });

  it('is in the status once there is something to remember, beside what stands there', async () => {
    const { records, writes, stored } = open({ ...protectedResource, status: { active: true } });
    expect(await records.remember(KEY, completed)).toEqual({ kind: 'written' });
    expect(writes).toEqual(['status']);
    expect(stored()?.status).toMatchObject({ active: true, record: { outcome: 'Completed' } });
    expect(records.get(KEY)).toEqual(completed);
  });

  it('survives a stripped finalizer, which is put back', async () => {
    const status = { record: { restarts: 0, outcome: 'Completed', templateHash: 'h' } };
    const { records, writes } = open(makeResource({ status }));
    expect(records.get(KEY)).toEqual({ ...completed, managedFrom: 'none' });
    await records.remember(KEY, completed);
    expect(writes).toEqual(['finalizers']);
    expect(records.get(KEY)).toEqual(completed);
  });

  it('is unknown without the resource, so that nothing is stopped that may only be out of sight', () => {
    expect(open(undefined).records.get(KEY)).toBeUndefined();
  });

  it('of a resource that goes counts as managed even without our finalizer', () => {
    const going = makeResource({ metadata: { deletionTimestamp: 'now', finalizers: ['other'] } });
    expect(open(going).records.get(KEY)?.managedFrom).toBe('resource');
  });

  it('is forgotten with the finalizer, and then the resource is gone whatever the watch still says', async () => {
    const going = makeResource({ metadata: { deletionTimestamp: 'now', finalizers: [WORKLOAD_FINALIZER] } });
    const { records, stored, sources } = open(going);
    expect(await records.forget(KEY)).toEqual({ kind: 'written' });
    expect(stored()?.metadata.finalizers).toEqual([]);
    expect(sources.resource(KEY)).toBeUndefined();
  });

  it('is in the registry where there is no status, with one warning', async () => {
    const { records, writes, warnings } = open(protectedResource, { hasStatus: false });
    expect(await records.remember(KEY, completed)).toEqual({ kind: 'written' });
    expect(await records.remember(KEY, { ...completed, restarts: 1 })).toEqual({ kind: 'written' });
    expect(writes).toEqual(['registry', 'registry']);
    expect(records.get(KEY)).toEqual({ ...completed, restarts: 1 });
    expect(warnings()).toBe(1);
  });
});

describe('a workload that moves', () => {
  it('from the file to a resource takes its record along', async () => {
    const { records, writes } = open(makeResource());
    await records.remember(KEY, { ...completed, managedFrom: 'file' });
    expect(records.get(KEY)?.managedFrom).toBe('file');
    expect(await records.remember(KEY, completed)).toEqual({ kind: 'written' });
    expect(writes).toEqual(['registry', 'finalizers', 'status', 'registry']);
    expect(records.get(KEY)).toEqual(completed);
  });

  it('from a resource to the file takes its record along, and the resource waits for nobody', async () => {
    const status = { record: { restarts: 2, templateHash: 'h' } };
    const { records, stored } = open({ ...protectedResource, status }, { file: [makeWorkload()] });
    const record = records.get(KEY);
    expect(record).toEqual({ ...plain, restarts: 2 });
    await records.remember(KEY, { ...plain, restarts: 2, managedFrom: 'file' });
    expect(records.get(KEY)).toEqual({ ...plain, restarts: 2, managedFrom: 'file' });
    expect(stored()?.metadata.finalizers).toEqual(['other']);
  });
});

describe('the status of a resource', () => {
  const input = makeInput({ instances: [makeInstance()] });
  const view = viewWorkload(input, planWorkload(input));

  it('is written when it changed, and only then', async () => {
    const { status, writes, stored } = open(protectedResource);
    await status.report(KEY, input, view);
    await status.report(KEY, input, view);
    expect(writes).toEqual(['status']);
    expect(stored()?.status).toMatchObject({ active: true, term: 7, observedGeneration: 1 });
    await status.report(KEY, input, { ...view, reason: 'CrashLoop' });
    expect(writes).toEqual(['status', 'status']);
  });

  it('is not written again because the server dropped a field', async () => {
    const { status, writes, sources, stored } = open(protectedResource);
    await status.report(KEY, input, view);
    const kept = stored() ?? makeResource();
    const { record: _record, ...rest } = kept.status as ResourceStatus;
    const pruned = { ...rest, conditions: [] };
    sources.put({ ...kept, status: pruned, metadata: { ...kept.metadata, resourceVersion: '500' } });
    await status.report(KEY, input, view);
    expect(writes).toEqual(['status']);
  });

  it('keeps what is remembered', async () => {
    const { status, records, stored } = open(protectedResource);
    await records.remember(KEY, completed);
    await status.report(KEY, { ...input, record: completed }, view);
    expect(stored()?.status).toMatchObject({ active: true, record: { outcome: 'Completed' } });
  });

  it('of a workload of the file is not asked for', async () => {
    const { status, writes } = open(undefined);
    expect(await status.report(KEY, input, view)).toEqual({ kind: 'written' });
    expect(writes).toEqual([]);
  });

  it('is tried again after a conflict', async () => {
    const { status, sources } = open(protectedResource);
    const { metadata } = protectedResource;
    sources.put({ ...protectedResource, metadata: { ...metadata, resourceVersion: '11' } });
    expect(await status.report(KEY, input, view)).toMatchObject({ kind: 'later', retryIn: 1000 });
  });
});

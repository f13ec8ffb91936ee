import { describe, expect, it } from 'vitest';
import { createManualSystem } from '../../test/manual-system.ts';
import { createMemoryCache, type MemoryCache } from '../../test/memory-cache.ts';
import { makeWorkload } from '../../test/pod-fixture.ts';
import { makeResource } from '../../test/resource-fixture.ts';
import type { WorkloadResource } from '../core/workload/custom-resource.ts';
import type { Workload, WorkloadKind } from '../core/workload/model.ts';
import type { WorkloadReference } from '../core/workload/reference.ts';
import type { ClusterReader } from '../ports/cluster.ts';
import { Sources } from './sources.ts';

const KEY = 'process/default/report';
const NONE = new Map<WorkloadKind, string>();
const BAD = { image: 'a b' };

function open(
  workloads: readonly Workload[] = [],
  tenant = 'default',
  references: readonly WorkloadReference[] = [],
): { sources: Sources; cache: MemoryCache<WorkloadResource>; woken: string[]; lines: string[] } {
  const cache = createMemoryCache<WorkloadResource>();
  const system = createManualSystem();
  const sources = new Sources({ workloads, references }, tenant, new Map([['process', cache]]), system.log);
  const woken: string[] = [];
  sources.listen((key) => woken.push(key));
  return { sources, cache, woken, lines: system.lines };
}

/** The next version of a resource. */
function edit(
  resource: WorkloadResource,
  changes: Partial<WorkloadResource['metadata']>,
  spec: unknown = resource.spec,
): WorkloadResource {
  const { resourceVersion, ...rest } = resource.metadata;
  return {
    ...resource,
    spec,
    metadata: { ...rest, resourceVersion: String(Number(resourceVersion) + 1), ...changes },
  };
}

describe('a resource', () => {
  it('is wanted under its key, and wakes it', () => {
    const { sources, cache, woken } = open();
    cache.observe(makeResource());
    expect(sources.get(KEY).desired).toMatchObject({ source: { from: 'resource', uid: 'resource-1' } });
    expect([...sources.keys()]).toEqual([KEY]);
    expect(woken).toEqual([KEY]);
  });

  it('of another tenant is none of ours, also when it was', () => {
    const { sources, cache } = open();
    const labels = { 'highlander.plexobject.io/tenant': 'blue' };
    cache.observe(makeResource());
    cache.observe(edit(makeResource(), { labels }));
    expect(sources.resource(KEY)).toBeUndefined();
    const blue = open([], 'blue');
    blue.cache.observe(makeResource({ metadata: { labels } }));
    expect(blue.sources.get(KEY).desired).toBeDefined();
  });

  it('that goes is not wanted any more, but still known', () => {
    const { sources, cache, woken } = open();
    cache.observe(makeResource());
    cache.observe(edit(makeResource(), { deletionTimestamp: '2026-01-01T00:00:00Z' }, BAD));
    expect(sources.get(KEY)).toEqual({});
    expect(sources.resource(KEY)).toBeDefined();
    expect(woken).toEqual([KEY, KEY]);
  });

  it('does not wake its key when only its status changed', () => {
    const { cache, woken } = open();
    cache.observe(makeResource());
    cache.observe({ ...edit(makeResource(), {}), status: { active: true } });
    expect(woken).toEqual([KEY]);
  });

  it('wakes its key when somebody took our finalizer off', () => {
    const { cache, woken } = open();
    cache.observe(makeResource({ metadata: { finalizers: ['a'] } }));
    cache.observe(edit(makeResource(), { finalizers: [] }));
    expect(woken).toEqual([KEY, KEY]);
  });

  it('with a value that has no effect is used, and the log says which', () => {
    const { sources, cache, lines } = open();
    cache.observe(makeResource({ spec: { image: 'x', script: { commands: ['a'] }, command: ['b'] } }));
    expect(sources.get(KEY).desired).toBeDefined();
    expect(lines).toEqual(['warn a value of a custom resource has no effect']);
  });
});

describe('a resource that cannot be used', () => {
  it('keeps its last valid state and says what is wrong', () => {
    const { sources, cache } = open();
    cache.observe(makeResource());
    cache.observe(edit(makeResource(), { generation: 2 }, BAD));
    expect(sources.get(KEY)).toMatchObject({
      desired: { spec: { image: 'busybox' } },
      invalid: expect.stringMatching(/^spec\.image: /) as string,
    });
  });

  it('has no earlier state when none was seen', () => {
    const { sources, cache } = open();
    cache.observe(makeResource({ spec: BAD }));
    expect(sources.get(KEY)).toEqual({ invalid: expect.stringMatching(/^spec\.image: /) as string });
  });

  it('does not inherit the state of another one of its name', () => {
    const { sources, cache } = open();
    cache.observe(makeResource());
    cache.observe(makeResource({ metadata: { uid: 'resource-2', resourceVersion: '20' }, spec: BAD }));
    expect(sources.get(KEY).desired).toBeUndefined();
  });

  it('is fine again after it was mended', () => {
    const { sources, cache } = open();
    cache.observe(makeResource({ spec: BAD }));
    cache.observe(edit(makeResource(), { generation: 2 }, { image: 'mended' }));
    expect(sources.get(KEY)).toMatchObject({ desired: { spec: { image: 'mended' } } });
    expect(sources.get(KEY)).not.toHaveProperty('invalid');
  });
});

it('the file wins over a resource of the same key, and the resource is told', () => {
  const filed = makeWorkload();
  const { sources, cache } = open([filed]);
  cache.observe(makeResource({ spec: { image: 'other' } }));
  expect(sources.get(KEY)).toEqual({ desired: filed });
  expect(sources.resource(KEY)?.shadowed).toContain('also defined in the configuration file');
});

describe('a consistent list', () => {
  const reader = (found?: WorkloadResource): ClusterReader => ({
    list: () => Promise.reject(new Error('not asked for')),
    get: () =>
      Promise.resolve((found === undefined ? { kind: 'gone' } : { kind: 'done', object: found }) as never),
  });
  const { signal } = new AbortController();

  it('removes what the watch has not reported as gone yet, and a late event does not bring it back', async () => {
    const { sources, cache } = open();
    cache.observe(makeResource());
    expect(await sources.confirm([], NONE, reader(), signal)).toBeUndefined();
    expect(sources.resource(KEY)).toBeUndefined();
    cache.observe(edit(makeResource(), { generation: 2 }));
    expect(sources.resource(KEY)).toBeUndefined();
    cache.remove(makeResource());
    cache.observe(makeResource({ metadata: { uid: 'resource-2' } }));
    expect(sources.resource(KEY)?.object.metadata.uid).toBe('resource-2');
  });

  it('does not remove what is newer than the list', async () => {
    const { sources, cache } = open();
    cache.observe(makeResource());
    await sources.confirm([], NONE, reader(makeResource()), signal);
    expect(sources.resource(KEY)).toBeDefined();
  });

  it('brings what the watch has not told yet', async () => {
    const { sources } = open();
    await sources.confirm([makeResource()], NONE, reader(), signal);
    expect(sources.get(KEY).desired).toBeDefined();
  });

  it('is not taken in when one of the missing cannot be asked for', async () => {
    const { sources, cache } = open();
    cache.observe(makeResource());
    const broken = {
      ...reader(),
      get: () => Promise.resolve({ kind: 'unavailable', cause: 'down' } as never),
    };
    expect(await sources.confirm([], NONE, broken, signal)).toBe('down');
    expect(sources.resource(KEY)).toBeDefined();
  });
});

describe('a reference of the file to a resource', () => {
  const target = { kind: 'process', namespace: 'default', name: 'report' } as const;

  it('is the same workload as the resource, which says what runs', () => {
    const { sources, cache } = open([], 'default', [{ target, fallback: makeWorkload() }]);
    cache.observe(makeResource());
    expect([...sources.keys()]).toEqual([KEY]);
    expect(sources.get(KEY).desired).toMatchObject({ source: { from: 'resource' } });
    expect(sources.resource(KEY)).not.toHaveProperty('shadowed');
  });

  it('runs its fall-back while the resource is not there, and stops while it is being deleted', () => {
    const fallback = makeWorkload();
    const { sources, cache, woken } = open([], 'default', [{ target, fallback }]);
    expect(sources.get(KEY)).toEqual({ desired: fallback });
    const resource = makeResource();
    cache.observe(resource);
    cache.observe(edit(resource, { deletionTimestamp: '2026-01-01T00:00:00Z' }));
    expect(sources.get(KEY)).toEqual({});
    sources.gone(resource);
    expect(sources.get(KEY)).toEqual({ desired: fallback });
    expect(woken).toEqual([KEY, KEY, KEY]);
  });

  it('without a fall-back is invalid while the resource is not there', () => {
    const { sources } = open([], 'default', [{ target }]);
    expect(sources.get(KEY)).toEqual({
      invalid:
        'workloadCRDRef: WorkloadProcess default/report is not there; create it, or write image beside the reference as a fall-back',
    });
  });
});

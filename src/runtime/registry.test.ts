import { describe, expect, it } from 'vitest';
import { createManualSystem, settle } from '../../test/manual-system.ts';
import type { WorkloadRecord } from '../core/reconcile/observed.ts';
import { ANNOTATION } from '../core/workload/names.ts';
import type { ClusterReader, ClusterWriter, KubeObject, WriteResult } from '../ports/cluster.ts';
import { GuardedWriter } from './guarded-writer.ts';
import { Registry } from './registry.ts';
import type { Term } from './term.ts';

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** ConfigMaps with resourceVersions, as far as the registry uses them. Writes are answered when a test says so. */
class ConfigMapServer implements ClusterReader, ClusterWriter {
  readonly objects = new Map<string, ConfigMap>();
  writes = 0;
  #version = 0;
  #held: (() => void)[] | undefined;

  /** From now on writes wait for `release`. */
  hold(): void {
    this.#held = [];
  }

  release(): void {
    for (const go of this.#held ?? []) go();
    this.#held = undefined;
  }

  list(): Promise<never> {
    return Promise.resolve({
      kind: 'done',
      items: [...this.objects.values()],
      resourceVersion: '1',
    } as never);
  }

  get(ref: { readonly name: string }): Promise<never> {
    const object = this.objects.get(ref.name);
    return Promise.resolve((object === undefined ? { kind: 'gone' } : { kind: 'done', object }) as never);
  }

  async create<T extends KubeObject>(_resource: unknown, object: T): Promise<WriteResult<T>> {
    await this.#turn();
    if (this.objects.has(object.metadata.name)) return { kind: 'exists', message: '' };
    return this.store(object);
  }

  async replace<T extends KubeObject>(_resource: unknown, object: T): Promise<WriteResult<T>> {
    await this.#turn();
    const known = this.objects.get(object.metadata.name);
    if (known?.metadata.resourceVersion !== object.metadata.resourceVersion)
      return { kind: 'conflict', message: '' };
    return this.store(object);
  }

  patch(): Promise<never> {
    throw new Error('the registry does not patch');
  }

  delete(): Promise<never> {
    throw new Error('the registry does not delete');
  }

  store<T extends KubeObject>(object: T): WriteResult<T> {
    const stored = {
      ...object,
      metadata: { ...object.metadata, resourceVersion: String((this.#version += 1)) },
    };
    this.objects.set(object.metadata.name, stored);
    return { kind: 'done', object: stored };
  }

  async #turn(): Promise<void> {
    this.writes += 1;
    if (this.#held !== undefined) await new Promise<void>((resolve) => this.#held?.push(resolve));
  }
}

function openTerm(
  server: ConfigMapServer,
  epoch: number,
): { readonly registry: Registry; readonly demoted: number[] } {
  const { clock, log } = createManualSystem();
  const demoted: number[] = [];
  const term: Term = {
    epoch,
    signal: new AbortController().signal,
    validUntil: () => Infinity,
    isValid: () => true,
    deadline: () => 1000,
    demote: (seen) => void demoted.push(seen),
  };
  const options = { tenant: 'default', namespace: 'k8-highlander' };
  return {
    demoted,
    registry: new Registry(options, server, new GuardedWriter(server, term, clock), term, log),
  };
}

const record = (restarts: number): WorkloadRecord => ({ managedFrom: 'file', hash: 'h', restarts });
const key = (index: number): string => `process/default/w-${index}`;

describe('registry', () => {
  it('hands what one term remembered to the next', async () => {
    const server = new ConfigMapServer();
    const { registry } = openTerm(server, 1);
    registry.load([...server.objects.values()]);
    expect(await registry.remember('process/my-ns/dotted.name', record(3))).toBe(true);
    const next = openTerm(server, 2).registry;
    next.load([...server.objects.values()]);
    expect(next.get('process/my-ns/dotted.name')).toEqual(record(3));
  });

  it('forgets for good', async () => {
    const server = new ConfigMapServer();
    const { registry } = openTerm(server, 1);
    await registry.remember(key(1), record(0));
    expect(await registry.forget(key(1))).toBe(true);
    const next = openTerm(server, 2).registry;
    next.load([...server.objects.values()]);
    expect([...next.keys()]).toEqual([]);
  });

  it('writes changes that come up together in one request for each 200 workloads', async () => {
    const server = new ConfigMapServer();
    const { registry } = openTerm(server, 1);
    const results = await Promise.all(
      Array.from({ length: 1000 }, (_, index) => registry.remember(key(index), record(0))),
    );
    expect(results.every(Boolean)).toBe(true);
    expect(server.objects.size).toBe(5);
    expect(server.writes).toBe(5);
  });

  it('collects changes while a write is under way and writes them together afterwards', async () => {
    const server = new ConfigMapServer();
    const { registry } = openTerm(server, 1);
    server.hold();
    const first = registry.remember(key(0), record(0));
    await settle();
    const rest = [1, 2, 3].map((index) => registry.remember(key(index), record(index)));
    await settle();
    expect(server.writes).toBe(1);
    server.release();
    expect(await Promise.all([first, ...rest])).toEqual([true, true, true, true]);
    expect(server.writes).toBe(2);
  });

  it('says that nothing is durable when another leader wrote meanwhile, and gives way to a higher term', async () => {
    const server = new ConfigMapServer();
    const { registry, demoted } = openTerm(server, 1);
    await registry.remember(key(0), record(0));
    const [object] = server.objects.values();
    if (object === undefined) throw new Error('nothing written');
    server.store({ ...object, metadata: { ...object.metadata, annotations: { [ANNOTATION.term]: '2' } } });
    expect(await registry.remember(key(0), record(1))).toBe(false);
    expect(demoted).toEqual([2]);
  });

  it('writes the term it acts in', async () => {
    const server = new ConfigMapServer();
    const { registry } = openTerm(server, 7);
    await registry.remember(key(0), record(0));
    const [object] = server.objects.values();
    expect(object?.metadata.annotations).toEqual({ [ANNOTATION.term]: '7' });
  });

  it('succeeds on the second attempt after an earlier write of ours had been answered late', async () => {
    const server = new ConfigMapServer();
    const { registry } = openTerm(server, 1);
    await registry.remember(key(0), record(0));
    const [object] = server.objects.values();
    if (object === undefined) throw new Error('nothing written');
    server.store(object);
    expect(await registry.remember(key(0), record(1))).toBe(false);
    expect(await registry.remember(key(0), record(1))).toBe(true);
  });
});

/**
 * The registry: what workloads must remember although no pod shows it, in ConfigMaps of the controller namespace. Only
 * the leader writes. Changes are collected per ConfigMap while one write is under way, so a thousand workloads that
 * change at once cost a handful of requests.
 */
import {
  decodeRecord,
  decodeRecordKey,
  encodeRecord,
  encodeRecordKey,
  placeRecord,
} from '../core/reconcile/registry-shard.ts';
import type { WorkloadRecord } from '../core/reconcile/observed.ts';
import { ANNOTATION, LABEL, registryName } from '../core/workload/names.ts';
import { formatKey, parseKey } from '../core/workload/model.ts';
import { CONFIG_MAPS, type ClusterReader, type KubeObject } from '../ports/cluster.ts';
import type { Log } from '../ports/system.ts';
import type { GuardedWriter } from './guarded-writer.ts';
import type { Term } from './term.ts';

/** One ConfigMap of the registry. */
export interface RegistryShard extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

interface Shard {
  /** As last written or read; undefined while it does not exist. */
  object: RegistryShard | undefined;
  /** Waiting changes by record key; null removes. */
  readonly changes: Map<string, string | null>;
  /** The write under way; what changed after it was composed is not in it. */
  sending: Promise<boolean> | undefined;
  /** The write after that: it takes everything that has changed by the time it is composed. */
  next: Promise<boolean> | undefined;
}

export interface RegistryOptions {
  readonly tenant: string;
  readonly namespace: string;
}

/** The registry during one term. `load` comes before anything else. */
export class Registry {
  readonly #options: RegistryOptions;
  readonly #reader: ClusterReader;
  readonly #writer: GuardedWriter;
  readonly #term: Term;
  readonly #log: Log;
  /** Durable records, and where those have their place that are not durable yet. */
  readonly #records = new Map<
    string,
    { readonly record: WorkloadRecord | undefined; readonly shard: number }
  >();
  readonly #shards: Shard[] = [];

  constructor(options: RegistryOptions, reader: ClusterReader, writer: GuardedWriter, term: Term, log: Log) {
    this.#options = options;
    this.#reader = reader;
    this.#writer = writer;
    this.#term = term;
    this.#log = log;
  }

  /** Takes over what a consistent list of the tenant's ConfigMaps showed; the fence anchor among them is passed over. */
  load(listed: readonly RegistryShard[]): void {
    const prefix = registryName(this.#options.tenant, 0).slice(0, -1);
    for (const object of listed) {
      const index = Number(object.metadata.name.slice(prefix.length));
      if (object.metadata.name.startsWith(prefix) && Number.isInteger(index)) this.#adopt(index, object);
    }
  }

  keys(): Iterable<string> {
    return this.#records.keys();
  }

  get(key: string): WorkloadRecord | undefined {
    return this.#records.get(key)?.record;
  }

  /** Resolves true when the record is durable; false when it could not be written in this term. */
  async remember(key: string, record: WorkloadRecord): Promise<boolean> {
    const known = this.#records.get(key);
    const shard = known?.shard ?? placeRecord(this.#sizes());
    this.#records.set(key, { record: known?.record, shard });
    const isDurable = await this.#change(shard, key, encodeRecord(record));
    if (isDurable) this.#records.set(key, { record, shard });
    return isDurable;
  }

  /** Resolves true when the record is gone for good. */
  async forget(key: string): Promise<boolean> {
    const known = this.#records.get(key);
    if (known === undefined) return true;
    const isDurable = await this.#change(known.shard, key, null);
    if (isDurable) this.#records.delete(key);
    return isDurable;
  }

  #adopt(index: number, object: RegistryShard): void {
    this.#shard(index).object = object;
    for (const [name, text] of Object.entries(object.data ?? {})) {
      const key = decodeRecordKey(name);
      const record = decodeRecord(text);
      if (key !== undefined && record !== undefined)
        this.#records.set(formatKey(key), { record, shard: index });
    }
  }

  #sizes(): number[] {
    const sizes = Array.from(this.#shards, () => 0);
    for (const { shard } of this.#records.values()) sizes[shard] = (sizes[shard] ?? 0) + 1;
    return sizes;
  }

  #shard(index: number): Shard {
    const known = this.#shards[index];
    if (known !== undefined) return known;
    const shard: Shard = { object: undefined, changes: new Map(), sending: undefined, next: undefined };
    this.#shards[index] = shard;
    return shard;
  }

  #change(index: number, key: string, value: string | null): Promise<boolean> {
    const shard = this.#shard(index);
    const parsed = parseKey(key);
    if (parsed === undefined) throw new Error(`not a workload key: ${key}`);
    shard.changes.set(encodeRecordKey(parsed), value);
    shard.next ??= this.#flushNext(index, shard);
    return shard.next;
  }

  async #flushNext(index: number, shard: Shard): Promise<boolean> {
    // Also without a write under way this lets everything of this turn of the event loop join.
    await shard.sending;
    shard.next = undefined;
    shard.sending = this.#flush(index, shard).finally(() => (shard.sending = undefined));
    return shard.sending;
  }

  async #flush(index: number, shard: Shard): Promise<boolean> {
    const changes = new Map(shard.changes);
    shard.changes.clear();
    const data = { ...shard.object?.data };
    for (const [name, value] of changes)
      if (value === null) delete data[name];
      else data[name] = value;
    const result =
      shard.object === undefined
        ? await this.#writer.create(CONFIG_MAPS, this.#compose(index, data))
        : await this.#writer.replace(CONFIG_MAPS, {
            ...shard.object,
            metadata: {
              ...shard.object.metadata,
              annotations: {
                ...shard.object.metadata.annotations,
                [ANNOTATION.term]: String(this.#term.epoch),
              },
            },
            data,
          });
    if (result.kind === 'done') {
      shard.object = result.object;
      return true;
    }
    this.#log.warn('registry not written', { shard: index, result: result.kind });
    // Whoever asked will ask again; the waiting changes stay until a write succeeds.
    for (const [name, value] of changes) if (!shard.changes.has(name)) shard.changes.set(name, value);
    if (result.kind === 'conflict' || result.kind === 'exists') await this.#reread(index, shard);
    return false;
  }

  /** Somebody wrote since we read: an earlier write of ours that was answered late, or a leader before or after us. */
  async #reread(index: number, shard: Shard): Promise<void> {
    const ref = {
      resource: CONFIG_MAPS,
      namespace: this.#options.namespace,
      name: registryName(this.#options.tenant, index),
    };
    const read = await this.#reader.get<RegistryShard>(ref, this.#term.signal);
    if (read.kind === 'gone') shard.object = undefined;
    if (read.kind !== 'done') return;
    shard.object = read.object;
    const writtenIn = Number(read.object.metadata.annotations?.[ANNOTATION.term] ?? 0);
    if (writtenIn > this.#term.epoch) this.#term.demote(writtenIn);
  }

  #compose(index: number, data: Readonly<Record<string, string>>): RegistryShard {
    const { tenant, namespace } = this.#options;
    return {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: registryName(tenant, index),
        namespace,
        labels: { [LABEL.managedBy]: LABEL.managedByValue, [LABEL.tenant]: tenant },
        annotations: { [ANNOTATION.term]: String(this.#term.epoch) },
      },
      data,
    };
  }
}

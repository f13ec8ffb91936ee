/**
 * Writes the status of custom resources: what was decided, for people and tools, and what must be remembered. Only when it
 * changed, and at most one write in flight per resource, because a workload is worked on by one worker at a time. A
 * definition without the status subresource, or a missing right, costs one warning and the status.
 */
import type { WorkloadView } from '../core/projection.ts';
import { present } from '../core/present.ts';
import { viewSchedule } from '../core/reconcile/ledger.ts';
import type { Input, WorkloadRecord } from '../core/reconcile/observed.ts';
import { isCron } from '../core/reconcile/plan.ts';
import { statusPatch } from '../core/reconcile/patches.ts';
import {
  composeShadowed,
  composeStatus,
  encodeStatusRecord,
  isSameStatus,
  readStatus,
  type ResourceStatus,
} from '../core/reconcile/resource-status.ts';
import type { WorkloadResource } from '../core/workload/custom-resource.ts';
import type { ClusterReader } from '../ports/cluster.ts';
import type { Clock, Log } from '../ports/system.ts';
import type { GuardedWriter } from './guarded-writer.ts';
import { refOfResource } from './resource.ts';
import { settleResourceWrite, WRITTEN, type StatusWrite } from './resource-write.ts';
import type { Sources } from './sources.ts';
import type { Term } from './term.ts';

export interface StatusParts {
  readonly term: Term;
  readonly sources: Sources;
  readonly reader: ClusterReader;
  readonly writer: GuardedWriter;
  readonly clock: Clock;
  readonly log: Log;
}

/** The statuses of one term. */
export class StatusWriter {
  readonly #parts: StatusParts;
  /** By uid what was written last: a schema that drops fields must not make every look at the resource a write. */
  readonly #sent = new Map<string, ResourceStatus>();
  /** Kinds of resources whose status cannot be written. */
  readonly #unsupported = new Set<string>();

  constructor(parts: StatusParts) {
    this.#parts = parts;
  }

  /** Shows the decision in the status of the workload's resource, if it has one and the status says something else. */
  async report(key: string, input: Input, view: WorkloadView): Promise<StatusWrite> {
    const known = this.#parts.sources.resource(key);
    if (known === undefined || this.#unsupported.has(known.object.kind ?? '')) return WRITTEN;
    const { object, shadowed } = known;
    const previous = this.#previous(object);
    const about = { generation: object.metadata.generation, term: this.#parts.term.epoch };
    const schedule = isCron(input) ? viewSchedule(input) : undefined;
    const status =
      shadowed === undefined
        ? composeStatus({ ...about, view, input, ...present({ schedule }) }, previous, this.#now())
        : composeShadowed({ ...about, message: shadowed }, previous, this.#now());
    return isSameStatus(previous, status) ? WRITTEN : this.#write(object, status);
  }

  /** Makes the record durable in the status; the rest of the status stays as it is. */
  async remember(object: WorkloadResource, record: WorkloadRecord): Promise<StatusWrite> {
    if (this.#unsupported.has(object.kind ?? '')) return { kind: 'unsupported' };
    const { record: _previous, ...rest } = this.#previous(object);
    const encoded = encodeStatusRecord(record);
    return this.#write(object, { ...rest, ...(encoded === undefined ? {} : { record: encoded }) });
  }

  async #write(object: WorkloadResource, status: ResourceStatus): Promise<StatusWrite> {
    const { writer, sources } = this.#parts;
    const patch = statusPatch(object, status);
    const result = await writer.patch<WorkloadResource>(refOfResource(object), patch, 'status');
    if (result.kind === 'done') {
      this.#sent.set(object.metadata.uid ?? '', status);
      sources.put(result.object);
      return WRITTEN;
    }
    const forbidden = result.kind === 'refused' && result.status === 403;
    if (forbidden) return this.#giveUp(object, result.message);
    if (result.kind === 'gone' && (await this.#exists(object)))
      return this.#giveUp(object, 'the CustomResourceDefinition has no status subresource');
    return settleResourceWrite(result);
  }

  /** Not found may mean the resource, or the subresource alone. */
  async #exists(object: WorkloadResource): Promise<boolean> {
    const { reader, term } = this.#parts;
    const read = await reader.get<WorkloadResource>(refOfResource(object), term.signal);
    return read.kind === 'done' && read.object.metadata.uid === object.metadata.uid;
  }

  #giveUp({ kind = '', metadata }: WorkloadResource, cause: string): StatusWrite {
    if (!this.#unsupported.has(kind))
      this.#parts.log.warn('the status of custom resources cannot be written; they work without', {
        resource: `${kind} ${metadata.namespace}/${metadata.name}`,
        cause,
      });
    this.#unsupported.add(kind);
    return { kind: 'unsupported' };
  }

  #previous(object: WorkloadResource): ResourceStatus {
    return this.#sent.get(object.metadata.uid ?? '') ?? readStatus(object);
  }

  #now(): string {
    return new Date(this.#parts.clock.wall()).toISOString().replace(/\.\d+Z$/, 'Z');
  }
}

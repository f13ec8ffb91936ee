/**
 * Writes that only a valid term may make. The right to act is checked at each write against the clock; the request is
 * bounded by the term's own deadline, so no reply is waited for beyond it; and what is in flight is known, so that the
 * lock is never released while a write of ours may still be under way.
 */
import { boundSignal } from '../ports/bound-signal.ts';
import {
  SERVICES,
  type ClusterWriter,
  type DeletePreconditions,
  type KubeObject,
  type ObjectRef,
  type PatchOperation,
  type Propagation,
  type Resource,
  type WriteResult,
} from '../ports/cluster.ts';
import type { Clock } from '../ports/system.ts';
import { Lane } from './lane.ts';
import type { Term } from './term.ts';

/** `fenced`: not sent, because the term is over or draining. */
export type GuardedResult<T extends KubeObject = KubeObject> = WriteResult<T> | { readonly kind: 'fenced' };

/**
 * Services created at once. The API server gives out their addresses one after the other, some tens a second: of more, each
 * would wait beyond its deadline, be taken back there, and be sent again.
 */
const SERVICES_AT_ONCE = 8;

/** The writes of one term. Not reusable after `drain`. */
export class GuardedWriter {
  readonly #cluster: ClusterWriter;
  readonly #term: Term;
  readonly #clock: Clock;
  readonly #onFenced: () => void;
  readonly #services = new Lane(SERVICES_AT_ONCE);
  readonly #inFlight = new Set<Promise<unknown>>();
  /** Objects whose last write has no known outcome. A later definite answer about the same object settles it. */
  readonly #unsettled = new Set<string>();
  #draining = false;

  /** `onFenced` is told of each write that came after the end of the term and was not sent. */
  constructor(cluster: ClusterWriter, term: Term, clock: Clock, onFenced: () => void = () => {}) {
    this.#cluster = cluster;
    this.#term = term;
    this.#clock = clock;
    this.#onFenced = onFenced;
  }

  create<T extends KubeObject>(resource: Resource, object: T): Promise<GuardedResult<T>> {
    const ref = { resource, namespace: object.metadata.namespace ?? '', name: object.metadata.name };
    const create = (): Promise<GuardedResult<T>> =>
      this.#guard(ref, (signal) => this.#cluster.create(resource, object, signal));
    return resource === SERVICES ? this.#services.run(create) : create();
  }

  replace<T extends KubeObject>(resource: Resource, object: T): Promise<GuardedResult<T>> {
    const ref = { resource, namespace: object.metadata.namespace ?? '', name: object.metadata.name };
    return this.#guard(ref, (signal) => this.#cluster.replace(resource, object, signal));
  }

  patch<T extends KubeObject>(
    ref: ObjectRef,
    operations: readonly PatchOperation[],
    subresource?: 'status',
  ): Promise<GuardedResult<T>> {
    return this.#guard(ref, (signal) => this.#cluster.patch<T>(ref, operations, signal, subresource));
  }

  delete(
    ref: ObjectRef,
    preconditions: DeletePreconditions,
    propagation: Propagation = 'Background',
    grace?: 'none',
  ): Promise<GuardedResult> {
    return this.#guard(ref, (signal) => this.#cluster.delete(ref, preconditions, propagation, signal, grace));
  }

  /**
   * Admits no more writes and waits for the replies of those under way, each up to its own deadline. `clean` is false
   * when the outcome of one stayed unknown: it may yet be applied, so the lock must run out instead of being released.
   */
  async drain(): Promise<{ readonly clean: boolean }> {
    this.#draining = true;
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
    return { clean: this.#unsettled.size === 0 };
  }

  async #guard<T extends KubeObject>(
    ref: ObjectRef,
    send: (signal: AbortSignal) => Promise<WriteResult<T>>,
  ): Promise<GuardedResult<T>> {
    const isValid = this.#term.isValid();
    if (!isValid) this.#onFenced();
    if (this.#draining || !isValid) return { kind: 'fenced' };
    const { signal } = this.#term;
    const bound = boundSignal(
      this.#clock,
      signal,
      this.#term.deadline(),
      'guarded request exceeded its deadline',
    );
    const work = send(bound.signal);
    this.#inFlight.add(work);
    try {
      const result = await work;
      const object = `${ref.resource.plural}/${ref.namespace}/${ref.name}`;
      if (result.kind === 'unknown') this.#unsettled.add(object);
      else if (result.kind !== 'throttled') this.#unsettled.delete(object);
      return result;
    } finally {
      bound.release();
      this.#inFlight.delete(work);
    }
  }
}

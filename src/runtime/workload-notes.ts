/** What one term has to remember per workload between two decisions, and that no object shows. */
import type { Pod } from '../core/manifests/pod.ts';
import type { Foreign, GoRemains, Refusal } from '../core/reconcile/observed.ts';
import type { Duration, Instant } from '../core/time.ts';
import { LABEL } from '../core/workload/names.ts';

const FIRST_RETRY: Duration = 200;
const LONGEST_RETRY: Duration = 30_000;

export class WorkloadNotes {
  readonly #tenant: string;
  readonly #unanswered = new Map<string, string>();
  readonly #foreign = new Map<string, Foreign>();
  readonly #foreignServices = new Map<string, readonly Foreign[]>();
  readonly #remains = new Map<string, GoRemains>();
  /** Since when an object of the Go program has its present spec, by its uid and generation. */
  readonly #seenSince = new Map<string, { readonly version: string; readonly since: Instant }>();
  readonly #refusals = new Map<string, Refusal>();
  readonly #startNotBefore = new Map<string, { readonly hash: string; readonly until: Instant }>();
  readonly #failures = new Map<string, number>();

  constructor(tenant: string) {
    this.#tenant = tenant;
  }

  /** Made by this product for this tenant. A name alone is never a proof of ownership. */
  isOurs({ metadata }: Pick<Pod, 'metadata'>): boolean {
    const labels = metadata.labels ?? {};
    return labels[LABEL.managedBy] === LABEL.managedByValue && labels[LABEL.tenant] === this.#tenant;
  }

  /** A permit was sent and not answered: it may still land. */
  permitUnanswered(key: string, uid: string): void {
    this.#unanswered.set(key, uid);
  }

  /** A compare-and-set on that pod succeeded after the permit was sent. */
  permitSettled(key: string, uid: string): void {
    if (this.#unanswered.get(key) === uid) this.#unanswered.delete(key);
  }

  unansweredPermit(key: string): string | undefined {
    return this.#unanswered.get(key);
  }

  /** An object under our name that is not ours. No watch of ours tells when it goes, so it is looked for again. */
  foreign(key: string, foreign: Foreign): void {
    this.#foreign.set(key, foreign);
  }

  /** A Service under our name that is not ours: it leads clients to the workload as its owner wants. */
  foreignService(key: string, foreign: Foreign): void {
    const others = this.foreignServicesOf(key).filter(({ name }) => name !== foreign.name);
    this.#foreignServices.set(key, [...others, foreign]);
  }

  foreignServicesOf(key: string): readonly Foreign[] {
    return this.#foreignServices.get(key) ?? [];
  }

  /** An object of the Go program under our name, for the next decision. */
  remains(key: string, found: Omit<GoRemains, 'since'>, now: Instant): void {
    const { uid, generation } = found.object.metadata;
    const version = `${uid}/${generation}`;
    const known = this.#seenSince.get(key);
    const since = known?.version === version ? known.since : now;
    this.#seenSince.set(key, { version, since });
    this.#remains.set(key, { ...found, since });
  }

  remainsOf(key: string): GoRemains | undefined {
    return this.#remains.get(key);
  }

  clearRemains(key: string): void {
    this.#remains.delete(key);
  }

  clearForeign(key: string): void {
    this.#foreign.delete(key);
  }

  foreignOf(key: string): Foreign | undefined {
    return this.#foreign.get(key);
  }

  refused(key: string, refusal: Refusal): void {
    this.#refusals.set(key, refusal);
  }

  clearRefusal(key: string): void {
    this.#refusals.delete(key);
  }

  refusal(key: string): Refusal | undefined {
    return this.#refusals.get(key);
  }

  /** No new instance of this template before that time: the last one failed. */
  delayStart(key: string, hash: string, until: Instant): void {
    this.#startNotBefore.set(key, { hash, until });
  }

  /** Somebody asked for a start: the last failure does not delay it. */
  startAtOnce(key: string): void {
    this.#startNotBefore.delete(key);
  }

  /** Undefined for another template than the one that failed: an edit is tried at once. */
  startNotBefore(key: string, hash: string | undefined): Instant | undefined {
    const delay = this.#startNotBefore.get(key);
    return delay?.hash === hash ? delay?.until : undefined;
  }

  /** The workload is gone; another one of its name starts afresh. */
  forget(key: string): void {
    for (const notes of [
      this.#unanswered,
      this.#foreign,
      this.#foreignServices,
      this.#remains,
      this.#seenSince,
      this.#refusals,
      this.#startNotBefore,
      this.#failures,
    ])
      notes.delete(key);
  }

  /** How long to leave a key alone after another failed attempt: 200 ms, doubling, at most 30 s. */
  failed(key: string): Duration {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    return Math.min(FIRST_RETRY * 2 ** failures, LONGEST_RETRY);
  }

  succeeded(key: string): void {
    this.#failures.delete(key);
  }
}

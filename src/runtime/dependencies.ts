/**
 * Which workload waits for which, as one term sees it: who may not start yet, who must be stopped first, and who is to be
 * looked at again when another one has changed. What a workload depends on is remembered as long as it is not forgotten:
 * when it leaves its source it is still stopped before what it depends on.
 */
import type { WorkloadView } from '../core/projection.ts';
import { formatKey, type Workload } from '../core/workload/model.ts';

/** Where the facts come from. */
export interface DependencyFacts {
  /** As the source defines it now; undefined when it does not. */
  readonly desired: (key: string) => Workload | undefined;
  /** As the leader last decided about it. */
  readonly view: (key: string) => WorkloadView | undefined;
  /** It has pods, or had one whose end is not proven. */
  readonly exists: (key: string) => boolean;
}

/** What a workload waits for, and why that is not enough yet. */
export interface Wait {
  readonly key: string;
  readonly cause: string;
}

export class Dependencies {
  readonly #facts: DependencyFacts;
  /** By workload: what it depends on. */
  readonly #needs = new Map<string, readonly string[]>();
  /** By workload: what depends on it. */
  readonly #neededBy = new Map<string, Set<string>>();

  constructor(facts: DependencyFacts) {
    this.#facts = facts;
  }

  /** Takes in what the workload depends on now. An empty list of one that is not wanted any more leaves what was known. */
  learn(key: string, needs: readonly string[]): void {
    for (const need of this.#needs.get(key) ?? []) this.#neededBy.get(need)?.delete(key);
    if (needs.length === 0) this.#needs.delete(key);
    else this.#needs.set(key, needs);
    for (const need of needs) {
      const dependents = this.#neededBy.get(need) ?? new Set<string>();
      this.#neededBy.set(need, dependents.add(key));
    }
  }

  /** Workloads to look at again when this one has become ready, or has gone. */
  around(key: string): readonly string[] {
    return [...(this.#neededBy.get(key) ?? []), ...(this.#needs.get(key) ?? [])];
  }

  /** What keeps the workload from starting. */
  waitsFor(workload: Workload): readonly Wait[] {
    const own = formatKey(workload.key);
    return (this.#needs.get(own) ?? []).flatMap((key) => {
      const cause = this.#obstacle(own, key);
      return cause === undefined ? [] : [{ key, cause }];
    });
  }

  /** What depends on the workload, is not wanted any more either, and is not gone yet. */
  stopsAfter(key: string): readonly string[] {
    return [...(this.#neededBy.get(key) ?? [])].filter(
      (other) => this.#facts.desired(other) === undefined && this.#facts.exists(other),
    );
  }

  #obstacle(own: string, key: string): string | undefined {
    const { desired, view } = this.#facts;
    if (desired(key) === undefined) return 'is not defined anywhere';
    if (this.#leadsTo(key, own)) return `depends on ${own} itself, in a circle`;
    const { active, healthy, reason } = view(key) ?? {
      active: false,
      healthy: false,
      reason: 'not known yet',
    };
    const isReady = healthy && (active || reason === 'Completed');
    return isReady ? undefined : `is not ready: ${reason}`;
  }

  #leadsTo(from: string, to: string): boolean {
    const seen = new Set([from]);
    for (const key of seen) {
      if (key === to) return true;
      for (const need of this.#needs.get(key) ?? []) seen.add(need);
    }
    return false;
  }
}

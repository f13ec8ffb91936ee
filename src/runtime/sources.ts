/** What should run, by workload key. Today the configuration file; custom resources merge in here. */
import { formatKey, type Workload } from '../core/workload/model.ts';

export class Sources {
  readonly #desired: ReadonlyMap<string, Workload>;

  constructor(workloads: readonly Workload[]) {
    this.#desired = new Map(workloads.map((workload) => [formatKey(workload.key), workload]));
  }

  keys(): Iterable<string> {
    return this.#desired.keys();
  }

  get(key: string): Workload | undefined {
    return this.#desired.get(key);
  }
}

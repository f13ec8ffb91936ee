/** What one tenant counts, observes and shows, with a bound on the workloads that have series of their own. */
import {
  PER_WORKLOAD_LIMIT,
  type CounterName,
  type GaugeName,
  type HistogramName,
  type MetricName,
} from './catalogue.ts';
import type { Exposition, Labels, SetGauge } from './exposition.ts';

export type { Labels, SetGauge } from './exposition.ts';

/** The workload a series is about, as labels. */
export interface WorkloadLabels {
  readonly [label: string]: string;
  readonly type: string;
  readonly name: string;
  readonly namespace: string;
}

export class Instruments {
  readonly #exposition: Exposition;
  readonly #tenant: string;
  /** Series of counters and histograms by workload, to be removed with it. */
  readonly #owned = new Map<string, Map<string, () => void>>();
  /** Workloads that are gone; their series stay until another workload needs the room. */
  readonly #retired = new Set<string>();
  readonly #limit: number;

  constructor(exposition: Exposition, tenant: string, limit = PER_WORKLOAD_LIMIT) {
    this.#exposition = exposition;
    this.#tenant = tenant;
    this.#limit = limit;
    exposition.begin(tenant);
  }

  count(name: CounterName, labels: Labels = {}, by = 1): void {
    this.#exposition.add(name, this.#with(name, labels), by);
  }

  observe(name: HistogramName, value: number, labels: Labels = {}): void {
    this.#exposition.add(name, this.#with(name, labels), value);
  }

  /** Counts or observes for one workload, unless too many others have series already. */
  record(name: CounterName | HistogramName, workload: WorkloadLabels, more: Labels = {}, value = 1): void {
    const owned = this.#admit(workload);
    if (owned === undefined) return;
    const labels = this.#with(name, { ...workload, ...more });
    this.#exposition.add(name, labels, value);
    const series = `${name}${JSON.stringify(more)}`;
    if (!owned.has(series)) owned.set(series, () => this.#exposition.remove(name, labels));
  }

  /** The workload is gone. */
  retire(workload: WorkloadLabels): void {
    this.#retired.add(keyOf(workload));
  }

  /** A metric that is read when it is rendered: `read` sets every series that this tenant has. */
  gauge(name: GaugeName, read: (set: SetGauge) => void): void {
    this.#exposition.gauge(name, (set) => read((value, labels = {}) => set(value, this.#with(name, labels))));
  }

  #with(name: MetricName, labels: Labels): Labels {
    return { ...labels, ...this.#exposition.tenantLabels(name, this.#tenant) };
  }

  #admit(workload: WorkloadLabels): Map<string, () => void> | undefined {
    const key = keyOf(workload);
    this.#retired.delete(key);
    const known = this.#owned.get(key);
    if (known !== undefined) return known;
    if (this.#owned.size >= this.#limit) {
      const [oldest] = this.#retired;
      if (oldest === undefined) return undefined;
      for (const remove of this.#owned.get(oldest)?.values() ?? []) remove();
      this.#owned.delete(oldest);
      this.#retired.delete(oldest);
    }
    const series = new Map<string, () => void>();
    this.#owned.set(key, series);
    return series;
  }
}

function keyOf({ type, namespace, name }: WorkloadLabels): string {
  return `${type}/${namespace}/${name}`;
}

/** The metrics of the catalogue as instruments to count, observe and render with; the only user of the client library. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import {
  CATALOGUE,
  PER_WORKLOAD_LIMIT,
  PREFIX,
  type CounterName,
  type GaugeName,
  type HistogramName,
  type MetricName,
  type MetricSpec,
} from './catalogue.ts';

export type Labels = Readonly<Record<string, string>>;

/** Sets one series of a gauge. */
export type SetGauge = (value: number, labels?: Labels) => void;

interface Instrument {
  add(labels: Labels, value: number): void;
  remove(labels: Labels): void;
}

/** The workload a series is about, as labels. */
export interface WorkloadLabels {
  readonly [label: string]: string;
  readonly type: string;
  readonly name: string;
  readonly namespace: string;
}

export class Instruments {
  readonly #registry = new Registry();
  readonly #instruments = new Map<MetricName, readonly Instrument[]>();
  readonly #aliases: boolean;
  /** Series of counters and histograms by workload, to be removed with it. */
  readonly #owned = new Map<string, Map<string, () => void>>();
  /** Workloads that are gone; their series stay until another workload needs the room. */
  readonly #retired = new Set<string>();
  readonly #limit: number;

  /** `store`: the kind of the lock store, which decides on the aliases. */
  constructor(store: string, limit = PER_WORKLOAD_LIMIT) {
    this.#aliases = store === 'redis';
    this.#limit = limit;
    for (const name of names()) {
      const spec: MetricSpec = CATALOGUE[name];
      if (spec.type === 'gauge' || spec.bare === true) continue;
      this.#instruments.set(
        name,
        this.#fullNames(name).map((fullName) => this.#create(fullName, spec)),
      );
    }
  }

  count(name: CounterName, labels: Labels = {}, by = 1): void {
    for (const instrument of this.#instruments.get(name) ?? []) instrument.add(labels, by);
  }

  observe(name: HistogramName, value: number, labels: Labels = {}): void {
    for (const instrument of this.#instruments.get(name) ?? []) instrument.add(labels, value);
  }

  /** Counts or observes for one workload, unless too many others have series already. */
  record(name: CounterName | HistogramName, workload: WorkloadLabels, more: Labels = {}, value = 1): void {
    const owned = this.#admit(workload);
    if (owned === undefined) return;
    const labels = { ...workload, ...more };
    for (const instrument of this.#instruments.get(name) ?? []) {
      instrument.add(labels, value);
      const series = `${name}${JSON.stringify(more)}`;
      if (!owned.has(series)) owned.set(series, () => this.#remove(name, labels));
    }
  }

  /** The workload is gone. */
  retire(workload: WorkloadLabels): void {
    this.#retired.add(keyOf(workload));
  }

  /** A metric that is read when it is rendered: `read` sets every series it has. */
  gauge(name: GaugeName | 'process_cpu_seconds_total', read: (set: SetGauge) => void): void {
    const { help, labels = [], type }: MetricSpec = CATALOGUE[name];
    for (const fullName of this.#fullNames(name)) {
      const options = { name: fullName, help, labelNames: [...labels], registers: [] };
      const metric =
        type === 'gauge'
          ? new Gauge({
              ...options,
              collect() {
                this.reset();
                // Without labels, reset leaves a 0 behind: a value that is not known must leave nothing.
                if (labels.length === 0) this.remove({});
                read((value, on = {}) => this.set(on, value));
              },
            })
          : new Counter({
              ...options,
              collect() {
                this.reset();
                read((value, on = {}) => this.inc(on, value));
              },
            });
      this.#registry.registerMetric(metric);
    }
  }

  /** The text exposition format (version 0.0.4) and its content type. */
  async render(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
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

  #remove(name: MetricName, labels: Labels): void {
    for (const instrument of this.#instruments.get(name) ?? []) instrument.remove(labels);
  }

  #fullNames(name: MetricName): readonly string[] {
    const { bare, redisAlias }: MetricSpec = CATALOGUE[name];
    const fullName = bare === true ? name : PREFIX + name;
    return redisAlias !== undefined && this.#aliases ? [fullName, PREFIX + redisAlias] : [fullName];
  }

  #create(name: string, { type, help, labels = [], buckets = [] }: MetricSpec): Instrument {
    const options = { name, help, labelNames: [...labels], registers: [this.#registry] };
    if (type === 'counter') {
      const counter = new Counter(options);
      return {
        add: (on, by) => counter.inc(on, by),
        remove: (on) => counter.remove(on),
      };
    }
    const histogram = new Histogram({ ...options, buckets: [...buckets] });
    return {
      add: (on, value) => histogram.observe(on, value),
      remove: (on) => histogram.remove(on),
    };
  }
}

function names(): readonly MetricName[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of a constant
  return Object.keys(CATALOGUE) as MetricName[];
}

function keyOf({ type, namespace, name }: WorkloadLabels): string {
  return `${type}/${namespace}/${name}`;
}

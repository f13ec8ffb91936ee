/** All series of this process under the names of the catalogue, and their text; the only user of the client library. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import {
  CATALOGUE,
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
  zero(labels: Labels): void;
  add(labels: Labels, value: number): void;
  remove(labels: Labels): void;
}

/** A text in the exposition format, and its content type. */
export interface Rendered {
  readonly contentType: string;
  readonly body: string;
}

export class Exposition {
  readonly #registry = new Registry();
  readonly #instruments = new Map<MetricName, readonly Instrument[]>();
  /** Who sets the series of each metric that is read when it is rendered. */
  readonly #readers = new Map<MetricName, ((set: SetGauge) => void)[]>();
  readonly #aliases: boolean;
  readonly #severalTenants: boolean;

  /**
   * `store`: the kind of the lock store, which decides on the aliases. `severalTenants`: every metric that is not about
   * the process as a whole carries the label `tenant`.
   */
  constructor(store: string, severalTenants = false) {
    this.#aliases = store === 'redis';
    this.#severalTenants = severalTenants;
    for (const name of names()) {
      const spec: MetricSpec = CATALOGUE[name];
      if (spec.type === 'gauge' || spec.bare === true) continue;
      this.#instruments.set(
        name,
        this.#fullNames(name).map((fullName) => this.#create(name, fullName)),
      );
    }
  }

  /** Counters and histograms that need no other label begin at zero for this tenant, as those without any label do. */
  begin(tenant: string): void {
    for (const [name, instruments] of this.#instruments) {
      const { labels = [] }: MetricSpec = CATALOGUE[name];
      if (labels.length === 0 && this.#carriesTenant(name))
        for (const instrument of instruments) instrument.zero({ tenant });
    }
  }

  /** What to add to the labels of a metric's series for this tenant. */
  tenantLabels(name: MetricName, tenant: string): Labels {
    return this.#carriesTenant(name) ? { tenant } : {};
  }

  /** Counts, or observes for a histogram. */
  add(name: CounterName | HistogramName, labels: Labels, value: number): void {
    for (const instrument of this.#instruments.get(name) ?? []) instrument.add(labels, value);
  }

  remove(name: MetricName, labels: Labels): void {
    for (const instrument of this.#instruments.get(name) ?? []) instrument.remove(labels);
  }

  /** A metric that is read when it is rendered: its readers together set every series it has. */
  gauge(name: GaugeName | 'process_cpu_seconds_total', read: (set: SetGauge) => void): void {
    const known = this.#readers.get(name);
    if (known !== undefined) {
      known.push(read);
      return;
    }
    const readers = [read];
    this.#readers.set(name, readers);
    const labels = this.#labelsOf(name);
    const { help, type }: MetricSpec = CATALOGUE[name];
    for (const fullName of this.#fullNames(name)) {
      const options = { name: fullName, help, labelNames: labels, registers: [] };
      const metric =
        type === 'gauge'
          ? new Gauge({
              ...options,
              collect() {
                this.reset();
                // Without labels, reset leaves a 0 behind: a value that is not known must leave nothing.
                if (labels.length === 0) this.remove({});
                for (const one of readers) one((value, on = {}) => this.set(on, value));
              },
            })
          : new Counter({
              ...options,
              collect() {
                this.reset();
                for (const one of readers) one((value, on = {}) => this.inc(on, value));
              },
            });
      this.#registry.registerMetric(metric);
    }
  }

  /** The text exposition format (version 0.0.4). */
  async render(): Promise<Rendered> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #carriesTenant(name: MetricName): boolean {
    const { labels = [], ofProcess }: MetricSpec = CATALOGUE[name];
    return this.#severalTenants && ofProcess !== true && !labels.includes('tenant');
  }

  #labelsOf(name: MetricName): string[] {
    const { labels = [] }: MetricSpec = CATALOGUE[name];
    return this.#carriesTenant(name) ? [...labels, 'tenant'] : [...labels];
  }

  #fullNames(name: MetricName): readonly string[] {
    const { bare, redisAlias }: MetricSpec = CATALOGUE[name];
    const fullName = bare === true ? name : PREFIX + name;
    return redisAlias !== undefined && this.#aliases ? [fullName, PREFIX + redisAlias] : [fullName];
  }

  #create(name: MetricName, fullName: string): Instrument {
    const { type, help, buckets = [] }: MetricSpec = CATALOGUE[name];
    const options = {
      name: fullName,
      help,
      labelNames: this.#labelsOf(name),
      registers: [this.#registry],
    };
    if (type === 'counter') {
      const counter = new Counter(options);
      return {
        zero: (on) => counter.inc(on, 0),
        add: (on, by) => counter.inc(on, by),
        remove: (on) => counter.remove(on),
      };
    }
    const histogram = new Histogram({ ...options, buckets: [...buckets] });
    return {
      zero: (on) => histogram.zero(on),
      add: (on, value) => histogram.observe(on, value),
      remove: (on) => histogram.remove(on),
    };
  }
}

function names(): readonly MetricName[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of a constant
  return Object.keys(CATALOGUE) as MetricName[];
}

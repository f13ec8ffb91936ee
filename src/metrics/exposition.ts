/**
 * All series of this process under the names of the catalogue, and their text. The text of thousands of series is made in
 * turns of the event loop, so that a scrape never keeps the renewal of a lock waiting.
 */
import { setImmediate } from 'node:timers/promises';
import { Counter, Gauge, Registry } from 'prom-client';
import {
  CATALOGUE,
  PREFIX,
  type CounterName,
  type GaugeName,
  type HistogramName,
  type MetricName,
  type MetricSpec,
} from './catalogue.ts';
import { StoredFamily } from './stored-family.ts';

export type Labels = Readonly<Record<string, string>>;

/** Sets one series of a gauge. */
export type SetGauge = (value: number, labels?: Labels) => void;

/** A text in the exposition format, and its content type. */
export interface Rendered {
  readonly contentType: string;
  readonly body: string;
}

/** How many lines are made in one turn of the event loop: about a millisecond. */
const LINES_PER_TURN = 1000;
/** About that of one line, in characters. */
const LINE_LENGTH = 80;

export class Exposition {
  /** The metrics that are read when they are rendered. */
  readonly #registry = new Registry();
  /** The metrics that are counted or observed. */
  readonly #stored = new Map<MetricName, readonly StoredFamily[]>();
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
      const labels = this.#labelsOf(name);
      this.#stored.set(
        name,
        this.#fullNames(name).map((fullName) => new StoredFamily(fullName, labels, spec)),
      );
    }
  }

  /** Counters and histograms that need no other label begin at zero for this tenant, as those without any label do. */
  begin(tenant: string): void {
    for (const [name, families] of this.#stored) {
      const { labels = [] }: MetricSpec = CATALOGUE[name];
      if (labels.length === 0 && this.#carriesTenant(name))
        for (const family of families) family.begin({ tenant });
    }
  }

  /** What to add to the labels of a metric's series for this tenant. */
  tenantLabels(name: MetricName, tenant: string): Labels {
    return this.#carriesTenant(name) ? { tenant } : {};
  }

  /** Counts, or observes for a histogram. */
  add(name: CounterName | HistogramName, labels: Labels, value: number): void {
    for (const family of this.#stored.get(name) ?? []) family.add(labels, value);
  }

  remove(name: MetricName, labels: Labels): void {
    for (const family of this.#stored.get(name) ?? []) family.remove(labels);
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

  /** The text exposition format (version 0.0.4). Each series is of one moment, all of them together are not. */
  async render(): Promise<Rendered> {
    let lines = 0;
    const made = async (count: number): Promise<void> => {
      lines += count;
      if (lines < LINES_PER_TURN) return;
      lines = 0;
      await setImmediate();
    };
    const texts: string[] = [];
    for (const families of this.#stored.values())
      for (const family of families) {
        await family.render(texts, made);
        texts.push('');
      }
    for (const { name } of this.#registry.getMetricsAsArray()) {
      const text = await this.#registry.getSingleMetricAsString(name);
      texts.push(text, '');
      await made(Math.ceil(text.length / LINE_LENGTH));
    }
    // The last part is empty, so that the last line ends.
    const body = texts.join('\n');
    // Joining megabytes and sending them are a turn each.
    await setImmediate();
    return { contentType: this.#registry.contentType, body };
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
}

function names(): readonly MetricName[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of a constant
  return Object.keys(CATALOGUE) as MetricName[];
}

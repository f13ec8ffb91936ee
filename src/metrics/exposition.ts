/**
 * All series of this process under the names of the catalogue, and their text.
 */
import { setImmediate } from 'node:timers/promises';
import {
  CATALOGUE,
  PREFIX,
  type CounterName,
  type GaugeName,
  type HistogramName,
  type MetricName,
  type MetricSpec,
} from './catalogue.ts';
import { ReadFamily, type Reader } from './read-family.ts';
import { StoredFamily } from './stored-family.ts';
import { TurnedText } from './turned-text.ts';

export type { SetGauge } from './read-family.ts';

export type Labels = Readonly<Record<string, string>>;

/** A text in the exposition format, and its content type. */
export interface Rendered {
  readonly contentType: string;
  readonly body: Buffer;
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/ */
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export class Exposition {
  /** The metrics that are read when they are rendered. */
  readonly #read: ReadFamily[] = [];
  /** The metrics that are counted or observed. */
  readonly #stored = new Map<MetricName, readonly StoredFamily[]>();
  /** Who sets the series of each metric that is read when it is rendered. */
  readonly #readers = new Map<MetricName, Reader[]>();
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
  gauge(name: GaugeName | 'process_cpu_seconds_total', read: Reader): void {
    const known = this.#readers.get(name);
    if (known !== undefined) {
      known.push(read);
      return;
    }
    const readers = [read];
    this.#readers.set(name, readers);
    const labels = this.#labelsOf(name);
    for (const fullName of this.#fullNames(name))
      this.#read.push(new ReadFamily(fullName, labels, CATALOGUE[name], readers));
  }

  /** The text exposition format (version 0.0.4). Each series is of one moment, all of them together are not. */
  async render(): Promise<Rendered> {
    const text = new TurnedText();
    for (const families of this.#stored.values()) for (const family of families) await family.render(text);
    for (const family of this.#read) await family.render(text);
    const body = await text.finish();
    // Putting megabytes together and sending them are a turn each.
    await setImmediate();
    return { contentType: CONTENT_TYPE, body };
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

/**
 * One series of a counter or a histogram (there, all its lines). The client library keeps the values; the text is kept
 * here until they change, because most series stay as they are between two scrapes.
 */
import { Counter, Histogram } from 'prom-client';
import type { MetricSpec } from './catalogue.ts';

export class Series {
  readonly #metric: Counter | Histogram;
  readonly #name: string;
  readonly #labels: string;
  #text = '';
  #isCurrent = false;

  /** `labels`: as they stand between the braces; empty for none. */
  constructor(name: string, labels: string, { type, help, buckets = [] }: MetricSpec) {
    const options = { name, help, registers: [] };
    this.#metric =
      type === 'counter' ? new Counter(options) : new Histogram({ ...options, buckets: [...buckets] });
    this.#name = name;
    this.#labels = labels;
  }

  /** Whether `render` answers without work. */
  get isCurrent(): boolean {
    return this.#isCurrent;
  }

  /** Counts, or observes for a histogram. */
  add(value: number): void {
    this.#isCurrent = false;
    if (this.#metric instanceof Counter) this.#metric.inc(value);
    else this.#metric.observe(value);
  }

  /** Its lines, without a line end after the last one. */
  async render(): Promise<string> {
    if (this.#isCurrent) return this.#text;
    // Before the values are read: what is added while they are on their way makes them old again.
    this.#isCurrent = true;
    const lines: string[] = [];
    if (this.#metric instanceof Counter)
      for (const { value } of (await this.#metric.get()).values) lines.push(this.#line(this.#name, value));
    else
      for (const { value, labels, metricName = this.#name } of (await this.#metric.get()).values)
        lines.push(this.#line(metricName, value, labels['le']));
    this.#text = lines.join('\n');
    return this.#text;
  }

  #line(name: string, value: number, le?: string | number): string {
    if (le === undefined)
      return this.#labels === '' ? `${name} ${value}` : `${name}{${this.#labels}} ${value}`;
    return this.#labels === ''
      ? `${name}{le="${le}"} ${value}`
      : `${name}{le="${le}",${this.#labels}} ${value}`;
  }
}

/** Labels as they stand between the braces, in the order of `names`. @throws for a label that is not among them. */
export function formatLabels(names: readonly string[], labels: Readonly<Record<string, string>>): string {
  const parts: string[] = [];
  for (const name of names) {
    const value = labels[name];
    if (value !== undefined) parts.push(`${name}="${escapeValue(value)}"`);
  }
  if (parts.length < Object.keys(labels).length)
    throw new Error(`labels ${Object.keys(labels).join(', ')} where there are ${names.join(', ')}`);
  return parts.join(',');
}

function escapeValue(value: string): string {
  return /["\\\n]/.test(value)
    ? value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
    : value;
}

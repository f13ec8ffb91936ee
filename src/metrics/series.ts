/**
 * One series of a counter or a histogram (there, all its lines). The client library keeps the values; the text is kept
 * here until they change, because most series stay as they are between two scrapes. Of that library only these two files are
 * loaded: its index also loads what measures a process by itself, which is 18 MiB of every process.
 */
import Counter from 'prom-client/lib/counter.js';
import Histogram from 'prom-client/lib/histogram.js';
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

  /** Its lines as they were made last, without a line end after the last one; to be asked for while it `isCurrent`. */
  get text(): string {
    return this.#text;
  }

  /** Makes its lines. */
  async render(): Promise<string> {
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
    const bucket = le === undefined ? '' : `le="${le}"${this.#labels === '' ? '' : ','}`;
    const inside = `${bucket}${this.#labels}`;
    return `${name}${inside === '' ? '' : `{${inside}}`} ${formatValue(value)}`;
  }
}

/** The lines before the series of a family. */
export function formatHead(name: string, { help, type }: MetricSpec): string {
  const escaped = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return `# HELP ${name} ${escaped}\n# TYPE ${name} ${type}`;
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/ */
export function formatValue(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
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

/** A counter or histogram under one name, with all its series in the order in which they began. */
import type { MetricSpec } from './catalogue.ts';
import { formatHead, formatLabels, Series } from './series.ts';
import type { TurnedText } from './turned-text.ts';

export class StoredFamily {
  readonly #name: string;
  readonly #labelNames: readonly string[];
  readonly #spec: MetricSpec;
  /** Lines of one series. */
  readonly #lines: number;
  /** By the text of their labels. */
  readonly #series = new Map<string, Series>();

  /** Without labels there is one series, which begins at zero; with labels there is none yet. */
  constructor(name: string, labelNames: readonly string[], spec: MetricSpec) {
    this.#name = name;
    this.#labelNames = labelNames;
    this.#spec = spec;
    this.#lines = spec.type === 'histogram' ? (spec.buckets?.length ?? 0) + 3 : 1;
    if (labelNames.length === 0) this.begin({});
  }

  /** The series is there, at zero if it was not before. */
  begin(labels: Readonly<Record<string, string>>): Series {
    const text = formatLabels(this.#labelNames, labels);
    let series = this.#series.get(text);
    if (series === undefined) this.#series.set(text, (series = new Series(this.#name, text, this.#spec)));
    return series;
  }

  /** Counts, or observes for a histogram. */
  add(labels: Readonly<Record<string, string>>, value: number): void {
    this.begin(labels).add(value);
  }

  remove(labels: Readonly<Record<string, string>>): void {
    this.#series.delete(formatLabels(this.#labelNames, labels));
  }

  async render(out: TurnedText): Promise<void> {
    let turn = out.add(formatHead(this.#name, this.#spec), 2);
    for (const series of this.#series.values()) {
      if (turn !== undefined) await turn;
      turn = series.isCurrent
        ? out.addReady(series.text, this.#lines)
        : out.add(await series.render(), this.#lines);
    }
    await out.add('', 1);
  }
}

/** A metric that is read when it is rendered, under one name: its readers together set every series it has. */
import type { MetricSpec } from './catalogue.ts';
import { formatHead, formatLabels, formatValue } from './series.ts';
import type { TurnedText } from './turned-text.ts';

/** Sets one series. */
export type SetGauge = (value: number, labels?: Readonly<Record<string, string>>) => void;

export type Reader = (set: SetGauge) => void;

export class ReadFamily {
  readonly #name: string;
  readonly #labelNames: readonly string[];
  readonly #head: string;
  readonly #readers: readonly Reader[];

  /** `readers`: more may be added to it later. What is not known has no series. */
  constructor(name: string, labelNames: readonly string[], spec: MetricSpec, readers: readonly Reader[]) {
    this.#name = name;
    this.#labelNames = labelNames;
    this.#head = formatHead(name, spec);
    this.#readers = readers;
  }

  async render(out: TurnedText): Promise<void> {
    const lines = [this.#head];
    for (const read of this.#readers)
      read((value, labels = {}) => {
        const inside = formatLabels(this.#labelNames, labels);
        lines.push(`${this.#name}${inside === '' ? '' : `{${inside}}`} ${formatValue(value)}`);
      });
    lines.push('');
    const turn = out.add(lines.join('\n'), lines.length);
    if (turn !== undefined) await turn;
  }
}

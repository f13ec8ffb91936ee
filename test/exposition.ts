/**
 * The Prometheus text format (version 0.0.4), read strictly: what a scraper forgives, this does not.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/;

/** Families by name. @throws naming the line that breaks a rule. */
export function parseExposition(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, { type: string; help: string; samples: Sample[] }>();
  const series = new Set<string>();
  let help: { readonly name: string; readonly text: string } | undefined;
  let family: { readonly name: string; readonly type: string; readonly samples: Sample[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const refuse = (why: string): never => {
      throw new Error(`line ${index + 1}: ${why}: ${line}`);
    };
    if (line === '') continue;
    const [mark, keyword, name = '', ...rest] = line.split(' ');
    if (mark === '#' && keyword === 'HELP') {
      if (families.has(name)) refuse('a second family of this name');
      help = { name, text: rest.join(' ') };
    } else if (mark === '#' && keyword === 'TYPE') {
      if (help?.name !== name) refuse('TYPE does not follow its HELP');
      if (!NAME.test(name)) refuse('not a name');
      const type = rest.join(' ');
      if (!['counter', 'gauge', 'histogram'].includes(type)) refuse('not a type');
      if (type === 'counter' && !name.endsWith('_total')) refuse('a counter ends in _total');
      if (type !== 'counter' && name.endsWith('_total')) refuse('only a counter ends in _total');
      family = { name, type, samples: [] };
      families.set(name, { type, help: help?.text ?? '', samples: family.samples });
    } else if (mark === '#') refuse('neither HELP nor TYPE');
    else {
      const sample = parseSample(line) ?? refuse('not a sample');
      const base =
        family?.type === 'histogram' ? sample.name.replace(/_(bucket|sum|count)$/, '') : sample.name;
      if (family === undefined || base !== family.name) refuse('a sample outside its family');
      const id = `${sample.name}${idOf(sample.labels)}`;
      if (series.has(id)) refuse('a series twice');
      series.add(id);
      family?.samples.push(sample);
    }
  }
  for (const [name, { type, samples }] of families) if (type === 'histogram') checkHistogram(name, samples);
  return families;
}

function parseSample(line: string): Sample | undefined {
  const [, name, inside = '', text = ''] = SAMPLE.exec(line) ?? [];
  if (name === undefined) return undefined;
  const labels: Record<string, string> = {};
  for (let rest = inside; rest !== '';) {
    const [whole = '', label = '', value = ''] = LABEL.exec(rest) ?? [];
    if (whole === '' || label in labels) return undefined;
    labels[label] = value;
    rest = rest.slice(whole.length);
  }
  const value = text === '+Inf' ? Infinity : Number(text);
  return Number.isNaN(value) ? undefined : { name, labels, value };
}

/** The same for equal labels in any order. */
function idOf(labels: Sample['labels']): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return `{${pairs.toSorted().join(',')}}`;
}

/** Buckets rise, end with +Inf, and agree with the count. */
function checkHistogram(name: string, samples: readonly Sample[]): void {
  const byLabels = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels;
    const id = idOf(labels);
    byLabels.set(id, [...(byLabels.get(id) ?? []), sample]);
  }
  for (const [labels, group] of byLabels) {
    const buckets = group.filter((sample) => sample.name === `${name}_bucket`);
    const counts = buckets.map(({ value }) => value);
    const count = group.find((sample) => sample.name === `${name}_count`)?.value;
    const rises = counts.every((value, index) => value >= (counts[index - 1] ?? 0));
    const last = buckets.at(-1);
    if (!rises || last?.labels['le'] !== '+Inf' || last.value !== count)
      throw new Error(`the buckets of ${name}${labels} do not add up`);
    if (!group.some((sample) => sample.name === `${name}_sum`))
      throw new Error(`${name}${labels} has no sum`);
  }
}

/** The sum of a family's values over the series that carry these labels; 0 when there is none. */
export function sumOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const family = name.replace(/_(bucket|sum|count)$/, '');
  return [...(families.get(name)?.samples ?? families.get(family)?.samples ?? [])]
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

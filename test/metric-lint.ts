/**
 * The rules of `promtool check metrics` over families that were read already, for where there is no Go to build it with
 * (https://prometheus.io/docs/practices/naming/, https://prometheus.io/docs/instrumenting/writing_exporters/).
 */
import type { Family } from './exposition.ts';

/** Units that have a base unit. */
const NOT_BASE =
  /(?:^|_)(?:milliseconds?|microseconds?|nanoseconds?|minutes?|hours?|days?|weeks?|bits?|kilobytes?|kibibytes?|megabytes?|mebibytes?|gigabytes?|gibibytes?|percent(?:age)?|celsius_degrees|ms|us|ns|sec|secs|kb|kib|mb|mib|gb|gib)(?:_|$)/;
const TYPE_IN_NAME = /(?:^|_)(?:counter|gauge|histogram|summary|untyped)(?:_|$)/;
const SNAKE = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/;

/** What is wrong with each of them, as `name: fault`. That they are well formed is not looked at. */
export function lintMetrics(families: ReadonlyMap<string, Family>): readonly string[] {
  const faults: string[] = [];
  for (const [name, { type, help, samples }] of families) {
    const fault = (text: string): void => void faults.push(`${name}: ${text}`);
    if (help.trim() === '') fault('no help');
    if (!SNAKE.test(name)) fault('not snake case');
    if (NOT_BASE.test(name)) fault('not a base unit');
    if (TYPE_IN_NAME.test(name)) fault('the type in the name');
    if ((type === 'counter') !== name.endsWith('_total'))
      fault('_total is for counters, and for all of them');
    if (type !== 'histogram' && /_(?:count|sum|bucket)$/.test(name)) fault('a suffix of histograms');
    const labels = new Set(samples.flatMap((sample) => Object.keys(sample.labels)));
    for (const label of labels) {
      if (!SNAKE.test(label)) fault(`label ${label} is not snake case`);
      if ((label === 'le' && type !== 'histogram') || label === 'quantile')
        fault(`label ${label} is reserved`);
    }
  }
  return faults;
}

import { Counter, Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { parseExposition, sumOf } from '../../test/exposition.ts';
import { CATALOGUE, PREFIX, type MetricSpec } from './catalogue.ts';
import { Exposition, type Labels, type Rendered } from './exposition.ts';

const STARTUP = 'workload_startup_duration_seconds';
const OPERATIONS = 'workload_operations_total';

const workload = (name: string): Labels => ({ type: 'process', name, namespace: 'default' });

/** The part of the text that is about one metric. */
function partOf(body: string, name: string): string | undefined {
  return body.split('\n\n').find((part) => part.startsWith(`# HELP ${PREFIX}${name} `));
}

it('writes what the client library would write of the same values', async () => {
  const ours = new Exposition('lease');
  const registry = new Registry();
  const optionsOf = (name: keyof typeof CATALOGUE) => {
    const { help, labels = [], buckets = [] }: MetricSpec = CATALOGUE[name];
    const shared = { name: PREFIX + name, help, labelNames: labels, registers: [registry] };
    return { ...shared, buckets: [...buckets] };
  };
  const histogram = new Histogram(optionsOf(STARTUP));
  const counter = new Counter(optionsOf(OPERATIONS));
  const bare = new Counter(optionsOf('leadership_losses_total'));
  for (const name of ['plain', 'a "quoted" one', 'back\\slash', 'two\nlines'])
    for (const value of [0.05, 0.3, 7, 1e9, 1e-9]) {
      const operation = 'startup';
      histogram.observe(workload(name), value);
      ours.add(STARTUP, workload(name), value);
      counter.inc({ ...workload(name), operation }, value);
      ours.add(OPERATIONS, { ...workload(name), operation }, value);
    }
  bare.inc(0);
  const { body, contentType } = await ours.render();
  expect(contentType).toBe(registry.contentType);
  for (const name of [STARTUP, OPERATIONS, 'leadership_losses_total'])
    expect(partOf(String(body), name)).toBe(
      (await registry.getSingleMetricAsString(PREFIX + name)).trimEnd(),
    );
});

it('shows each change in the next text, also one that came while a text was made', async () => {
  const exposition = new Exposition('lease');
  const count = async (text: Promise<Rendered>): Promise<number> =>
    sumOf(parseExposition(String((await text).body)), `${PREFIX}${STARTUP}_count`, workload('a'));
  exposition.add(STARTUP, workload('a'), 1);
  expect(await count(exposition.render())).toBe(1);
  exposition.add(STARTUP, workload('a'), 1);
  const during = exposition.render();
  exposition.add(STARTUP, workload('a'), 1);
  await Promise.resolve();
  exposition.add(STARTUP, workload('a'), 1);
  await during;
  expect(await count(exposition.render())).toBe(4);
  exposition.remove(STARTUP, workload('a'));
  expect(partOf(String((await exposition.render()).body), STARTUP)?.split('\n')).toHaveLength(2);
});

it('lets other work have its turn while the text of many series is made', async () => {
  const exposition = new Exposition('lease');
  for (let number = 0; number < 1000; number++) exposition.add(STARTUP, workload(`w-${number}`), 1);
  exposition.gauge('workload_ready', (set) => {
    for (let number = 0; number < 1000; number++) set(1, workload(`w-${number}`));
  });
  const turnsOf = async (): Promise<number> => {
    let turns = 0;
    let isOver = false;
    const turn = (): void => {
      turns += 1;
      if (!isOver) setImmediate(turn);
    };
    setImmediate(turn);
    await exposition.render();
    isOver = true;
    return turns;
  };
  // 13 lines each, made a few hundred at a time.
  expect(await turnsOf()).toBeGreaterThanOrEqual(40);
  // Made already: put together in a few turns, not in one.
  expect(await turnsOf()).toBeGreaterThanOrEqual(4);
});

it('refuses a label that the metric does not have', () => {
  const exposition = new Exposition('lease');
  expect(() => exposition.add(STARTUP, { ...workload('a'), color: 'red' }, 1)).toThrow('color');
});

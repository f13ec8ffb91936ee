/** The result of a run, as the page of the documentation. */

export interface Blow {
  readonly fault: string;
  readonly workload: string;
  /** From the end of the harm until everything was as it should be. */
  readonly backMs: number;
}

export interface Outcome {
  readonly seed: number;
  readonly blows: readonly Blow[];
  readonly starts: readonly { readonly name: string; readonly starts: number }[];
  /** Overlaps, old terms that wrote, and what did not come back. */
  readonly failures: readonly string[];
  readonly seconds: number;
  readonly boundMs: number;
  /** How many controllers served in turn. */
  readonly controllers: number;
  /** Instances that ran without a permit because another hand had stripped the gate, each alone. */
  readonly unpermitted: number;
}

export function report({
  seed,
  blows,
  starts,
  failures,
  seconds,
  boundMs,
  controllers,
  unpermitted,
}: Outcome): string {
  const faults = [...new Set(blows.map(({ fault }) => fault))].toSorted();
  const rows = faults.map((fault) => {
    const times = blows.filter((blow) => blow.fault === fault).map(({ backMs }) => backMs);
    return `| ${fault} | ${times.length} | ${inSeconds(median(times))} | ${inSeconds(Math.max(...times))} |`;
  });
  return `# Torture

Written by \`npm run torture -- --faults ${blows.length} --seed ${seed} --keep\`. One workload of each kind runs on two nodes of the
sandbox, with real processes and a real control plane, under two controllers whose lock is valid for 2 s. Random faults
strike, sometimes two at once. Every instance holds a kernel lock on a file of its workload while any process of it lives:
a second one would be refused the lock and say so. After each fault everything must be back within ${boundMs / 1000} s.

- faults: ${blows.length} in ${seconds} s, with ${controllers} controllers one after the other
- instances started: ${starts.map(({ name, starts: count }) => `${name} ${count}`).join(', ')}
- instances that ran without a permit, alone, because another hand had stripped the gate of their template: ${unpermitted}
- overlaps, writes of an old term, workloads that did not come back: ${failures.length}
${failures.map((failure) => `  - ${failure}\n`).join('')}
| fault | times | back after, median | longest |
| ----- | ----- | ------------------ | ------- |
${rows.join('\n')}

The time runs from the end of the harm (the node is back, the stopped leader goes on) until all four workloads are as they
should be, and contains the program's own stop and the restart of killed controllers.
`;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function inSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** What one row of the benchmark is, and the arithmetic all rows share. */

/** One measured value beside the target it must meet. */
export interface Measure {
  readonly name: string;
  readonly value: number;
  readonly unit: 'ms' | 's' | 'count' | 'ratio';
  /** Largest value that is good enough; absent for a floor or a peer, which stand beside for comparison. */
  readonly target?: number;
}

export interface RowResult {
  readonly measures: readonly Measure[];
  /** Every single sample, so that a result can be looked at again. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
  /** Numbers that the row was run with: rounds, T, workloads. */
  readonly setup: Readonly<Record<string, number | string>>;
}

export interface RowOptions {
  /** Rounds or hand-overs; the row has its own default. */
  readonly rounds?: number;
  readonly say: (line: string) => void;
}

export interface Row {
  readonly name: string;
  /** One sentence: what is measured, from where to where. */
  readonly about: string;
  run(options: RowOptions): Promise<RowResult>;
}

/**
 * The nearest-rank percentile: the smallest sample that at least `share` of all samples do not exceed.
 * @throws when there is no sample.
 */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new Error('no samples');
  return value;
}

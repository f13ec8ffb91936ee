/**
 * What is shown, as rows that are encoded once, with a revision for every change. The hub and the watches say what may
 * have changed; `refresh` looks at just that. Nothing is computed while nobody asks and no stream is open.
 */
import type { Filterable } from '../../api/v1/filter.ts';
import type { Facts, State } from '../../api/v1/facts.ts';
import { mapControllers } from '../../api/v1/candidates.ts';
import type { WorkloadRow } from '../../api/v1/schema/state.ts';
import { mapEntry } from '../../api/v1/story.ts';
import { mapSummary } from '../../api/v1/summary.ts';
import { mapRow } from '../../api/v1/workload-row.ts';
import type { HistoryEntry } from '../../core/history.ts';
import { MINUTE, SECOND, type Duration, type Instant } from '../../core/time.ts';

/** One workload as it is shown. Never changed: another state is another record. */
export interface RowRecord extends Filterable {
  readonly key: string;
  readonly row: WorkloadRow;
  readonly json: string;
}

/** A row that came, went or changed. */
export interface Change {
  readonly key: string;
  readonly before: RowRecord | undefined;
  readonly after: RowRecord | undefined;
}

/** From one revision to the next. */
export interface Step {
  readonly number: number;
  readonly at: Instant;
  readonly changes: readonly Change[];
  /** As JSON, where they changed. */
  readonly summary: string | undefined;
  readonly controllers: string | undefined;
  /** Each as JSON, with what it is about. */
  readonly history: readonly { readonly subject: string; readonly json: string }[];
}

/** Lease facts move all the time: they are looked at this often, or at once when their state changes. */
const LEASE_REFRESH: Duration = 10 * SECOND;
/** What a client may have missed and still catch up with. */
const KEPT_STEPS = 1000;
const KEPT_FOR: Duration = MINUTE;
const KEPT_CHANGES = 20_000;

export class Board {
  readonly #facts: Facts;
  readonly #incarnation: string;
  readonly #records = new Map<string, RowRecord>();
  readonly #dirty = new Set<string>();
  readonly #listeners: ((step: Step) => void)[] = [];
  readonly #wakers: (() => void)[] = [];
  /** Keys by namespace, kind and name; undefined when one came or went. */
  #order: readonly string[] | undefined;
  #byName: readonly RowRecord[] | undefined;
  #steps: Step[] = [];
  #keptChanges = 0;
  #number = 0;
  #pending: HistoryEntry[] = [];
  #isStale = true;
  #isRowsStale = true;
  #condition = '';
  #summarisedAt: Instant | undefined;
  #summary = '';
  #controllers = '';

  /** `incarnation`: different for each process, so that a revision of one is never taken for one of another. */
  constructor(facts: Facts, incarnation: string) {
    this.#facts = facts;
    this.#incarnation = incarnation;
    facts.watch({
      onWorkload: (key) => {
        this.#dirty.add(key);
        this.#wake();
      },
      onHistory: (entry) => {
        this.#pending.push(entry);
        this.#wake();
      },
      onState: () => {
        this.#isStale = true;
        this.#wake();
      },
    });
  }

  /** The revision of what was last refreshed. */
  get revision(): string {
    return this.name(this.#number);
  }

  get number(): number {
    return this.#number;
  }

  /** The summary and the controllers as JSON. */
  get summary(): string {
    return this.#summary;
  }

  get controllers(): string {
    return this.#controllers;
  }

  get size(): number {
    return this.#records.size;
  }

  name(number: number): string {
    return `${this.#incarnation}:${number}`;
  }

  /** The number of a revision of this process. */
  parse(revision: string): number | undefined {
    const prefix = `${this.#incarnation}:`;
    const text = revision.slice(prefix.length);
    return revision.startsWith(prefix) && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  }

  record(key: string): RowRecord | undefined {
    return this.#records.get(key);
  }

  /** All rows by namespace, kind and name. */
  get byName(): readonly RowRecord[] {
    this.#order ??= [...this.#records.values()]
      .toSorted((a, b) => compareNames(a.row, b.row))
      .map(({ key }) => key);
    this.#byName ??= this.#order.flatMap((key) => this.#records.get(key) ?? []);
    return this.#byName;
  }

  /** Told of each step, in order. */
  onStep(listener: (step: Step) => void): void {
    this.#listeners.push(listener);
  }

  /** Told that a refresh may find something. */
  onHint(waker: () => void): void {
    this.#wakers.push(waker);
  }

  /** The steps behind that revision, or undefined when they are not all kept any more. */
  stepsAfter(number: number): readonly Step[] | undefined {
    if (number === this.#number) return [];
    const first = this.#steps[0]?.number;
    if (number > this.#number || first === undefined || number + 1 < first) return undefined;
    return this.#steps.slice(number + 1 - first);
  }

  /** Takes in what may have changed. Cheap when nothing has. */
  refresh(): void {
    const state = this.#facts.state();
    this.#checkCondition(state);
    const changes = this.#takeRows(state);
    const history = this.#pending.map((entry) => ({
      subject: entry.subject,
      json: JSON.stringify(mapEntry(entry)),
    }));
    this.#pending = [];
    const isDue = this.#summarisedAt === undefined || state.now - this.#summarisedAt >= LEASE_REFRESH;
    const isSummaryDue = this.#isStale || isDue || changes.length > 0 || history.length > 0;
    const [summary, controllers] = isSummaryDue ? this.#summarise(state) : [undefined, undefined];
    if (changes.length + history.length === 0 && summary === undefined && controllers === undefined) return;
    this.#number += 1;
    const step = { number: this.#number, at: state.now, changes, summary, controllers, history };
    this.#keep(step);
    for (const listener of this.#listeners) listener(step);
  }

  /** Nothing announces that the API server or the store stopped to answer, so each refresh looks. */
  #checkCondition(state: State): void {
    const { election, isLeader, clusterProblem, notReady, isStoreUp } = state;
    const rows = JSON.stringify([isLeader, clusterProblem]);
    const lease = election?.validUntil === undefined ? undefined : state.now < election.validUntil;
    const rest = [
      election?.role,
      election?.holder,
      election?.epoch,
      election?.store.up,
      notReady,
      isStoreUp,
      lease,
    ];
    const condition = `${rows}${JSON.stringify(rest)}`;
    if (condition === this.#condition) return;
    this.#isRowsStale ||= !this.#condition.startsWith(rows);
    this.#condition = condition;
    this.#isStale = true;
  }

  #takeRows(state: State): readonly Change[] {
    if (this.#isRowsStale) {
      for (const key of this.#records.keys()) this.#dirty.add(key);
      for (const key of this.#facts.keys()) this.#dirty.add(key);
      this.#isRowsStale = false;
    }
    if (this.#dirty.size === 0) return [];
    const changes: Change[] = [];
    for (const key of this.#dirty) {
      const before = this.#records.get(key);
      const after = this.#read(key, state, before);
      if (before === after) continue;
      if (after === undefined) this.#records.delete(key);
      else this.#records.set(key, after);
      if (before === undefined || after === undefined) this.#order = undefined;
      changes.push({ key, before, after });
    }
    this.#dirty.clear();
    if (changes.length > 0) this.#byName = undefined;
    return changes;
  }

  /** The same record when it says the same. */
  #read(key: string, state: State, before: RowRecord | undefined): RowRecord | undefined {
    const facts = this.#facts.workload(key);
    const row = facts && mapRow(facts, state);
    if (row === undefined) return undefined;
    const json = JSON.stringify(row);
    const labels = facts?.definition?.labels ?? {};
    if (before?.json === json && isSameMap(before.labels, labels)) return before;
    return { key, row, json, labels };
  }

  /** Each undefined where it says the same as before. */
  #summarise(state: State): readonly [string | undefined, string | undefined] {
    const { identity } = this.#facts;
    this.#isStale = false;
    this.#summarisedAt = state.now;
    const rows = this.byName.map(({ row }) => row);
    const summary = JSON.stringify(mapSummary(identity, state, rows, this.#facts.history()));
    const controllers = JSON.stringify(mapControllers(identity, state));
    const isNew = [summary !== this.#summary, controllers !== this.#controllers];
    this.#summary = summary;
    this.#controllers = controllers;
    return [isNew[0] ? summary : undefined, isNew[1] ? controllers : undefined];
  }

  #keep(step: Step): void {
    this.#steps.push(step);
    this.#keptChanges += step.changes.length;
    let drop = 0;
    for (const { at, changes } of this.#steps) {
      const isSmall = this.#steps.length - drop <= KEPT_STEPS && this.#keptChanges <= KEPT_CHANGES;
      if (isSmall && step.at - at <= KEPT_FOR) break;
      drop += 1;
      this.#keptChanges -= changes.length;
    }
    if (drop > 0) this.#steps = this.#steps.slice(drop);
  }

  #wake(): void {
    for (const waker of this.#wakers) waker();
  }
}

function compareNames(a: WorkloadRow, b: WorkloadRow): number {
  return compare(a.namespace, b.namespace) || compare(a.kind, b.kind) || compare(a.name, b.name);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isSameMap(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

/**
 * What happened in one chaos run, as a list of facts: written as JSON lines, read by the checker. All times are
 * milliseconds of the machine's wall clock, which every process of a run shares, unless a field says otherwise.
 */
import type { StoreName } from './schedule.ts';

/** A run's settings; the first line. */
export interface RunFact {
  readonly kind: 'run';
  readonly at: number;
  readonly store: StoreName;
  readonly seed: number;
  readonly ttl: number;
  readonly controllers: number;
  readonly minutes: number;
}

/** The lock as the store held it after a grant, a renewal or a release, in the order of the store. */
export interface StoreFact {
  readonly kind: 'store';
  readonly at: number;
  /** By the store's own clock: when this was written at the latest, and until when the lock is held. */
  readonly from: number;
  readonly until: number;
  /** `until` by the wall clock. */
  readonly wallUntil: number;
  readonly epoch: number;
  readonly nonce: string;
  readonly holder: string;
  readonly isReleased: boolean;
}

/** A process began or ended a term, by its own log. */
export interface TermFact {
  readonly kind: 'elected' | 'lost' | 'released';
  readonly at: number;
  readonly who: string;
  readonly term: number;
}

/** What a leader answered about its own right to act, from its monotonic clock: `remaining` ms were left at `at` or later. */
export interface ValidityFact {
  readonly kind: 'validity';
  readonly at: number;
  readonly who: string;
  readonly term: number;
  readonly remaining: number;
}

/** A guarded write that the API server accepted, from its audit log. */
export interface WriteFact {
  readonly kind: 'write';
  /** When the server received it, and when the answer was complete. */
  readonly at: number;
  readonly done: number;
  readonly who: string;
  readonly verb: string;
  readonly object: string;
  /** The term that the object of the request carries, if it carries one. */
  readonly carries?: number;
}

export type Fact =
  | RunFact
  | StoreFact
  | TermFact
  | ValidityFact
  | WriteFact
  /** SIGKILL; `term`: it was leading. */
  | { readonly kind: 'killed'; readonly at: number; readonly who: string; readonly term?: number }
  | {
      readonly kind: 'fault';
      readonly at: number;
      readonly until: number;
      readonly fault: string;
      readonly on: string;
      /** Requests to the API server may arrive late because of it. */
      readonly delaysWrites: boolean;
    }
  /** The store was emptied: it cannot know what it granted before. */
  | { readonly kind: 'data-lost'; readonly at: number }
  /** What the overlap referee of the instances, or the end of the run, had to object to. */
  | { readonly kind: 'objection'; readonly at: number; readonly invariant: string; readonly text: string };

/** In order of time; facts of one instant stay in the order given. */
export function inOrder(facts: readonly Fact[]): readonly Fact[] {
  return facts.toSorted((a, b) => a.at - b.at);
}

/** One fact per line, in order of time. */
export function formatHistory(facts: readonly Fact[]): string {
  return inOrder(facts)
    .map((fact) => `${JSON.stringify(fact)}\n`)
    .join('');
}

/** What `formatHistory` wrote. */
export function parseHistory(text: string): readonly Fact[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Fact);
}

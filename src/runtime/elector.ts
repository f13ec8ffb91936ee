/**
 * The shell of the election: it owns the clock, one timer, the requests and the term, and leaves every decision to
 * `core/election/step.ts`.
 */
import type { ElectionEvent } from '../core/election/events.ts';
import type { Timing } from '../core/election/timing.ts';
import type { ElectionView } from '../core/election/view.ts';
import type { FenceAnchor } from '../ports/fence-anchor.ts';
import type { LockStore } from '../ports/lock-store.ts';
import type { System } from '../ports/system.ts';
import type { Leadership } from './term.ts';

export interface ElectorPorts {
  readonly store: LockStore;
  readonly anchor: FenceAnchor;
  readonly system: Pick<System, 'clock' | 'random'>;
  readonly leadership: Leadership;
  /** Called in order, after the state has changed. Must return at once and not throw. */
  readonly observe: (event: ElectionEvent) => void;
}

export interface ElectorOptions {
  /** The name of the lock; one per tenant. */
  readonly name: string;
  /** `<id>/<pod uid or host>/<incarnation uuid>`: unique per process. */
  readonly holder: string;
  readonly timing: Timing;
  /** See `formatFingerprint`. */
  readonly fingerprint: string;
  /** Watches the lock but never contends. */
  readonly remainsFollower?: boolean;
}

export interface Elector {
  /**
   * Takes part in the election until `signal` aborts, then drains, releases and resolves. Rejects only on a broken
   * invariant (a port or `Leadership` that throws), with the term ended. To be called once.
   */
  run(signal: AbortSignal): Promise<void>;
  /** The present situation, for status pages and metrics. */
  view(): ElectionView;
}

/** An elector that does nothing until `run`. */
export declare function createElector(ports: ElectorPorts, options: ElectorOptions): Elector;

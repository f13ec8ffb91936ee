/** A look at the locks that the Go program holds, whatever their tenant. Reading only. */
import type { OldLock } from '../core/election/old-lock.ts';

export type SurveyReply =
  | { readonly kind: 'found'; readonly locks: readonly OldLock[] }
  /** Nobody listens there. */
  | { readonly kind: 'nobody' }
  /** The server answers, and does not let us look. */
  | { readonly kind: 'refused'; readonly cause: string }
  /** Somebody listens and did not answer in time. */
  | { readonly kind: 'unavailable'; readonly cause: string };

export interface LockSurvey {
  /** Where it looks, without credentials. */
  readonly address: string;
  /** Bounded by a time limit of its own, far below a second where nobody listens. Never rejects. */
  look(signal: AbortSignal): Promise<SurveyReply>;
}

/** How a write to a custom resource went, for those who have to come back to it. */
import { SECOND, type Duration } from '../core/time.ts';
import type { GuardedResult } from './guarded-writer.ts';
import { IN_QUESTION } from './term.ts';

export type ResourceWrite =
  | { readonly kind: 'written' }
  /** Not now. Without a time something else brings the workload back: its watch, or the end of the term. */
  | { readonly kind: 'later'; readonly retryIn?: Duration }
  | { readonly kind: 'refused'; readonly status: number; readonly reason: string; readonly message: string };

/** `unsupported`: the status of a resource cannot be written, now or later in this term. */
export type StatusWrite = ResourceWrite | { readonly kind: 'unsupported' };

export const WRITTEN: ResourceWrite = { kind: 'written' };

/** What follows a write that was not done. */
export function settleResourceWrite(
  result: Exclude<GuardedResult, { readonly kind: 'done' }>,
): ResourceWrite {
  switch (result.kind) {
    case 'fenced':
      return { kind: 'later', retryIn: IN_QUESTION };
    case 'throttled':
      return { kind: 'later', retryIn: result.retryAfter };
    case 'refused':
      return result;
    // The watch brings the newer version; the next attempt starts from it.
    case 'conflict':
    case 'exists':
    case 'unknown':
    case 'gone':
      return { kind: 'later', retryIn: SECOND };
  }
}

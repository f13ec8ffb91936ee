/** What becomes of a workload after one action of its plan, and what follows from the server's refusals. */
import type { Refusal } from '../core/reconcile/observed.ts';
import { SECOND, type Duration } from '../core/time.ts';
import type { ApplyContext } from './apply-context.ts';
import type { GuardedResult } from './guarded-writer.ts';
import { IN_QUESTION } from './term.ts';

/** `applied`: go on. `reread`: the object was different; decide again. `wait`: an event or the time will bring the key back. */
export type Outcome =
  | { readonly kind: 'applied' | 'reread' }
  | { readonly kind: 'wait'; readonly retryIn?: Duration };

/** How long a refused write is left alone before it is tried again. */
export const REFUSED_RETRY: Duration = 15 * SECOND;
/** How often an object of somebody else's under our name is looked for again. */
export const FOREIGN_RECHECK: Duration = 60 * SECOND;

type Attempt = Pick<Refusal, 'action' | 'object'>;

/** What follows a write that was answered, and not done. */
export function settleFailure(
  context: Pick<ApplyContext, 'clock' | 'notes' | 'emit'>,
  key: string,
  attempt: Attempt,
  result: Extract<GuardedResult, { kind: 'refused' | 'throttled' | 'fenced' | 'conflict' }>,
): Outcome {
  // The term is over, or its right to act is in question for a moment: then nothing else would bring the key back.
  if (result.kind === 'fenced') return { kind: 'wait', retryIn: IN_QUESTION };
  if (result.kind === 'throttled') return { kind: 'wait', retryIn: result.retryAfter };
  if (result.kind === 'conflict') return { kind: 'wait', retryIn: SECOND };
  const { status, reason, message } = result;
  const retryAt = context.clock.now() + REFUSED_RETRY;
  return refuse(context, key, { ...attempt, status, reason, message, retryAt });
}

/** Notes the refusal, so that the next decision waits for its time. */
export function refuse(
  context: Pick<ApplyContext, 'notes' | 'emit'>,
  key: string,
  refusal: Refusal,
): Outcome {
  context.notes.refused(key, refusal);
  context.emit({
    type: 'write-failed',
    key,
    action: refusal.action,
    result: refusal.reason,
    detail: refusal.message,
  });
  return { kind: 'reread' };
}

/** A create in a namespace that does not exist is answered with 404. */
export function missingNamespace(
  { clock }: Pick<ApplyContext, 'clock'>,
  object: string,
  namespace: string,
): Refusal {
  const message = `namespace ${namespace} does not exist: create it, or change the workload's namespace`;
  const retryAt = clock.now() + REFUSED_RETRY;
  return { action: 'create', object, status: 404, reason: 'NotFound', message, retryAt };
}

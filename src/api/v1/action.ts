/** The body of an action, read strictly: a field that is not known is refused, so that nothing is done that was not meant. */
import { readTime } from '../../core/control/json-record.ts';
import type { WallTime } from '../../core/time.ts';
import type { FieldError, Refusal } from './problem.ts';

/** What can be asked for. */
export type Action =
  | { readonly action: 'pause'; readonly reason: string; readonly until?: string }
  | { readonly action: 'resume' };

const LONGEST_REASON = 500;
const FIELDS = ['action', 'reason', 'until'];

/** The action in a body, or what is wrong with it. */
export function readAction(body: unknown, now: WallTime): Action | Refusal {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return refused([{ path: '', message: 'not an object', hint: 'for example {"action":"resume"}' }]);
  const errors: FieldError[] = Object.keys(body)
    .filter((field) => !FIELDS.includes(field))
    .map((field) => ({
      path: field.slice(0, 100),
      message: 'no such field',
      hint: `there are ${FIELDS.join(', ')}`,
    }));
  const fields = new Map<string, unknown>(Object.entries(body));
  const action = fields.get('action');
  const reason = fields.get('reason');
  const until = fields.get('until');
  if (action !== 'pause' && action !== 'resume')
    return refused([{ path: 'action', message: 'no such action', hint: 'one of pause, resume' }]);
  if (action === 'resume') {
    for (const name of ['reason', 'until'])
      if (fields.has(name)) errors.push({ path: name, message: 'has no meaning here', hint: 'leave it out' });
    return errors.length === 0 ? { action } : refused(errors);
  }
  const hasReason = typeof reason === 'string' && reason.trim() !== '' && reason.length <= LONGEST_REASON;
  if (!hasReason) {
    const hint = `1 to ${LONGEST_REASON} characters`;
    errors.push({ path: 'reason', message: 'must say why: it is shown wherever the workload is', hint });
  }
  const end = typeof until === 'string' ? readTime(until) : undefined;
  const isUntil = typeof until === 'string' && end !== undefined && end > now;
  if (until !== undefined && !isUntil)
    errors.push({ path: 'until', message: 'no time to come', hint: 'for example 2026-11-22T16:00:00Z' });
  if (errors.length > 0 || !hasReason) return refused(errors);
  return { action: 'pause', reason, ...(isUntil && { until }) };
}

function refused(errors: readonly FieldError[]): Refusal {
  const detail = errors
    .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
    .join('; ');
  return { code: 'invalid-body', detail, errors };
}

/** The body of an action, read strictly: a field that is not known is refused, so that nothing is done that was not meant. */
import { readTime } from '../../core/control/json-record.ts';
import type { WallTime } from '../../core/time.ts';
import type { FieldError, Refusal } from './problem.ts';

/** What can be asked for. */
export type Action =
  | { readonly action: 'pause'; readonly reason: string; readonly until?: string }
  | { readonly action: 'resume' | 'undrain' }
  | { readonly action: 'restart' | 'run-now' | 'drain'; readonly reason: string }
  | { readonly action: 'failover'; readonly reason: string; readonly to?: string }
  | { readonly action: 'fence-node'; readonly reason: string; readonly node: string };

export type ActionName = Action['action'];

/** Of what something can be asked. */
export type ActionTarget = 'workload' | 'tenant' | 'controller';

export const ACTIONS: Readonly<Record<ActionTarget, readonly ActionName[]>> = {
  workload: ['pause', 'resume', 'restart', 'run-now'],
  tenant: ['pause', 'resume', 'failover', 'fence-node'],
  controller: ['drain', 'undrain'],
};

const LONGEST_REASON = 500;
/** What a controller, or a node, may be named here: both become part of the name of an entry. */
const NAME = /^[-._a-zA-Z0-9]{1,240}$/;

/** The fields that have a meaning for each action, beside `action`. */
const FIELDS: Readonly<Record<ActionName, readonly string[]>> = {
  pause: ['reason', 'until'],
  resume: [],
  restart: ['reason'],
  'run-now': ['reason'],
  drain: ['reason'],
  undrain: [],
  failover: ['reason', 'to'],
  'fence-node': ['reason', 'node', 'confirmedOff'],
};
const ALL_FIELDS: ReadonlySet<string> = new Set(['action', ...Object.values(FIELDS).flat()]);

/** The action in a body, or what is wrong with it. */
export function readAction(body: unknown, now: WallTime, target: ActionTarget): Action | Refusal {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return refused([{ path: '', message: 'not an object', hint: `for example {"action":"resume"}` }]);
  const fields = new Map<string, unknown>(Object.entries(body));
  const action = ACTIONS[target].find((name) => name === fields.get('action'));
  if (action === undefined)
    return refused([
      { path: 'action', message: 'no such action', hint: `one of ${ACTIONS[target].join(', ')}` },
    ]);
  const errors = [...fields.keys()].flatMap((field) => faultOfField(field, action));
  const reason = fields.get('reason') ?? '';
  const needsReason = action === 'pause';
  const hasReason =
    typeof reason === 'string' && reason.length <= LONGEST_REASON && (!needsReason || reason.trim() !== '');
  if (!hasReason) {
    const message = needsReason ? 'must say why: it is shown wherever the workload is' : 'not such a text';
    errors.push({ path: 'reason', message, hint: `1 to ${LONGEST_REASON} characters` });
  }
  const said = hasReason ? reason : '';
  const read = compose(action, fields, said, now, errors);
  return errors.length === 0 ? read : refused(errors);
}

function faultOfField(field: string, action: ActionName): readonly FieldError[] {
  if (field === 'action' || FIELDS[action].includes(field)) return [];
  return ALL_FIELDS.has(field)
    ? [{ path: field, message: 'has no meaning here', hint: 'leave it out' }]
    : [
        {
          path: field.slice(0, 100),
          message: 'no such field',
          hint: `there are ${[...ALL_FIELDS].join(', ')}`,
        },
      ];
}

/** Adds to `errors` what is wrong; then the answer means nothing. */
function compose(
  action: ActionName,
  fields: ReadonlyMap<string, unknown>,
  reason: string,
  now: WallTime,
  errors: FieldError[],
): Action {
  switch (action) {
    case 'resume':
    case 'undrain':
      return { action };
    case 'restart':
    case 'run-now':
    case 'drain':
      return { action, reason };
    case 'pause': {
      const until = fields.get('until');
      const end = typeof until === 'string' ? readTime(until) : undefined;
      const isUntil = typeof until === 'string' && end !== undefined && end > now;
      if (until !== undefined && !isUntil)
        errors.push({ path: 'until', message: 'no time to come', hint: 'for example 2026-11-22T16:00:00Z' });
      return { action, reason, ...(isUntil && { until }) };
    }
    case 'failover': {
      const to = fields.get('to');
      if (to === undefined) return { action, reason };
      return { action, reason, to: readName('to', to, 'the id of a controller', errors) };
    }
    case 'fence-node': {
      const node = readName('node', fields.get('node'), 'the name of a node', errors);
      if (fields.get('confirmedOff') !== true)
        errors.push({
          path: 'confirmedOff',
          message: 'must be true: if the machine is not off, each of its instances then runs twice',
          hint: 'make certain that it is off first',
        });
      return { action, reason, node };
    }
  }
}

function readName(path: string, value: unknown, hint: string, errors: FieldError[]): string {
  if (typeof value === 'string' && NAME.test(value)) return value;
  errors.push({ path, message: 'not such a name', hint });
  return '';
}

function refused(errors: readonly FieldError[]): Refusal {
  const detail = errors
    .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
    .join('; ');
  return { code: 'invalid-body', detail, errors };
}

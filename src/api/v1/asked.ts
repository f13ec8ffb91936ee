/** What was asked for, as people see it: the records of `core/control`, each with what became of it. */
import type { AskedRecord } from '../../core/control/entries.ts';
import { readJsonObject, readTime, type Fault } from '../../core/control/json-record.ts';
import { readNodeFence } from '../../core/control/node-fence.ts';
import { endOfPause, readPause } from '../../core/control/pause.ts';
import { endOfRequest, readRequest, type Request } from '../../core/control/request.ts';
import type { WallTime } from '../../core/time.ts';
import { instant, type Identity, type State } from './facts.ts';
import { mapLeader } from './leader.ts';
import type { ActionRecord } from './schema/action.ts';

/** The newest first. */
export function mapAsked(
  records: readonly AskedRecord[],
  identity: Identity,
  state: State,
): readonly ActionRecord[] {
  const cannotTell = whyUnknown(identity, state);
  return records
    .map((record) => doubt(mapRecord(record, state.wall), cannotTell))
    .toSorted((a, b) => compare(b.at ?? '', a.at ?? '') || compare(a.id, b.id));
}

/** Of the request; of a record without one, the name of the entry that it is or would be. */
export function idOfRecord({ entry, text }: Pick<AskedRecord, 'entry' | 'text'>): string {
  const read = readJsonObject(text, { id: false });
  return 'fault' in read || read.id === undefined || read.id === '' ? entry : read.id;
}

type Known = Pick<ActionRecord, 'action' | 'state'> &
  Partial<Pick<ActionRecord, 'by' | 'reason' | 'at' | 'until' | 'result' | 'term' | 'answeredAt'>>;

function mapRecord(record: AskedRecord, wall: WallTime): ActionRecord {
  return {
    id: idOfRecord(record),
    target: record.of,
    by: '',
    reason: '',
    at: null,
    until: null,
    result: null,
    term: null,
    answeredAt: null,
    ...told(record, wall),
    unknownBecause: null,
  };
}

function told({ is, text }: AskedRecord, wall: WallTime): Known {
  switch (is) {
    case 'request':
      return orUnreadable('request', readRequest(text), (request) => mapRequest(request, wall));
    case 'pause':
      return orUnreadable('pause', readPause(text), (pause) => {
        const { by, reason, since, until } = pause;
        const state = endOfPause(pause) > wall ? 'active' : 'ended';
        return { action: 'pause', state, by, reason, at: time(since), until: time(until) };
      });
    case 'fence':
      return orUnreadable('fence-node', readNodeFence(text), ({ by, reason, at, state, term, result }) => ({
        action: 'fence-node',
        state: state === undefined ? 'pending' : state === 'accepted' ? 'active' : 'ended',
        by,
        reason,
        at: time(at),
        result: result ?? null,
        term: count(term),
      }));
    case 'drain': {
      // Its being there is what counts, whatever it says.
      const fields = readJsonObject(text, { by: false, reason: false, at: false });
      const { by = '', reason = '', at } = 'fault' in fields ? {} : fields;
      return { action: 'drain', state: 'active', by, reason, at: time(at) };
    }
  }
}

function mapRequest(request: Request, wall: WallTime): Known {
  const { action, by, reason, at, state, result, term, answeredAt } = request;
  const isLate = wall >= endOfRequest(request);
  const words = { accepted: 'running', done: 'succeeded', refused: 'failed' } as const;
  return {
    action,
    by,
    reason,
    at: time(at),
    until: instant(endOfRequest(request)),
    state: state === undefined ? (isLate ? 'expired' : 'pending') : words[state],
    result: result ?? null,
    term: count(term),
    answeredAt: time(answeredAt),
  };
}

function orUnreadable<T extends object>(action: string, value: T | Fault, map: (value: T) => Known): Known {
  return 'fault' in value ? { action, state: 'unreadable', result: value.fault } : map(value);
}

/** What is not settled may have gone on where this process cannot see it. */
function doubt(record: ActionRecord, cannotTell: ReturnType<typeof whyUnknown>): ActionRecord {
  const { state } = record;
  const isOpen = state === 'pending' || state === 'running' || state === 'active';
  const because = isOpen
    ? (cannotTell.anything ?? (state === 'running' ? cannotTell.running : undefined))
    : undefined;
  return because === undefined ? record : { ...record, state: 'unknown', unknownBecause: because };
}

function whyUnknown(
  identity: Identity,
  state: State,
): { readonly anything: string | undefined; readonly running: string | undefined } {
  const { id, unknownBecause } = mapLeader(identity, state);
  const nobody = id === null ? 'nobody leads who would say what became of it' : undefined;
  return { anything: state.clusterProblem, running: unknownBecause ?? nobody };
}

function time(text: string | undefined): string | null {
  return instant(text === undefined ? undefined : readTime(text));
}

function count(text: string | undefined): number | null {
  return /^\d{1,15}$/.test(text ?? '') ? Number(text) : null;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

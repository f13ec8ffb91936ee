/** Everything behind the paths of version 1, opened with the first request. */
import type { Facts } from '../../api/v1/facts.ts';
import { parseFilter } from '../../api/v1/filter.ts';
import type { Clock, Random } from '../../ports/system.ts';
import type { Reply, Request, StreamReply } from '../route.ts';
import { ANSWERS } from './answers.ts';
import { Board } from './board.ts';
import { refuse } from './desk.ts';
import { Pages } from './pages.ts';
import { sightOf, type Sight } from './sight.ts';
import { Streams, type SnapshotCause } from './stream.ts';

export interface Office {
  answer(name: keyof typeof ANSWERS | 'stream', request: Request): Promise<Reply | StreamReply>;
  /** How many streams are open. */
  readonly streams: number;
  /** Ends the streams. */
  close(): void;
}

export function openOffice(
  facts: Facts,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  paths: readonly string[],
  tenants: () => readonly Facts[],
  onSnapshot: (cause: SnapshotCause) => void,
): Office {
  const board = new Board(facts, random.uuid().slice(0, 8));
  const streams = new Streams(facts, board, clock, onSnapshot);
  const desk = { facts, board, pages: new Pages(board, () => clock.now()), paths, tenants };
  return {
    get streams() {
      return streams.count;
    },
    close: () => streams.close(),
    answer: async (name, request) => {
      const tenant = request.query.get('tenant');
      if (tenant !== null && tenant !== facts.identity.tenant)
        return refuse(request, { code: 'not-found', detail: 'this process does not serve that tenant' });
      if (!takesJson(request, name === 'stream'))
        return refuse(request, {
          code: 'not-acceptable',
          detail: 'the answer has another type than asked for',
        });
      const sight = await sightOf(request, facts);
      if ('code' in sight) return refuse(request, sight);
      return name === 'stream'
        ? openStream(streams, request, sight)
        : ANSWERS[name]({ ...desk, sight }, request);
    },
  };
}

function openStream(streams: Streams, request: Request, sight: Sight): Reply | StreamReply {
  const filter = parseFilter(request.query, ['tenant']);
  if ('code' in filter) return refuse(request, filter);
  if (streams.isFull)
    return refuse(request, {
      code: 'too-many-streams',
      detail: `${streams.count} streams are open`,
      headers: { 'retry-after': '10' },
    });
  // Headers only: nobody would read the events.
  if (request.method === 'HEAD')
    return { status: 200, contentType: 'text/event-stream; charset=utf-8', body: '' };
  const last = request.headers['last-event-id'];
  return {
    status: 200,
    open: (response) => streams.open(response, filter, typeof last === 'string' ? last : undefined, sight),
  };
}

/** Nobody who takes anything, or JSON, is refused. */
function takesJson({ headers }: Request, isStream: boolean): boolean {
  const { accept } = headers;
  if (accept === undefined || accept.trim() === '') return true;
  return accept.split(',').some((range) => {
    const [type = '', ...params] = range.split(';').map((part) => part.trim().toLowerCase());
    if (params.some((param) => /^q=0(?:\.0*)?$/.test(param))) return false;
    if (type === '*/*') return true;
    return isStream
      ? type === 'text/event-stream' || type === 'text/*'
      : type === 'application/json' || type === 'application/*' || type.endsWith('+json');
  });
}

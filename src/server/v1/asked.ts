/** What was asked for, and what became of it. */
import { mapAsked } from '../../api/v1/asked.ts';
import { DEFAULT_PAGE, readLimit } from '../../api/v1/list-query.ts';
import { badLimit, listed, notFound, refuse, reply, type Answer, type Desk } from './desk.ts';
import { seesSubject } from './sight.ts';
import type { ActionRecord } from '../../api/v1/schema/action.ts';

/** Of the newest ones. */
export const actions: Answer = (desk, request) => {
  const limit = readLimit(request.query.get('limit'), DEFAULT_PAGE);
  if (limit === undefined) return refuse(request, badLimit());
  desk.board.refresh();
  const records = recordsOf(desk);
  return listed(desk, 'ActionList', records.slice(0, limit), [], records.length);
};

export const action: Answer = (desk, request) => {
  const { id = '' } = request.params;
  const found = recordsOf(desk).find((record) => record.id === id);
  return found === undefined
    ? refuse(request, notFound(desk.facts.state(), `no record of an action ${id} is kept`))
    : reply(found);
};

function recordsOf({ facts, sight }: Desk): readonly ActionRecord[] {
  const records = facts.asked().filter(({ of }) => of.is !== 'workload' || seesSubject(sight, of.name));
  return mapAsked(records, facts.identity, facts.state());
}

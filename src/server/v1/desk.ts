/** What answers of version 1 are made of, and how they are put together. */
import { createHash } from 'node:crypto';
import { instant, type Facts, type State } from '../../api/v1/facts.ts';
import { mapObserver } from '../../api/v1/leader.ts';
import { LARGEST_PAGE } from '../../api/v1/list-query.ts';
import { mapPartial } from '../../api/v1/partial.ts';
import type { Refusal } from '../../api/v1/problem.ts';
import type { ListMeta } from '../../api/v1/schema/list.ts';
import type { Meta, Partial } from '../../api/v1/schema/state.ts';
import { describeRefusal } from '../http.ts';
import type { Reply, Request } from '../route.ts';
import type { Board } from './board.ts';
import type { Pages } from './pages.ts';
import { hiddenPartial, type Sight } from './sight.ts';

export const JSON_TYPE = 'application/json; charset=utf-8';

/** What an answer is made of. */
export interface Desk {
  readonly facts: Facts;
  readonly board: Board;
  readonly pages: Pages;
  /** What the caller may see. */
  readonly sight: Sight;
  /** Every path, for `APIInfo`. */
  readonly paths: readonly string[];
  /** All tenants of this process, also this one. */
  readonly tenants: () => readonly Facts[];
}

export type Answer = (desk: Desk, request: Request) => Reply | Promise<Reply>;

export function metaOf({ facts, board, sight }: Desk, state: State): Meta {
  return {
    revision: board.revision,
    observedAt: instant(state.wall) ?? '',
    observedBy: mapObserver(facts.identity, state),
    partial: [...mapPartial(facts.identity, state), ...hiddenPartial(sight, board)],
  };
}

/** A list without further pages. `total`: what there is, where not all of it is told. */
export function listed(
  desk: Desk,
  kind: string,
  items: readonly object[],
  more: readonly Partial[] = [],
  total = items.length,
): Reply {
  const meta = metaOf(desk, desk.facts.state());
  const metadata: ListMeta = {
    ...meta,
    partial: [...meta.partial, ...more],
    total,
    remaining: total - items.length,
    continue: null,
    source: 'controller',
  };
  return reply({ kind, metadata, items });
}

export function reply(value: object): Reply {
  return { status: 200, contentType: JSON_TYPE, body: `${JSON.stringify(value)}\n`, compress: true };
}

/** With the revision as its tag; not made again for a client that has it. */
export function tagged(
  { board, sight }: Desk,
  request: Request,
  make: () => string,
  revision = board.revision,
): Reply {
  // Weak: times of observation may differ between two answers of one revision.
  const tag = sight.canonical === '' ? revision : `${revision}.${digest(sight.canonical)}`;
  const etag = `W/"${tag}"`;
  const headers = { etag };
  const known = request.headers['if-none-match'];
  const tags = known?.split(',').map((one) => one.trim().replace(/^W\//, '')) ?? [];
  if (tags.includes(`"${tag}"`) || tags.includes('*'))
    return { status: 304, contentType: JSON_TYPE, body: '', headers };
  return { status: 200, contentType: JSON_TYPE, body: `${make()}\n`, headers, compress: true };
}

/** What callers may see can change while nothing else does. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 8);
}

export function missing(detail: string): Refusal {
  return { code: 'not-found', detail };
}

/** What was looked for is not there, or cannot be seen because the API server does not answer. */
export function notFound({ clusterProblem }: State, detail: string): Refusal {
  if (clusterProblem === undefined) return missing(detail);
  return {
    code: 'kube-unavailable',
    detail: `${detail}, but what there is cannot be seen: ${clusterProblem}`,
    headers: { 'retry-after': '1' },
  };
}

export function badLimit(): Refusal {
  const hint = `a whole number from 1 to ${LARGEST_PAGE}`;
  const errors = [{ path: 'limit', message: 'no such page', hint }];
  return { code: 'invalid-argument', detail: 'limit: no such page', errors };
}

export function refuse(request: Request, refusal: Refusal): Reply {
  return describeRefusal({ refusals: 'problem' }, refusal, request);
}

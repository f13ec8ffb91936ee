/**
 * Lists in pages. The pages of one list are of one revision: its rows, which never change, are kept until the list is
 * forgotten, and whoever asks for a page of a forgotten list is told to start again.
 */
import type { Filter } from '../../api/v1/filter.ts';
import { sortRows, type ListQuery } from '../../api/v1/list-query.ts';
import type { Refusal } from '../../api/v1/problem.ts';
import { MINUTE, type Duration, type Instant } from '../../core/time.ts';
import type { Board, RowRecord } from './board.ts';
import type { Sight } from './sight.ts';

export interface Page {
  readonly revision: string;
  readonly records: readonly RowRecord[];
  readonly total: number;
  readonly remaining: number;
  readonly continue: string | undefined;
}

interface Kept {
  readonly id: number;
  /** Filter and order. */
  readonly canonical: string;
  /** Of the caller; only who sees the same may continue it. */
  readonly sight: string;
  readonly revision: string;
  readonly records: readonly RowRecord[];
  usedAt: Instant;
}

const KEPT_FOR: Duration = 5 * MINUTE;
const MOST_LISTS = 64;
const MOST_ROWS = 200_000;

export class Pages {
  readonly #board: Board;
  readonly #now: () => Instant;
  /** The least recently used first. */
  readonly #lists = new Map<number, Kept>();
  #rows = 0;
  #ids = 0;

  constructor(board: Board, now: () => Instant) {
    this.#board = board;
    this.#now = now;
  }

  /** `filter` undefined: that of the list which is continued. It lets nothing through that is not in `sight`. */
  page(filter: Filter | undefined, query: ListQuery, isSorted: boolean, sight: Sight): Page | Refusal {
    const { by, isReversed } = query.sort;
    const order = `${isReversed ? '-' : ''}${by}`;
    if (query.continue === undefined) {
      const list = this.#list(`${filter?.canonical ?? ''} ${order}`, filter, query, sight);
      return this.#cut(list, 0, query.limit);
    }
    const place = this.#parse(query.continue);
    if (place === undefined)
      return { code: 'invalid-argument', detail: 'continue: this is no token of a list' };
    const list = this.#lists.get(place.id);
    if (place.isOther || list === undefined || this.#now() - list.usedAt > KEPT_FOR)
      return { code: 'continue-expired', detail: 'the list that this page belongs to is not kept any more' };
    if (list.sight !== sight.canonical)
      return { code: 'continue-expired', detail: 'what may be seen has changed since the first page' };
    const [canonical, sorted] = splitLast(list.canonical);
    if ((filter !== undefined && filter.canonical !== canonical) || (isSorted && order !== sorted))
      return { code: 'invalid-argument', detail: 'continue: the token belongs to another filter or order' };
    return this.#cut(this.#touch(list), place.offset, query.limit);
  }

  #list(
    canonical: string,
    filter: Filter | undefined,
    { sort, limit }: ListQuery,
    { canonical: sight }: Sight,
  ): Kept {
    const { revision, byName } = this.#board;
    for (const list of this.#lists.values())
      if (list.canonical === canonical && list.sight === sight && list.revision === revision)
        return this.#touch(list);
    const matching = filter === undefined || filter.canonical === '' ? byName : byName.filter(filter.matches);
    const records = sortRows(matching, sort);
    const list = { id: (this.#ids += 1), canonical, sight, revision, records, usedAt: this.#now() };
    // A list of one page is never continued.
    if (records.length > limit) this.#keep(list);
    return list;
  }

  #keep(list: Kept): void {
    this.#lists.set(list.id, list);
    this.#rows += list.records.length;
    for (const { id, records, usedAt } of this.#lists.values()) {
      const isFull = this.#lists.size > MOST_LISTS || (this.#rows > MOST_ROWS && this.#lists.size > 1);
      if (!isFull && this.#now() - usedAt <= KEPT_FOR) break;
      this.#lists.delete(id);
      this.#rows -= records.length;
    }
  }

  #touch(list: Kept): Kept {
    if (this.#lists.delete(list.id)) this.#lists.set(list.id, list);
    list.usedAt = this.#now();
    return list;
  }

  #cut({ id, records, revision }: Kept, offset: number, limit: number): Page {
    const page = records.slice(offset, offset + limit);
    const next = Math.min(offset + limit, records.length);
    const remaining = records.length - next;
    const token = Buffer.from(`${this.#board.name(id)}:${next}`).toString('base64url');
    return {
      revision,
      records: page,
      total: records.length,
      remaining,
      continue: remaining === 0 ? undefined : token,
    };
  }

  #parse(
    token: string,
  ): { readonly id: number; readonly offset: number; readonly isOther: boolean } | undefined {
    const text = token.length > 200 ? '' : Buffer.from(token, 'base64url').toString('utf8');
    const match = /^(.+:(\d{1,15})):(\d{1,15})$/.exec(text);
    if (match === null) return undefined;
    const [, name = '', id, offset] = match;
    // Of a process before this one, or of another replica.
    const isOther = this.#board.parse(name) === undefined;
    return { id: Number(id), offset: Number(offset), isOther };
  }
}

function splitLast(text: string): readonly [string, string] {
  const at = text.lastIndexOf(' ');
  return [text.slice(0, at), text.slice(at + 1)];
}

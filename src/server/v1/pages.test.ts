/** Pages of a list while the list changes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShownWorld } from '../../../test/shown-world.ts';
import { parseFilter } from '../../api/v1/filter.ts';
import { LIST_PARAMETERS, parseListQuery } from '../../api/v1/list-query.ts';
import { Board } from './board.ts';
import { Pages, type Page } from './pages.ts';
import { EVERYTHING, narrow, type Sight } from './sight.ts';

const REASONS = ['Active', 'Starting', 'CrashLoop', 'Completed'] as const;
const keyOf = (number: number): string => `process/ns-${number % 3}/name-${number}`;

const change = fc.record({
  number: fc.nat(40),
  reason: fc.constantFrom(...REASONS, undefined),
  node: fc.constantFrom('a', 'b'),
});
type Drawn = typeof change extends fc.Arbitrary<infer T> ? T : never;

function apply(world: ShownWorld, { number, reason, node }: Drawn): void {
  if (reason === undefined) world.remove(keyOf(number));
  else world.set(keyOf(number), { reason, node, restarts: number % 5 });
}

function open(): {
  readonly world: ShownWorld;
  readonly ask: (query: string, sight?: Sight) => Page | string;
  readonly later: (ms: number) => void;
} {
  const world = new ShownWorld();
  const board = new Board(world, 'life');
  let now = 0;
  const pages = new Pages(board, () => now);
  const ask = (text: string, sight = EVERYTHING): Page | string => {
    const query = new URLSearchParams(text);
    const filter = parseFilter(query, LIST_PARAMETERS);
    const list = parseListQuery(query);
    if ('code' in filter) return filter.code;
    if ('code' in list) return list.code;
    board.refresh();
    const wanted = list.continue === undefined ? narrow(filter, sight) : undefined;
    const page = pages.page(wanted, list, query.has('sort'), sight);
    return 'code' in page ? page.code : page;
  };
  return { world, ask, later: (ms) => void (now += ms) };
}

function accept(page: Page | string | undefined): Page {
  if (page === undefined || typeof page === 'string') throw new Error(`no page: ${page}`);
  return page;
}

const namesOf = ({ records }: Page): readonly string[] => records.map(({ key }) => key);

it('the pages together are the list as it was when the first was asked for, whatever changes meanwhile', () => {
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 60 }),
      fc.array(change, { maxLength: 60 }),
      fc.constantFrom('', 'namespace=ns-1', 'status=tone!=ok', 'q=name-1', 'status=node=a,ready=true'),
      fc.constantFrom('urgency', '-urgency', 'name', '-name', 'restarts', '-since'),
      fc.integer({ min: 1, max: 9 }),
      (before, during, filter, sort, limit) => {
        const { world, ask } = open();
        for (const one of before) apply(world, one);
        const whole = namesOf(accept(ask(`${filter}&sort=${sort}&limit=1000`)));
        const changes = [...during];
        const collected: string[] = [];
        let page = accept(ask(`${filter}&sort=${sort}&limit=${limit}`));
        for (;;) {
          collected.push(...namesOf(page));
          expect(page.total).toBe(whole.length);
          expect(page.remaining).toBe(whole.length - collected.length);
          if (page.continue === undefined) break;
          for (const one of changes.splice(0, 3)) apply(world, one);
          page = accept(ask(`continue=${page.continue}&limit=${limit}`));
        }
        expect(collected).toEqual(whole);
      },
    ),
  );
});

describe('a token', () => {
  const fill = (world: ShownWorld): void => {
    for (let number = 0; number < 20; number++) world.set(keyOf(number));
  };

  it('of a list that was not asked for in five minutes has expired', () => {
    const { world, ask, later } = open();
    fill(world);
    const token = accept(ask('limit=5')).continue ?? '';
    later(4 * 60_000);
    expect(accept(ask(`continue=${token}&limit=5`)).records).toHaveLength(5);
    later(6 * 60_000);
    expect(ask(`continue=${token}&limit=5`)).toBe('continue-expired');
  });

  it('of another process has expired', () => {
    const { world, ask } = open();
    fill(world);
    const other = Buffer.from('other:1:5').toString('base64url');
    expect(ask(`continue=${other}`)).toBe('continue-expired');
  });

  it('of one of too many lists has expired, the least used first', () => {
    const { world, ask } = open();
    fill(world);
    const first = accept(ask('limit=1')).continue ?? '';
    for (let number = 0; number < 70; number++) {
      world.set(keyOf(1), { restarts: number + 1 });
      accept(ask('limit=1'));
    }
    expect(ask(`continue=${first}`)).toBe('continue-expired');
  });

  it('of a list is no way to see what somebody else may see', () => {
    const { world, ask } = open();
    fill(world);
    const some = { canonical: 'ns-1', sees: ({ namespace }: { namespace: string }) => namespace === 'ns-1' };
    const token = accept(ask('limit=1')).continue ?? '';
    expect(ask(`continue=${token}`, some)).toBe('continue-expired');
    const own = accept(ask('limit=1', some));
    expect(own.total).toBe(7);
    expect(accept(ask(`continue=${own.continue}`, some)).records).toHaveLength(6);
    expect(ask(`continue=${own.continue}`)).toBe('continue-expired');
  });

  it('keeps its order', () => {
    const { world, ask } = open();
    fill(world);
    const token = accept(ask('limit=1&sort=name')).continue ?? '';
    expect(ask(`continue=${token}&sort=age`)).toBe('invalid-argument');
    expect(accept(ask(`continue=${token}&sort=name`)).records).toHaveLength(19);
  });
});

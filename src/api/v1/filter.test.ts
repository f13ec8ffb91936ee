/** The filter grammar, and what it says of what it cannot read. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFilter } from './filter.ts';
import { parseLabelSelector } from './label-selector.ts';
import { parseListQuery } from './list-query.ts';

const errorsOf = (query: string): unknown => {
  const filter = parseFilter(new URLSearchParams(query), []);
  return 'code' in filter ? filter.errors : 'no error';
};

describe('a label selector', () => {
  const labels = { app: 'web', tier: 'a', empty: '', 'example.org/x': '1' };

  it.each([
    ['', true],
    ['app=web', true],
    ['app==web,tier=a', true],
    ['app != web', false],
    ['missing!=web', true],
    ['app', true],
    ['!app', false],
    ['!missing', true],
    ['tier in (a, b)', true],
    ['tier notin (a,b),app', false],
    ['missing notin (a)', true],
    ['missing in (a)', false],
    ['empty=', true],
    ['example.org/x=1', true],
    ['constructor', false],
  ])('%j selects: %j', (text, expected) => {
    const selector = parseLabelSelector(text);
    expect(typeof selector === 'function' && selector(labels)).toBe(expected);
  });

  it.each(['a b', 'a=b=c', 'in (a)', 'a in a', 'a,,b', '(', 'a in (b', '-a', 'a=ä'])(
    '%j cannot be read',
    (text) => {
      expect(parseLabelSelector(text)).toHaveProperty('wrong');
    },
  );
});

describe('a filter', () => {
  it('names every part that is wrong, and what would be right', () => {
    expect(errorsOf('kind=pod&status=color=red,ready=maybe&labelSelector=%28&size=1')).toMatchObject([
      { path: 'size', hint: expect.stringContaining('labelSelector') },
      { path: 'kind', hint: 'one of process, cronjob, service, persistent' },
      { path: 'labelSelector' },
      { path: 'status', hint: expect.stringContaining('tone') },
      { path: 'status', hint: 'one of true, false, unknown' },
    ]);
  });

  it('that says the same in another order is the same filter', () => {
    const canonical = (query: string): unknown => {
      const filter = parseFilter(new URLSearchParams(query), []);
      return 'code' in filter ? filter.code : filter.canonical;
    };
    expect(canonical('status=ready=true,node=a&namespace=x&namespace=y')).toBe(
      canonical('namespace=y,x,x&status=node=a&status=ready=true'),
    );
    expect(canonical('namespace=a&q=b')).not.toBe(canonical('namespace=b&q=a'));
    expect(canonical('q=')).toBe('');
  });

  it('is read or refused, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('kind', 'q', 'status', 'labelSelector', 'x'), fc.string()),
        (query) => {
          const filter = parseFilter(new URLSearchParams(query), []);
          expect('code' in filter ? filter.errors?.length : filter.canonical.length + 1).toBeGreaterThan(0);
        },
      ),
    );
  });
});

describe('a list', () => {
  it.each([
    'limit=0',
    'limit=1001',
    'limit=1.5',
    'limit=',
    'sort=size',
    'sort=--name',
    'fields=',
    'fields=name,x',
  ])('is not asked for with %s', (query) => {
    expect(parseListQuery(new URLSearchParams(query))).toMatchObject({ code: 'invalid-argument' });
  });
});

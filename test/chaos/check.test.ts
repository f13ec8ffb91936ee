import { describe, expect, it } from 'vitest';
import { checkHistory } from './check.ts';
import { formatHistory, type Fact } from './history.ts';
import { isInTime, verdictPage } from './report.ts';
import { planFaults } from './schedule.ts';

const TTL = 2000;

function grant(at: number, epoch: number, who: string, isReleased = false): Fact {
  const until = isReleased ? at : at + TTL;
  const holder = `${who}/host/uuid`;
  return {
    kind: 'store',
    at,
    from: at,
    until,
    wallUntil: until,
    epoch,
    nonce: `n${epoch}`,
    holder,
    isReleased,
  };
}

function write(at: number, who: string, object = 'pods/default/one', carries?: number): Fact {
  const term = carries === undefined ? {} : { carries };
  return { kind: 'write', at, done: at + 5, who, verb: 'patch', object, ...term };
}

/** A leads from 10, is killed at 3000; B leads from 4600 and releases at 6000; C leads from 6050. */
const SOUND: readonly Fact[] = [
  { kind: 'run', at: 0, store: 'redis', seed: 1, ttl: TTL, controllers: 3, minutes: 1 },
  grant(5, 1, 'a'),
  { kind: 'elected', at: 10, who: 'a', term: 1 },
  write(20, 'a'),
  { kind: 'validity', at: 500, who: 'a', term: 1, remaining: 1300 },
  grant(2500, 1, 'a'),
  { kind: 'fault', at: 3000, until: 3500, fault: 'kill', on: 'a', delaysWrites: false },
  { kind: 'killed', at: 3000, who: 'a', term: 1 },
  grant(4550, 2, 'b'),
  { kind: 'elected', at: 4600, who: 'b', term: 2 },
  write(4610, 'b', 'pods/default/one', 2),
  grant(6000, 2, 'b', true),
  { kind: 'released', at: 6002, who: 'b', term: 2 },
  grant(6040, 3, 'c'),
  { kind: 'elected', at: 6050, who: 'c', term: 3 },
  write(6060, 'c'),
];

function breaches(...planted: readonly Fact[]): readonly string[] {
  const facts = [...SOUND, ...planted].toSorted((a, b) => a.at - b.at);
  return checkHistory(facts).breaches.map(({ invariant }) => invariant);
}

it('finds nothing in a history without a fault of ours, and counts what happened', () => {
  const verdict = checkHistory(SOUND);
  expect(verdict.breaches).toEqual([]);
  expect(verdict).toMatchObject({ overlapMs: 0, staleWrites: 0, lateWrites: 0, writes: 3, transitions: 2 });
  expect(verdict.takeovers).toEqual([1600]);
});

describe('a planted violation is found', () => {
  it('I1: a grant before the one before has run out', () => {
    expect(breaches(grant(4400, 9, 'x'))).toContain('I1');
  });

  it('I1: a process begins a term while another may still act', () => {
    const facts = SOUND.filter(({ kind }) => kind !== 'killed');
    const early: Fact[] = [grant(3990, 7, 'x'), { kind: 'elected', at: 4000, who: 'x', term: 7 }];
    const verdict = checkHistory([...facts, ...early]);
    expect(verdict.breaches.map(({ invariant }) => invariant)).toContain('I1');
    expect(verdict.overlapMs).toBe(1390);
  });

  it('I2: a term that does not rise', () => {
    expect(breaches({ kind: 'elected', at: 9000, who: 'a', term: 2 })).toContain('I2');
    expect(breaches(grant(9000, 2, 'd'))).toContain('I2');
  });

  it('I2: not held against a store that lost its data', () => {
    expect(breaches({ kind: 'data-lost', at: 8999 }, grant(9000, 1, 'a'))).toEqual([]);
  });

  it('I3: a leader that believes longer than the store grants', () => {
    expect(breaches({ kind: 'validity', at: 2700, who: 'a', term: 1, remaining: 1900 })).toEqual(['I3']);
  });

  it('I3: a write after the grant has run out, unless the wire held it up', () => {
    const late = write(4505, 'a', 'pods/default/other');
    expect(breaches(late)).toEqual(['I3']);
    const fault = {
      kind: 'fault',
      at: 2900,
      until: 4000,
      fault: 'delay',
      on: 'a',
      delaysWrites: true,
    } as const;
    expect(breaches(late, fault)).toEqual([]);
  });

  it('I4: a write of an old term on an object that a newer one has written', () => {
    expect(breaches(write(6100, 'c', 'pods/default/one', 1))).toEqual(['I4']);
  });

  it('I5: a write after the release', () => {
    expect(breaches(write(6010, 'b', 'pods/default/other'))).toContain('I5');
  });

  it('I6: a renewal that changes the holder', () => {
    expect(breaches({ ...(grant(6900, 3, 'd') as Fact & { kind: 'store' }), nonce: 'n3' })).toContain('I6');
  });

  it('a store that was emptied cannot know, whatever the order in which facts of several kinds were collected', () => {
    const granted = [
      ...SOUND,
      grant(9000, 4, 'd'),
      { kind: 'data-lost', at: 9100 } as const,
      grant(9200, 5, 'e'),
    ];
    expect(checkHistory(granted).breaches).toEqual([]);
    const byKind = granted.toSorted((a, b) => (a.kind < b.kind ? -1 : 1));
    expect(checkHistory(byKind).breaches).toEqual([]);
    expect(checkHistory(granted.filter(({ kind }) => kind !== 'data-lost')).breaches).toHaveLength(1);
  });

  it('I8: what the overlap referee objected to', () => {
    expect(breaches({ kind: 'objection', at: 1, invariant: 'I8', text: 'two instances at once' })).toEqual([
      'I8',
    ]);
  });
});

it('a history is one line per fact, in order of time', () => {
  const lines = formatHistory(SOUND.toReversed()).trimEnd().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as Fact).at)).toEqual(SOUND.map(({ at }) => at));
});

const plan = { seed: 7, duration: 60_000, ttl: TTL, store: 'redis', controllers: 4 } as const;

describe('the report', () => {
  const verdict = checkHistory(SOUND);

  it('calls take-overs late when more than one of a hundred took longer than T + 0.5 s', () => {
    const takeovers = (late: number) => [
      ...Array<number>(200 - late).fill(TTL),
      ...Array<number>(late).fill(TTL + 501),
    ];
    expect(isInTime(plan, { ...verdict, takeovers: takeovers(2) })).toBe(true);
    expect(isInTime(plan, { ...verdict, takeovers: takeovers(3) })).toBe(false);
  });

  it('is a page with the command that runs it again, and with each number', () => {
    const page = verdictPage(plan, { ...verdict, takeovers: [1600, 1700, 2100] }, 3, 'a machine');
    for (const text of [
      '--store redis --minutes 1 --seed 7 --controllers 4 --ttl 2000',
      '| time in which two could act | 0 ms |',
      '| of a stale term, on an object of a newer one | 0 |',
      '| changes of leader | 2 |',
      'p50 1700 ms, p99 2100 ms, max 2100 ms; 0 above T + 0.5 s = 2500 ms',
      '| take-overs from 1500 to 1750 ms | ## 2 |',
    ])
      expect(page).toContain(text);
  });
});

describe('the plan of faults', () => {
  it('is the same for the same seed, and another one for another', () => {
    expect(planFaults(plan)).toEqual(planFaults(plan));
    expect(planFaults(plan)).not.toEqual(planFaults({ ...plan, seed: 8 }));
  });

  it('asks nothing of a store that it cannot have', () => {
    const kinds = (store: 'sqlite' | 'redis') =>
      new Set(planFaults({ ...plan, store, duration: 600_000 }).map(({ kind }) => kind));
    expect(kinds('redis')).toContain('store-restart');
    expect(kinds('sqlite')).not.toContain('store-restart');
    expect(kinds('sqlite')).not.toContain('store-wire');
  });
});

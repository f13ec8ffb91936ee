import { describe, expect, it } from 'vitest';
import { endOfPause, longestPause, readPause } from './pause.ts';

const UNTIL = '2026-11-22T16:00:00Z';

describe('a pause that people write', () => {
  it('needs no more than a reason', () => {
    expect(readPause('{"reason":"upgrade"}')).toEqual({ reason: 'upgrade', by: '' });
  });

  it('ends at its time, or never', () => {
    expect(endOfPause({ reason: 'r', by: '', until: UNTIL })).toBe(Date.parse(UNTIL));
    expect(endOfPause({ reason: 'r', by: '' })).toBe(Infinity);
  });

  it.each([
    ['true', 'not a JSON object'],
    ['["reason"]', 'not a JSON object'],
    ['{"by":"eva"}', 'reason is missing'],
    ['{"reason":" "}', 'reason is empty'],
    ['{"reason":"x","until":5}', 'until is not a text'],
    ['{"reason":"x","until":"tomorrow"}', 'until "tomorrow" is not a time'],
    ['{"reason":"x","until":"2026-11-22T16:00:00"}', 'is not a time'],
  ])('%s has no effect, and it is said why', (text, fault) => {
    expect(readPause(text)).toMatchObject({ fault: expect.stringContaining(fault) as unknown });
  });

  it('of several the one that lasts longest counts', () => {
    const short = { reason: 'short', by: '', until: UNTIL };
    expect(longestPause([short, { reason: 'open', by: '' }])?.reason).toBe('open');
    expect(longestPause([])).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { cronInput, cronJobOf, hourly, jobOf } from '../../../test/cron-fixture.ts';
import { ledgerKey, tickOf, viewSchedule } from './ledger.ts';
import type { Tick } from './observed.ts';
import { planWorkload } from './plan.ts';
import { decodeRecord, encodeRecord } from './registry-shard.ts';
import { composeStatus, decodeStatusRecord, readStatus } from './resource-status.ts';
import { recordFor } from './restarts.ts';
import { viewWorkload } from './status.ts';

const TICKS: readonly Tick[] = [
  { at: '2026-01-01T11:00:00Z' },
  { at: '2026-01-01T12:00:00Z', jobUid: 'noon' },
  { at: 'request/r1', jobUid: 'asked' },
];
const RECORD = { managedFrom: 'resource', restarts: 0, ticks: TICKS } as const;

describe('the ledger survives', () => {
  it('in the registry', () => {
    expect(decodeRecord(encodeRecord(RECORD))).toEqual(RECORD);
  });

  it('in the status of a custom resource, which also shows how the schedule is followed', () => {
    const input = { ...cronInput({ ticks: TICKS }), record: RECORD };
    const view = viewWorkload(input, planWorkload(input));
    const status = composeStatus(
      { generation: 1, term: 7, view, input, schedule: viewSchedule(input) },
      {},
      '2026-01-01T12:30:00Z',
    );
    const resource = { metadata: { name: 'report' }, status };
    expect(decodeStatusRecord(readStatus(resource))).toEqual(RECORD);
    expect(status.schedule).toEqual({
      last: '2026-01-01T12:00:00Z',
      next: '2026-01-01T13:00:00Z',
      missed: 0,
    });
  });

  it('an edit of the spec and a move between file and resource', () => {
    expect(recordFor(hourly({ image: 'other' }), RECORD)).toMatchObject({
      managedFrom: 'file',
      ticks: TICKS,
    });
  });
});

describe('what people see', () => {
  const healthy = (ticks: readonly Tick[]): boolean => {
    const input = cronInput({ ticks });
    return viewWorkload(input, planWorkload(input)).healthy;
  };

  it('is unhealthy from a missed tick until the next one that is run', () => {
    const missed = { at: '2026-01-01T12:00:00Z' };
    expect(healthy([{ at: '2026-01-01T11:00:00Z', jobUid: 'a' }, missed])).toBe(false);
    expect(healthy([{ at: '2026-01-01T11:00:00Z' }, { ...missed, jobUid: 'a' }])).toBe(true);
  });

  it('names no next tick while the schedule is suspended', () => {
    const workload = hourly({ suspend: true });
    expect(viewSchedule(cronInput({ workload }))).toEqual({ last: '2026-01-01T12:00:00Z', missed: 0 });
  });

  it('reads the schedule in its zone', () => {
    const workload = hourly({ schedule: '0 3 * * *', timeZone: 'Asia/Kolkata' });
    expect(viewSchedule(cronInput({ workload })).next).toBe('2026-01-01T21:30:00Z');
  });
});

it('a tick is the same moment in whatever zone its controller wrote it', () => {
  expect(tickOf(jobOf('a', '2026-01-01T14:00:00+01:00'))).toBe('2026-01-01T13:00:00Z');
  expect(ledgerKey(jobOf('a', 'yesterday'))).toBeUndefined();
  expect(tickOf(cronJobOf(hourly()))).toBeUndefined();
});

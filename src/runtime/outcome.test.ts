import { expect, it } from 'vitest';
import { createManualSystem } from '../../test/manual-system.ts';
import { settleFailure } from './outcome.ts';
import { settleResourceWrite } from './resource-write.ts';
import { IN_QUESTION } from './term.ts';
import { WorkloadNotes } from './workload-notes.ts';

it('a write that the term did not let through is tried again: its right to act may be in question for a moment only', () => {
  const { clock } = createManualSystem();
  const context = { clock, notes: new WorkloadNotes('default'), emit: () => {} };
  const attempt = { action: 'claim', object: 'pod' } as const;
  expect(settleFailure(context, 'process/default/report', attempt, { kind: 'fenced' })).toEqual({
    kind: 'wait',
    retryIn: IN_QUESTION,
  });
  expect(settleResourceWrite({ kind: 'fenced' })).toEqual({ kind: 'later', retryIn: IN_QUESTION });
});

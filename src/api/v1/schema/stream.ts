/** What the live stream and refusals carry. */
import { Type } from 'typebox';
import type { API_PROBLEMS } from '../problem.ts';
import { ObservedBy, Controller, WorkloadRow, HistoryRecord, Summary } from './state.ts';
import { exact, orNull, Text, Count } from './value.ts';

export const StreamSnapshot = exact(
  'StreamSnapshot',
  'The event `snapshot`: replaces everything the client holds.',
  {
    rev: Text,
    seenBy: ObservedBy,
    summary: Summary,
    controllers: Type.Array(Controller),
    workloads: Type.Array(WorkloadRow),
    truncated: orNull(
      exact('Truncated', 'There are more rows than are sent.', { shown: Count, total: Count }),
    ),
  },
);

export const StreamDelta = exact('StreamDelta', 'The event `delta`: what changed between two revisions.', {
  rev: Text,
  prev: Type.String({
    description: 'a client that holds another revision has missed something and starts again',
  }),
  summary: orNull(Summary),
  upsert: exact('Upsert', 'Rows that are new or changed.', {
    controllers: Type.Array(Controller),
    workloads: Type.Array(WorkloadRow),
  }),
  remove: exact('Remove', 'Keys of rows that are gone, or match no longer.', { workloads: Type.Array(Text) }),
  history: Type.Array(HistoryRecord),
});

export const Problem = exact('Problem', 'A refused request (RFC 9457).', {
  type: Text,
  title: Text,
  status: Type.Integer(),
  code: Type.Unsafe<keyof typeof API_PROBLEMS>(Type.String({ pattern: '^[a-z]+(-[a-z]+)*$' })),
  detail: Text,
  instance: Text,
  requestId: Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' }),
  hint: Text,
  retryable: Type.Boolean(),
  errors: Type.Array(
    exact('FieldError', 'One parameter that is wrong.', { path: Text, message: Text, hint: Text }),
  ),
});

export const ProblemText = exact('ProblemText', 'What a code means.', {
  code: Text,
  status: Type.Integer(),
  title: Text,
  hint: Text,
  retryable: Type.Boolean(),
});

export const ProblemList = exact('ProblemList', 'Every code.', {
  kind: Type.Literal('ProblemList'),
  items: Type.Array(ProblemText),
});

/** What was asked for, and who asks. */
import { Type, type Static } from 'typebox';
import { ListMeta } from './list.ts';
import { exact, orNull, words, Because, Count, Kind, Text, Time, Truth } from './value.ts';

export const ActionRecord = exact('ActionRecord', 'Something that was asked for, as its record stands.', {
  id: Type.String({ description: 'of the request; of a record written without one, the name of its entry' }),
  action: Text,
  target: exact('ActionTarget', 'What it is about.', {
    is: words('workload', 'tenant', 'controller', 'node'),
    name: Type.String({ description: 'of a workload `kind/namespace/name`' }),
  }),
  by: Type.String({ description: 'as the record states it' }),
  reason: Text,
  at: orNull(Time),
  until: orNull(Time),
  state: Type.Unsafe<
    'pending' | 'running' | 'succeeded' | 'failed' | 'expired' | 'active' | 'ended' | 'unreadable' | 'unknown'
  >({
    type: 'string',
    enum: [
      'pending',
      'running',
      'succeeded',
      'failed',
      'expired',
      'active',
      'ended',
      'unreadable',
      'unknown',
    ],
    description:
      'pending: no leader has taken it up; expired: none did in time; active and ended: of what lasts (pause, drain, a fenced node); unreadable: the record has no effect',
  }),
  result: orNull(Text),
  term: orNull(Count),
  answeredAt: orNull(Time),
  unknownBecause: Because,
});

export const ActionList = exact('ActionList', 'What was asked for, the newest first.', {
  kind: Type.Literal('ActionList'),
  metadata: ListMeta,
  items: Type.Array(ActionRecord),
});

export const Permission = exact('Permission', 'Whether the caller may ask for these, and why not.', {
  actions: Type.Array(Text),
  target: exact('PermissionTarget', 'About what.', {
    is: words('workload', 'tenant', 'controller'),
    source: Type.Union([words('file', 'cr'), Type.Null()], { description: 'of a workload' }),
    kind: orNull(Kind),
    namespace: orNull(Type.String({ description: 'null: in all namespaces' })),
  }),
  allowed: Truth,
  because: orNull(Type.String({ description: 'the right that is missing, or why it could not be asked' })),
});

export const WhoAmI = exact('WhoAmI', 'Who the caller is taken for, and what they may do.', {
  kind: Type.Literal('WhoAmI'),
  user: Text,
  groups: Type.Array(Text),
  role: Type.Union([words('reader', 'operator', 'unknown')], {
    description: 'operator: may ask for something; unknown: nobody could be asked',
  }),
  permissions: Type.Array(Permission),
});

export type ActionRecord = Static<typeof ActionRecord>;
export type Permission = Static<typeof Permission>;
export type WhoAmI = Static<typeof WhoAmI>;

/** Pages of things. */
import { Type, type Static } from 'typebox';
import { ObservedBy, Partial, Meta, Leader, Controller, WorkloadRow, HistoryRecord } from './state.ts';
import { exact, orNull, words, Time, Text, Count, Truth, Because } from './value.ts';

const listMeta = {
  revision: Meta.properties.revision,
  observedAt: Time,
  observedBy: ObservedBy,
  partial: Type.Array(Partial),
  total: Type.Integer({ minimum: 0, description: 'rows that match, on all pages' }),
  remaining: Type.Integer({ minimum: 0, description: 'rows on the pages behind this one' }),
  continue: orNull(Type.String({ description: 'opaque; null on the last page' })),
  source: Type.Literal('controller'),
};
export const ListMeta = exact('ListMeta', 'Which part of which list this is.', listMeta);

export const WorkloadList = exact('WorkloadList', 'A page of workloads.', {
  kind: Type.Literal('WorkloadList'),
  metadata: ListMeta,
  items: Type.Array(WorkloadRow),
});

export const SelectedWorkloadList = exact(
  'SelectedWorkloadList',
  'A page of workloads with the selected fields only.',
  {
    kind: Type.Literal('SelectedWorkloadList'),
    metadata: ListMeta,
    items: Type.Array(
      Type.Partial(WorkloadRow, {
        title: 'SelectedWorkloadRow',
        additionalProperties: false,
        description: 'kind, namespace, name and the selected fields',
      }),
    ),
  },
);

export const ControllerList = exact('ControllerList', 'The candidates that are known.', {
  kind: Type.Literal('ControllerList'),
  metadata: ListMeta,
  items: Type.Array(Controller),
});

export const HistoryList = exact('HistoryList', 'What changed, the newest first.', {
  kind: Type.Literal('HistoryList'),
  metadata: exact('HistoryMeta', 'Which part of the history this is.', {
    ...listMeta,
    oldest: orNull(
      Type.String({ format: 'date-time', description: 'time of the oldest entry that is kept' }),
    ),
    keptSince: Type.String({ format: 'date-time', description: 'before this nothing is known' }),
  }),
  items: Type.Array(HistoryRecord),
});

export const Term = exact('Term', 'One leader, from one change to the next.', {
  leader: orNull(Text),
  term: orNull(Count),
  from: Time,
  to: orNull(Type.String({ format: 'date-time', description: 'null: it goes on' })),
  gapMs: orNull(
    Type.Number({ minimum: 0, description: 'before it, nobody led for so long; null: not measured' }),
  ),
  cause: Text,
});

export const TermList = exact('TermList', 'Who led when, the newest first.', {
  kind: Type.Literal('TermList'),
  metadata: HistoryList.properties.metadata,
  items: Type.Array(Term),
});

export const WorkloadEvent = exact(
  'WorkloadEvent',
  'Something that the controller did, found or was refused.',
  {
    at: Time,
    type: words('Normal', 'Warning'),
    reason: Text,
    message: Text,
    pod: orNull(Text),
  },
);

export const EventList = exact(
  'EventList',
  'The last events of a workload on the one who answers, the newest first.',
  {
    kind: Type.Literal('EventList'),
    metadata: ListMeta,
    items: Type.Array(WorkloadEvent),
  },
);

export const TenantList = exact('TenantList', 'The tenants that this process serves.', {
  kind: Type.Literal('TenantList'),
  metadata: ListMeta,
  items: Type.Array(
    exact('Tenant', 'One lock, one leader, one set of objects.', {
      name: Text,
      leader: Leader.properties.id,
      term: orNull(Count),
      workloads: Type.Union([Count, Type.Null()], { description: 'null: unknown, see `unknownBecause`' }),
      unknownBecause: Because,
    }),
  ),
});

export const ClusterList = exact('ClusterList', 'The clusters that this process serves.', {
  kind: Type.Literal('ClusterList'),
  metadata: ListMeta,
  items: Type.Array(
    exact('Cluster', 'A Kubernetes cluster.', {
      name: Text,
      reachable: Truth,
      workloads: Type.Union([Count, Type.Null()], { description: 'null: unknown, see `unknownBecause`' }),
      unknownBecause: Because,
    }),
  ),
});

export type ListMeta = Static<typeof ListMeta>;
export type Term = Static<typeof Term>;
export type WorkloadEvent = Static<typeof WorkloadEvent>;

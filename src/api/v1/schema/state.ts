/**
 * Every type of version 1 of the API, described once: the types below, the OpenAPI document and the tests that hold real
 * answers against it follow from here. Only types of this file may be imported where the controller runs; the schemas
 * themselves need a library that is there for development alone.
 *
 * Every field is always there. A fact that could not be read is `"unknown"`, or null beside an `unknownBecause`; "none"
 * is null.
 */
import { Type, type Static } from 'typebox';
import {
  exact,
  orNull,
  words,
  Time,
  Text,
  Count,
  Milliseconds,
  Truth,
  Because,
  Kind,
  Tone,
  Role,
} from './value.ts';

export const ObservedBy = exact(
  'ObservedBy',
  'Who answers, and in which role. A follower answers from its own watch.',
  {
    id: Text,
    role: Role,
  },
);

export const Partial = exact(
  'Partial',
  'A source that could not be read, so that the answer may be incomplete or old.',
  {
    source: words('kubernetes', 'store', 'leader', 'presence', 'access'),
    code: words('unavailable', 'not-leading', 'disagreement', 'hidden'),
    detail: Text,
  },
);

export const Meta = exact('Meta', 'What this answer is made of.', {
  revision: Type.String({ description: 'opaque; changes when anything that is shown changes' }),
  observedAt: Time,
  observedBy: ObservedBy,
  partial: Type.Array(Partial),
});

export const APIInfo = exact('APIInfo', 'Who answers, and what this version of the API has.', {
  version: Text,
  id: Text,
  tenant: Text,
  cluster: Text,
  role: Role,
  startedAt: Time,
  limits: exact('Limits', 'The largest of each.', {
    page: Count,
    streams: Count,
    history: Count,
    headerBytes: Count,
  }),
  paths: Type.Array(Text),
});

export const Leader = exact('Leader', 'Who leads, as far as the one who answers knows.', {
  id: Type.Union([Text, Type.Null()], {
    description: 'null: nobody holds the lock; "unknown": the store does not answer',
  }),
  isSelf: Type.Boolean({ description: 'whether the one who answers may act right now' }),
  term: orNull(Count),
  since: orNull(Time),
  cluster: orNull(Type.String({ description: 'known of the one who answers only' })),
  lease: exact('Lease', 'The lock.', {
    ttlMs: Milliseconds,
    state: words('ok', 'late', 'lost', 'free', 'held', 'unknown'),
    remainingMs: orNull(Milliseconds),
  }),
  waiting: orNull(
    exact('Waiting', 'The lock is held, and acting begins later.', { reason: Text, until: Time }),
  ),
  last: orNull(Type.String({ description: 'the last holder, when nobody leads' })),
  unknownBecause: Because,
});

export const Store = exact('Store', 'The lock store.', {
  kind: Text,
  address: Type.String({ description: 'without credentials' }),
  up: Truth,
  since: orNull(Time),
  failures: Type.Integer({
    minimum: 0,
    description: 'operations without an answer since the last one that had one',
  }),
  fence: exact('Fence', 'The anchor in the cluster that holds the highest term.', {
    usable: Truth,
    serverFencing: words('true', 'false', 'unknown'),
    unknownBecause: Because,
  }),
  unknownBecause: Because,
});

export const Controller = exact('Controller', 'A candidate for leadership.', {
  id: Text,
  role: Type.Union([Role, Type.Literal('unknown')]),
  cluster: Text,
  version: Text,
  isSelf: Type.Boolean(),
  sees: orNull(
    exact('Sees', 'Which leader and term it believes in.', {
      leader: Type.Union([Text, Type.Null()]),
      term: orNull(Count),
    }),
  ),
  startedAt: orNull(Time),
  lastSeen: orNull(
    Type.String({
      format: 'date-time',
      description: 'when it was heard from; null: it is the one who answers, or it was never heard from',
    }),
  ),
  ready: Truth,
  notReadyBecause: orNull(Text),
  unknownBecause: Because,
});

export const Disagreement = exact('Disagreement', 'Another leader or term than the one who answers sees.', {
  id: Text,
  leader: orNull(Text),
  term: Count,
});

export const WorkloadRow = exact('WorkloadRow', 'A workload in one line.', {
  kind: Kind,
  namespace: Text,
  name: Text,
  source: Type.Union([words('file', 'cr'), Type.Null()], { description: 'null: no longer defined' }),
  ready: Truth,
  active: Truth,
  tone: Tone,
  reason: Type.String({ description: 'a reason, or `unknown`' }),
  message: Text,
  since: orNull(Time),
  holder: orNull(Type.String({ description: 'the leader that claimed the instance' })),
  cluster: orNull(Text),
  term: orNull(Count),
  token: orNull(Count),
  pod: orNull(Text),
  node: orNull(Text),
  image: orNull(Text),
  restarts: orNull(Count),
  createdAt: orNull(Time),
});

export const HistoryRecord = exact('HistoryRecord', 'A change that somebody may ask about later.', {
  id: Text,
  at: Time,
  type: words(
    'leader-changed',
    'started',
    'stopped',
    'not-ready',
    'recovered',
    'restarted',
    'moved',
    'completed',
    'removed',
    'asked',
  ),
  subject: Type.String({ description: '`kind/namespace/name`, `node/NAME`, or `leader`' }),
  from: orNull(Text),
  to: orNull(Text),
  term: orNull(Count),
  gapMs: orNull(Milliseconds),
  gap: Type.Union([words('measured', 'open', 'not-measured')], {
    description: '`not-measured`: its beginning was not seen',
  }),
  cause: Text,
});

export const Workload = exact('Workload', 'A workload in full.', {
  apiVersion: Type.Literal('view.highlander.plexobject.io/v1'),
  kind: Type.Literal('Workload'),
  metadata: exact('WorkloadMetadata', 'Which one, and who says so.', {
    kind: Kind,
    namespace: Text,
    name: Text,
    uid: orNull(Text),
    generation: orNull(Count),
    source: WorkloadRow.properties.source,
    labels: Type.Record(Text, Text),
    createdAt: orNull(Time),
    revision: Text,
    observedAt: Time,
    observedBy: ObservedBy,
  }),
  ready: Truth,
  active: Truth,
  healthy: Truth,
  tone: Tone,
  reason: Text,
  message: Text,
  since: orNull(Time),
  holder: orNull(
    exact('Holder', 'The leader that claimed the instance.', { id: Text, cluster: orNull(Text) }),
  ),
  term: orNull(Count),
  fencingToken: orNull(Count),
  restarts: orNull(Count),
  maxRestarts: orNull(Count),
  schedule: orNull(Text),
  instance: orNull(
    exact('Instance', 'Its pod, as last seen.', {
      pod: Text,
      podUid: orNull(Text),
      phase: orNull(Text),
      node: orNull(Text),
      podIP: orNull(Text),
      image: orNull(Text),
      startedAt: orNull(Time),
      ready: Truth,
    }),
  ),
  lastMove: orNull(HistoryRecord),
  invalid: orNull(Type.String({ description: 'why the custom resource cannot be used as it is' })),
  unknownBecause: Because,
  links: exact('Links', 'Relative to the base of the API, so that they survive any prefix.', {
    self: Text,
    explain: Text,
    history: Text,
    events: Text,
    objects: Text,
  }),
});

export const Rule = exact('Rule', 'One rule of the chain and what it said.', {
  rule: Text,
  verdict: words('pass', 'stop', 'not-reached'),
  reason: orNull(Text),
  message: orNull(Text),
});

export const Explanation = exact('Explanation', 'Why a workload is as it is: the chain, in its order.', {
  kind: Type.Literal('Explanation'),
  metadata: Meta,
  workload: Text,
  ready: Truth,
  reason: Text,
  message: Text,
  since: orNull(Time),
  rules: Type.Union([Type.Array(Rule), Type.Null()], { description: 'null: unknown, see `unknownBecause`' }),
  unknownBecause: Because,
});

export const TreeNode = exact('TreeNode', 'One object, and what it belongs to.', {
  id: Text,
  parent: orNull(Text),
  kind: Text,
  namespace: orNull(Text),
  name: Text,
  uid: orNull(Text),
  state: Text,
  node: orNull(Text),
  createdAt: orNull(Time),
});

export const ObjectTree = exact('ObjectTree', 'From the lock to the pods.', {
  kind: Type.Literal('ObjectTree'),
  metadata: Meta,
  workload: Text,
  nodes: Type.Array(TreeNode),
  unknownBecause: Because,
});

export const Summary = exact('Summary', 'The overview in one call.', {
  observedBy: ObservedBy,
  tenant: Text,
  cluster: Text,
  leader: Leader,
  store: Store,
  counts: orNull(
    exact(
      'Counts',
      'How many workloads there are, by how they are and by kind. Null: none is known, and the API server does not answer.',
      {
        total: Count,
        ready: Count,
        notReady: Count,
        unknown: Count,
        tones: Type.Record(Text, Count),
        kinds: Type.Record(Text, exact('KindCount', 'Of one kind.', { total: Count, ready: Count })),
      },
    ),
  ),
  problems: Type.Array(WorkloadRow, { maxItems: 20 }),
  lastChange: orNull(HistoryRecord),
  disagreement: Type.Union([Type.Array(Disagreement), Type.Null()], {
    description: 'who sees something else; empty: all that were heard from agree; null: that cannot be told',
  }),
  partial: Type.Array(Partial),
});

export type ObservedBy = Static<typeof ObservedBy>;
export type Partial = Static<typeof Partial>;
export type Meta = Static<typeof Meta>;
export type APIInfo = Static<typeof APIInfo>;
export type Leader = Static<typeof Leader>;
export type Store = Static<typeof Store>;
export type Controller = Static<typeof Controller>;
export type Disagreement = Static<typeof Disagreement>;
export type WorkloadRow = Static<typeof WorkloadRow>;
export type HistoryRecord = Static<typeof HistoryRecord>;
export type Workload = Static<typeof Workload>;
export type Explanation = Static<typeof Explanation>;
export type TreeNode = Static<typeof TreeNode>;
export type ObjectTree = Static<typeof ObjectTree>;
export type Summary = Static<typeof Summary>;

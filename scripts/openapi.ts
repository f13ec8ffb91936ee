/** The OpenAPI document of version 1 of the API, from the schemas of its types. */
import type { TSchema } from 'typebox';
import { ACTIONS, type ActionTarget } from '../src/api/v1/action.ts';
import { API_PROBLEMS } from '../src/api/v1/problem.ts';
import * as actions from '../src/api/v1/schema/action.ts';
import * as lists from '../src/api/v1/schema/list.ts';
import * as states from '../src/api/v1/schema/state.ts';
import * as streams from '../src/api/v1/schema/stream.ts';

/** Relative to the repository. */
export const OPENAPI_FILE = 'src/api/v1/openapi.json';

const SCHEMAS: Readonly<Record<string, TSchema>> = { ...states, ...lists, ...actions, ...streams };

type Json = Readonly<Record<string, unknown>>;

interface Operation {
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  /** Names of schemas of the answer; several: which one depends on the query. */
  readonly answers: readonly string[];
  readonly parameters?: readonly Json[];
  /** Codes besides those that every path may answer with. */
  readonly problems?: readonly (keyof typeof API_PROBLEMS)[];
  readonly mediaType?: string;
}

const query = (name: string, description: string, schema: Json = { type: 'string' }): Json => ({
  name,
  in: 'query',
  description,
  schema,
});
const repeated = { type: 'array', items: { type: 'string' } };
const TENANT = query('tenant', 'another tenant than the one served: 404');
const LIMIT = query('limit', 'rows of a page', { type: 'integer', minimum: 1, maximum: 1000, default: 500 });
const FILTER = [
  query('kind', 'only these kinds', repeated),
  query('namespace', 'only these namespaces', repeated),
  query('labelSelector', 'in the syntax of Kubernetes'),
  query('q', 'substring of name, message, image or node'),
  query('status', 'conditions KEY=VALUE or KEY!=VALUE, comma-separated, all of which must hold'),
];
const WORKLOAD = '/api/v1/workloads/{kind}/{namespace}/{name}';
const HISTORY = [
  LIMIT,
  query('continue', 'the token of the page before'),
  query('since', 'nothing earlier than this time', { type: 'string', format: 'date-time' }),
  query('type', 'only these types', repeated),
];

const OPERATIONS: readonly Operation[] = [
  { path: '/api/v1', id: 'getInfo', summary: 'Who answers', answers: ['APIInfo'] },
  { path: '/api/v1/', id: 'getInfoAtRoot', summary: 'Who answers', answers: ['APIInfo'] },
  { path: '/api/v1/summary', id: 'getSummary', summary: 'The overview', answers: ['Summary'] },
  { path: '/api/v1/leader', id: 'getLeader', summary: 'Who leads', answers: ['Leader'] },
  { path: '/api/v1/store', id: 'getStore', summary: 'The lock store', answers: ['Store'] },
  { path: '/api/v1/tenants', id: 'listTenants', summary: 'Tenants served', answers: ['TenantList'] },
  { path: '/api/v1/clusters', id: 'listClusters', summary: 'Clusters served', answers: ['ClusterList'] },
  { path: '/api/v1/controllers', id: 'listControllers', summary: 'Candidates', answers: ['ControllerList'] },
  {
    path: '/api/v1/controllers/{id}',
    id: 'getController',
    summary: 'One candidate',
    answers: ['Controller'],
    problems: ['not-found'],
  },
  {
    path: '/api/v1/whoami',
    id: 'getWhoAmI',
    summary: 'Who the caller is, and what they may do',
    answers: ['WhoAmI'],
    parameters: [query('namespace', 'asks about the workloads there; else in all namespaces', repeated)],
    problems: ['unauthenticated', 'kube-unavailable'],
  },
  {
    path: '/api/v1/actions',
    id: 'listActions',
    summary: 'What was asked for',
    answers: ['ActionList'],
    parameters: [LIMIT],
  },
  {
    path: '/api/v1/actions/{id}',
    id: 'getAction',
    summary: 'One thing that was asked for',
    answers: ['ActionRecord'],
    problems: ['not-found'],
  },
  {
    path: '/api/v1/workloads',
    id: 'listWorkloads',
    summary: 'Workloads in pages',
    answers: ['WorkloadList', 'SelectedWorkloadList'],
    parameters: [
      ...FILTER,
      query('sort', 'urgency, name, age, restarts or since; with - in front for the reverse'),
      LIMIT,
      query('continue', 'the token of the page before'),
      query('fields', 'only these fields of each row, comma-separated'),
    ],
    problems: ['invalid-filter', 'continue-expired'],
  },
  {
    path: WORKLOAD,
    id: 'getWorkload',
    summary: 'A workload',
    answers: ['Workload'],
    problems: ['not-found'],
  },
  {
    path: `${WORKLOAD}/explain`,
    id: 'explainWorkload',
    summary: 'Why it is as it is',
    answers: ['Explanation'],
    problems: ['not-found'],
  },
  {
    path: `${WORKLOAD}/history`,
    id: 'listWorkloadHistory',
    summary: 'What changed',
    answers: ['HistoryList'],
    parameters: HISTORY,
    problems: ['not-found'],
  },
  {
    path: `${WORKLOAD}/events`,
    id: 'listWorkloadEvents',
    summary: 'What was done and refused',
    answers: ['EventList'],
    problems: ['not-found'],
  },
  {
    path: `${WORKLOAD}/objects`,
    id: 'getWorkloadObjects',
    summary: 'From the lock to the pods',
    answers: ['ObjectTree'],
    problems: ['not-found'],
  },
  {
    path: '/api/v1/history',
    id: 'listHistory',
    summary: 'What changed',
    answers: ['HistoryList'],
    parameters: HISTORY,
  },
  {
    path: '/api/v1/terms',
    id: 'listTerms',
    summary: 'Who led when',
    answers: ['TermList'],
    parameters: [LIMIT],
  },
  {
    path: '/api/v1/stream',
    id: 'stream',
    summary: 'Server-sent events: StreamSnapshot, then StreamDelta',
    answers: ['StreamSnapshot', 'StreamDelta'],
    mediaType: 'text/event-stream',
    parameters: [
      ...FILTER,
      { name: 'last-event-id', in: 'header', description: 'the revision held', schema: { type: 'string' } },
    ],
    problems: ['invalid-filter', 'too-many-streams'],
  },
  { path: '/api/v1/problems', id: 'listProblems', summary: 'Every code', answers: ['ProblemList'] },
  {
    path: '/api/v1/problems/{code}',
    id: 'getProblem',
    summary: 'What a code means',
    answers: ['ProblemText'],
    problems: ['not-found'],
  },
];

/** What can be asked for, by the path that takes it. */
const POSTS: readonly {
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  readonly of: ActionTarget;
}[] = [
  { path: '/api/v1/actions', id: 'act', summary: 'Ask something of the tenant', of: 'tenant' },
  {
    path: '/api/v1/controllers/{id}/actions',
    id: 'actOnController',
    summary: 'Ask something of a controller',
    of: 'controller',
  },
  {
    path: `${WORKLOAD}/actions`,
    id: 'actOnWorkload',
    summary: 'Ask something of a workload',
    of: 'workload',
  },
];

const ACTION_PROBLEMS: readonly (keyof typeof API_PROBLEMS)[] = [
  'invalid-argument',
  'invalid-body',
  'unauthenticated',
  'forbidden',
  'cross-site',
  'not-found',
  'state-conflict',
  'too-large',
  'unsupported-media-type',
  'rate-limited',
  'internal',
  'kube-unavailable',
];

const TEXT = { type: 'string' };
const KEY = {
  name: 'idempotency-key',
  in: 'header',
  description: 'the same request sent twice is one',
  schema: { type: 'string', pattern: '^[A-Za-z0-9._-]{1,64}$' },
};

/** The document, as plain data. */
export function openApiDocument(): Json {
  return {
    openapi: '3.1.0',
    'x-generated': 'from src/api/v1/schema by `npm run generate`. Do not edit.',
    info: {
      title: 'K8 Highlander',
      version: 'v1',
      description: 'Reading never changes anything. What could not be read is "unknown", with the cause.',
    },
    paths: mergePaths([
      ...OPERATIONS.map((operation) => [operation.path, describePath(operation)] as const),
      ...POSTS.map((post) => [post.path, describePost(post)] as const),
      ['/api/v1/actions/{id}', describeCancel('/api/v1/actions/{id}')],
    ]),
    components: {
      schemas: Object.fromEntries(
        Object.keys(SCHEMAS)
          .toSorted()
          .map((name) => [name, refer(SCHEMAS[name], name)]),
      ),
    },
  };
}

/** A path may take several methods. */
function mergePaths(paths: readonly (readonly [string, Json])[]): Json {
  const merged = new Map<string, Json>();
  for (const [path, methods] of paths) merged.set(path, { ...merged.get(path), ...methods });
  return Object.fromEntries(merged);
}

/** The text of the file. */
export function openApiText(): string {
  return `${JSON.stringify(openApiDocument(), null, 1)}\n`;
}

function describePath(operation: Operation): Json {
  const { path, id, summary, answers, parameters = [], problems = [], mediaType } = operation;
  const refs = answers.map((name) => ({ $ref: `#/components/schemas/${name}` }));
  const schema = refs.length === 1 ? refs[0] : { anyOf: refs };
  const codes = new Set<keyof typeof API_PROBLEMS>([
    'invalid-argument',
    'method-not-allowed',
    'not-acceptable',
    'not-found',
    'internal',
    'starting',
    'unauthenticated',
    'forbidden',
    'kube-unavailable',
    ...problems,
  ]);
  return {
    get: {
      operationId: id,
      summary,
      parameters: [...inPath(path), ...parameters, TENANT],
      responses: {
        200: { description: summary, content: { [mediaType ?? 'application/json']: { schema } } },
        304: { description: 'The client has this revision already' },
        ...describeProblems(codes),
      },
    },
  };
}

function describePost({ path, id, summary, of }: (typeof POSTS)[number]): Json {
  const fields = {
    reason: TEXT,
    until: { type: 'string', format: 'date-time' },
    to: TEXT,
    node: TEXT,
    confirmedOff: { const: true },
  };
  const known = of === 'controller' ? { reason: TEXT } : fields;
  const action = { enum: ACTIONS[of] };
  const body = {
    type: 'object',
    additionalProperties: false,
    required: ['action'],
    properties: { action, ...known },
  };
  const answer = {
    type: 'object',
    required: ['kind', 'id', 'target', 'by', 'action'],
    properties: { kind: { const: 'Action' }, id: TEXT, target: TEXT, by: TEXT, action, ...known },
  };
  return {
    post: {
      operationId: id,
      summary,
      parameters: [...inPath(path), KEY],
      requestBody: { required: true, content: { 'application/json': { schema: body } } },
      responses: {
        202: {
          description: 'Written; whoever leads carries it out',
          content: { 'application/json': { schema: answer } },
        },
        ...describeProblems(ACTION_PROBLEMS),
      },
    },
  };
}

function describeCancel(path: string): Json {
  const answer = {
    type: 'object',
    required: ['kind', 'id', 'by'],
    properties: { kind: { const: 'Cancelled' }, id: TEXT, by: TEXT },
  };
  return {
    delete: {
      operationId: 'cancelAction',
      summary: 'Take back a request that nobody has taken up',
      parameters: inPath(path),
      responses: {
        200: { description: 'Taken back', content: { 'application/json': { schema: answer } } },
        ...describeProblems(ACTION_PROBLEMS),
      },
    },
  };
}

function inPath(path: string): readonly Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function describeProblems(codes: Iterable<keyof typeof API_PROBLEMS>): Json {
  const byStatus = Map.groupBy(codes, (code) => String(API_PROBLEMS[code].status));
  return Object.fromEntries(
    [...byStatus].map(([status, of]) => [
      status,
      {
        description: of.join(', '),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  );
}

/** The schema as JSON, with every other component that stands in it replaced by a reference. */
function refer(schema: unknown, self?: string): unknown {
  if (Array.isArray(schema)) return schema.map((part) => refer(part));
  if (typeof schema !== 'object' || schema === null) return schema;
  const name = Object.keys(SCHEMAS).find((one) => SCHEMAS[one] === schema);
  if (name !== undefined && name !== self) return { $ref: `#/components/schemas/${name}` };
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, refer(value)]));
}

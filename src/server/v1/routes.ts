/**
 * The paths of version 1, and what asking for them needs. What answers them is loaded with the first request: many
 * controllers are never asked.
 */
import type { Facts } from '../../api/v1/facts.ts';
import type { Clock, Random } from '../../ports/system.ts';
import type { Need } from '../access.ts';
import type { Handler, Reply, Request, Route, StreamReply } from '../route.ts';
import type { ANSWERS } from './answers.ts';
import type { Office } from './office.ts';
import type { SnapshotCause } from './stream.ts';

type AnswerName = keyof typeof ANSWERS | 'stream';

const BASE = '/api/v1';
const WORKLOAD = `${BASE}/workloads/{kind}/{namespace}/{name}`;

/** One line each. */
const TABLE: readonly (readonly [pattern: string, needs: Need, answer: AnswerName])[] = [
  [BASE, 'nothing', 'info'],
  [`${BASE}/`, 'nothing', 'info'],
  [`${BASE}/whoami`, 'self', 'whoami'],
  [`${BASE}/summary`, 'rows', 'summary'],
  [`${BASE}/leader`, 'rows', 'leader'],
  [`${BASE}/store`, 'rows', 'store'],
  [`${BASE}/tenants`, 'read', 'tenants'],
  [`${BASE}/clusters`, 'read', 'clusters'],
  [`${BASE}/controllers`, 'rows', 'controllers'],
  [`${BASE}/controllers/{id}`, 'rows', 'controller'],
  [`${BASE}/actions`, 'rows', 'actions'],
  [`${BASE}/actions/{id}`, 'rows', 'action'],
  [`${BASE}/workloads`, 'rows', 'workloads'],
  [WORKLOAD, 'read', 'workload'],
  [`${WORKLOAD}/explain`, 'read', 'explain'],
  [`${WORKLOAD}/history`, 'read', 'workloadHistory'],
  [`${WORKLOAD}/events`, 'read', 'events'],
  [`${WORKLOAD}/objects`, 'read', 'objects'],
  [`${BASE}/history`, 'rows', 'history'],
  [`${BASE}/terms`, 'rows', 'terms'],
  [`${BASE}/stream`, 'rows', 'stream'],
  [`${BASE}/problems`, 'nothing', 'problems'],
  [`${BASE}/problems/{code}`, 'nothing', 'problem'],
  [`${BASE}/openapi.json`, 'nothing', 'openapi'],
  ['/openapi.json', 'nothing', 'openapi'],
  [`${BASE}/*`, 'nothing', 'nothing'],
];

/** The routes, and the end of their streams. */
export interface V1 {
  readonly routes: readonly Route[];
  /** How many are open. */
  streams(): number;
  close(): void;
}

/** What answers for each tenant of this process. */
export type Neighbours = Map<string, { readonly facts: Facts; readonly office: () => Promise<Office> }>;

/**
 * Enters itself into `neighbours`: these are what `?tenant=` chooses from. `base`: what stands before every path; there
 * the tenant is chosen already. `onSnapshot`: told of each snapshot that is sent on a stream.
 */
export function openV1(
  facts: Facts,
  system: { readonly clock: Clock; readonly random: Random },
  neighbours: Neighbours = new Map(),
  base = '',
  onSnapshot: (cause: SnapshotCause) => void = () => {},
): V1 {
  const patterns = TABLE.map(([pattern, needs, answer]) => [base + pattern, needs, answer] as const);
  const paths = patterns.map(([pattern]) => pattern).filter((pattern) => !pattern.endsWith('*'));
  const tenants = (): readonly Facts[] => [...neighbours.values()].map((one) => one.facts);
  let opened: Office | undefined;
  let opening: Promise<Office> | undefined;
  const office = (): Promise<Office> => {
    opening ??= import('./office.ts').then(({ openOffice }) => {
      opened = openOffice(facts, system, paths, tenants, onSnapshot);
      return opened;
    });
    return opening;
  };
  neighbours.set(facts.identity.tenant, { facts, office });
  const handlerOf =
    (answer: AnswerName): Handler =>
    async (request: Request): Promise<Reply | StreamReply> => {
      const tenant = base === '' ? request.query.get('tenant') : null;
      const neighbour = tenant === null ? undefined : neighbours.get(tenant);
      return (await (neighbour?.office ?? office)()).answer(answer, request);
    };
  return {
    routes: patterns.map(([pattern, needs, answer]) => ({
      method: 'GET',
      pattern,
      needs,
      refusals: 'problem',
      handle: handlerOf(answer),
    })),
    streams: () => opened?.streams ?? 0,
    close: () => void opening?.then((one) => one.close()),
  };
}

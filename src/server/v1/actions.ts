/**
 * Actions over HTTP. They write the record that the commands write, under the right that kubectl would need for it; whoever
 * leads carries it out, so any replica takes them.
 */
import { readAction, type Action } from '../../api/v1/action.ts';
import type { Facts } from '../../api/v1/facts.ts';
import type { Refusal } from '../../api/v1/problem.ts';
import { SECOND, type Duration, type WallTime } from '../../core/time.ts';
import { parseKey } from '../../core/workload/model.ts';
import type { Right } from '../../ports/access-review.ts';
import type { Cluster } from '../../ports/cluster.ts';
import {
  pausePlace,
  writePause,
  type ControlOptions,
  type PausePlace,
  type PauseResult,
} from '../../runtime/pause-record.ts';
import { describeRefusal } from '../http.ts';
import { json, type Handler, type Reply, type Request, type Route } from '../route.ts';

export interface ActionSources extends ControlOptions {
  readonly facts: Facts;
  readonly cluster: Cluster;
  /** What stands before every path. */
  readonly base: string;
  /** For people. */
  readonly wall: () => WallTime;
}

const DEADLINE: Duration = 5 * SECOND;

/** The same request sent twice is one: the key is kept in the record. */
const KEY = /^[A-Za-z0-9._-]{1,64}$/;

/** The routes that change something. */
export function actionRoutes(sources: ActionSources): readonly Route[] {
  const { base } = sources;
  const post = (pattern: string, handle: Handler): Route => ({
    method: 'POST',
    pattern,
    needs: 'act',
    refusals: 'problem',
    handle,
  });
  return [
    post(`${base}/api/v1/actions`, (request) => act(sources, request, undefined)),
    post(`${base}/api/v1/workloads/{kind}/{namespace}/{name}/actions`, (request) => {
      const { kind = '', namespace = '', name = '' } = request.params;
      return act(sources, request, `${kind}/${namespace}/${name}`);
    }),
  ];
}

/** `workload` undefined: all of the tenant. */
async function act(sources: ActionSources, request: Request, workload: string | undefined): Promise<Reply> {
  const target = workload ?? `tenant ${sources.tenant}`;
  const action = readAction(request.body, sources.wall());
  const refuse = (refusal: Refusal): Reply => ({
    ...describeRefusal({ refusals: 'problem' }, refusal, request),
    audit: {
      target: target.slice(0, 300),
      code: refusal.code,
      ...('action' in action && { action: action.action }),
    },
  });
  if ('code' in action) return refuse(action);
  const id = request.headers['idempotency-key'] ?? request.id;
  if (typeof id !== 'string' || !KEY.test(id))
    return refuse({ code: 'invalid-argument', detail: 'Idempotency-Key: 1 to 64 of A-Z a-z 0-9 . _ -' });
  const place = placeOf(sources, workload);
  const denied = await request.authorize(rightTo(place ?? pausePlace(undefined, sources)));
  if (denied !== undefined) return refuse(denied);
  if (place === undefined) return refuse({ code: 'not-found', detail: 'there is no such workload' });
  const record = recordOf(action, id, request.principal.name, sources.wall());
  const written = await writePause(
    sources.cluster,
    place,
    { text: record, tenant: sources.tenant, isSame: (present) => idOf(present) === id },
    AbortSignal.timeout(DEADLINE),
  );
  if (written.kind !== 'done') return refuse(refusalOf(written));
  const by = request.principal.name;
  return {
    ...json(202, { kind: 'Action', id, target, by, ...action }),
    audit: { target, action: action.action, id },
  };
}

/** Undefined: there is no such workload. */
function placeOf(sources: ActionSources, workload: string | undefined): PausePlace | undefined {
  if (workload === undefined) return pausePlace(undefined, sources);
  const key = parseKey(workload);
  const source = key === undefined ? undefined : sources.facts.workload(workload)?.definition?.source;
  return key === undefined || source === undefined ? undefined : pausePlace({ key, source }, sources);
}

function rightTo({ ref: { resource, namespace, name } }: PausePlace): Right {
  return { verb: 'patch', group: resource.group, resource: resource.plural, namespace, name };
}

function recordOf(action: Action, id: string, by: string, now: WallTime): string | null {
  if (action.action === 'resume') return null;
  const { reason, until } = action;
  const since = new Date(now).toISOString();
  return JSON.stringify({ id, reason, by, via: 'api', since, ...(until !== undefined && { until }) });
}

function idOf(text: string): unknown {
  try {
    const record: unknown = JSON.parse(text);
    return typeof record === 'object' && record !== null && 'id' in record ? record.id : undefined;
  } catch {
    return undefined;
  }
}

function refusalOf(result: Exclude<PauseResult, { readonly kind: 'done' }>): Refusal {
  switch (result.kind) {
    case 'gone':
      return { code: 'not-found', detail: 'there is no such workload any more' };
    case 'conflict':
    case 'exists':
      return { code: 'state-conflict', detail: 'others change it at the same time' };
    case 'refused':
      return { code: 'kube-unavailable', detail: `the API server refused the record (${result.status})` };
    case 'throttled':
      return { code: 'kube-unavailable', detail: 'the API server asks to wait' };
    case 'unknown':
    case 'unavailable':
      return {
        code: 'kube-unavailable',
        detail: 'the API server did not answer; the record may have been written',
      };
  }
}

/**
 * Actions over HTTP. They write the record that the commands write, under the right that kubectl would need for it; whoever
 * leads carries it out, so any replica takes them.
 */
import { readAction, type Action, type ActionTarget } from '../../api/v1/action.ts';
import { idOfRecord } from '../../api/v1/asked.ts';
import type { Facts } from '../../api/v1/facts.ts';
import type { Refusal } from '../../api/v1/problem.ts';
import {
  DRAINED,
  FENCED,
  LEADER_REQUEST,
  PAUSE_ALL,
  pauseEntry,
  requestEntry,
  type AskedRecord,
} from '../../core/control/entries.ts';
import { explainOpen, findOpen, readRequest, type Request as Asked } from '../../core/control/request.ts';
import { SECOND, type Duration, type WallTime } from '../../core/time.ts';
import { parseKey, type WorkloadKey } from '../../core/workload/model.ts';
import { ANNOTATION } from '../../core/workload/names.ts';
import type { Right } from '../../ports/access-review.ts';
import type { Cluster } from '../../ports/cluster.ts';
import { readWord } from '../../runtime/node-word.ts';
import {
  controlPlace,
  resourcePlace,
  writeRecord,
  type ControlOptions,
  type Edit,
  type Place,
  type RecordFailure,
} from '../../runtime/record-write.ts';
import { describeRefusal } from '../http.ts';
import { json, type Handler, type Reply, type Request, type Route } from '../route.ts';

export interface ActionSources extends ControlOptions {
  readonly facts: Facts;
  readonly cluster: Pick<Cluster, 'get' | 'list' | 'create' | 'patch'>;
  /** What stands before every path. */
  readonly base: string;
  /** For people. */
  readonly wall: () => WallTime;
}

const DEADLINE: Duration = 5 * SECOND;

/** The same request sent twice is one: the key is kept in the record. */
const KEY = /^[A-Za-z0-9._-]{1,64}$/;
/** What an entry of a ConfigMap may be named. */
const CONTROLLER = /^[-._a-zA-Z0-9]{1,240}$/;

/** What is acted on. `name`: `kind/namespace/name` of a workload, the id of a controller. */
interface Target {
  readonly is: ActionTarget;
  readonly name: string;
}

/** The routes that change something. */
export function actionRoutes(sources: ActionSources): readonly Route[] {
  const post = (path: string, targetOf: (params: Request['params']) => Target): Route => {
    const handle: Handler = (request) => act(sources, request, targetOf(request.params));
    return { method: 'POST', pattern: `${sources.base}${path}`, needs: 'act', refusals: 'problem', handle };
  };
  return [
    {
      method: 'DELETE',
      pattern: `${sources.base}/api/v1/actions/{id}`,
      needs: 'act',
      refusals: 'problem',
      handle: (request) => cancel(sources, request),
    },
    post('/api/v1/actions', () => ({ is: 'tenant', name: sources.tenant })),
    post('/api/v1/controllers/{id}/actions', ({ id = '' }) => ({ is: 'controller', name: id })),
    post(
      '/api/v1/workloads/{kind}/{namespace}/{name}/actions',
      ({ kind = '', namespace = '', name = '' }) => ({
        is: 'workload',
        name: `${kind}/${namespace}/${name}`,
      }),
    ),
  ];
}

async function act(sources: ActionSources, request: Request, target: Target): Promise<Reply> {
  const { tenant, cluster, wall } = sources;
  const title = target.is === 'workload' ? target.name : `${target.is} ${target.name}`;
  const action = readAction(request.body, wall(), target.is);
  const refuse = (refusal: Refusal): Reply => ({
    ...describeRefusal({ refusals: 'problem' }, refusal, request),
    audit: {
      target: title.slice(0, 300),
      code: refusal.code,
      ...('action' in action && { action: action.action }),
    },
  });
  if ('code' in action) return refuse(action);
  const id = request.headers['idempotency-key'] ?? request.id;
  if (typeof id !== 'string' || !KEY.test(id))
    return refuse({ code: 'invalid-argument', detail: 'Idempotency-Key: 1 to 64 of A-Z a-z 0-9 . _ -' });
  if (target.is === 'controller' && !CONTROLLER.test(target.name))
    return refuse({ code: 'invalid-argument', detail: 'no controller can have that id' });
  const place = placeOf(sources, target, action);
  const denied = await request.authorize(rightTo(place ?? controlPlace(sources, PAUSE_ALL)));
  if (denied !== undefined) return refuse(denied);
  if (place === undefined) return refuse({ code: 'not-found', detail: 'there is no such workload' });
  const by = request.principal.name;
  const signal = AbortSignal.timeout(DEADLINE);
  const edit = await editFor(sources, action, { id, by, now: wall() }, signal);
  if (typeof edit !== 'function') return refuse(edit);
  const written = await writeRecord(cluster, place, { tenant }, edit, signal);
  if (written.kind === 'declined') return refuse(written.why);
  if (written.kind !== 'done') return refuse(refusalOf(written));
  return {
    ...json(202, { kind: 'Action', id, target: title, by, ...action }),
    headers: { location: `${sources.base}/api/v1/actions/${id}` },
    audit: { target: title, action: action.action, id },
  };
}

/** Takes back a request that nobody has taken up. */
async function cancel(sources: ActionSources, request: Request): Promise<Reply> {
  const { id = '' } = request.params;
  const record = sources.facts.asked().find((one) => idOfRecord(one) === id);
  const refuse = (refusal: Refusal): Reply => ({
    ...describeRefusal({ refusals: 'problem' }, refusal, request),
    audit: { action: 'cancel', id: id.slice(0, 300), code: refusal.code },
  });
  const place = record === undefined ? undefined : placeOfRecord(sources, record);
  // Asked first: who may not act is not told what there is.
  const denied = await request.authorize(rightTo(place ?? controlPlace(sources, PAUSE_ALL)));
  if (denied !== undefined) return refuse(denied);
  if (record === undefined || place === undefined)
    return refuse({ code: 'not-found', detail: 'no record of such an action is kept' });
  const { cluster, tenant } = sources;
  const edit: Edit<Refusal> = (present) => {
    const asked = present === undefined ? undefined : readRequest(present);
    if (present === undefined || idOfRecord({ ...record, text: present }) !== id)
      return { kind: 'declined', why: { code: 'not-found', detail: 'there is another record by now' } };
    const isOpen = record.is === 'request' && asked !== undefined && !('fault' in asked);
    if (isOpen && asked.state === undefined) return null;
    const detail = 'only a request that nobody has taken up can be taken back; a pause ends with resume';
    return { kind: 'declined', why: { code: 'state-conflict', detail } };
  };
  const written = await writeRecord(cluster, place, { tenant }, edit, AbortSignal.timeout(DEADLINE));
  if (written.kind === 'declined') return refuse(written.why);
  if (written.kind !== 'done') return refuse(refusalOf(written));
  return {
    ...json(200, { kind: 'Cancelled', id, by: request.principal.name }),
    audit: { action: 'cancel', id },
  };
}

function placeOfRecord(sources: ActionSources, record: AskedRecord): Place | undefined {
  if (!record.isAnnotation) return controlPlace(sources, record.entry);
  const key = parseKey(record.of.name);
  const annotation = record.is === 'pause' ? ANNOTATION.paused : ANNOTATION.request;
  return key === undefined ? undefined : resourcePlace(key, annotation);
}

/** Undefined: there is no such workload. */
function placeOf(sources: ActionSources, { is, name }: Target, action: Action): Place | undefined {
  switch (action.action) {
    case 'failover':
      return controlPlace(sources, LEADER_REQUEST);
    case 'fence-node':
      return controlPlace(sources, `${FENCED}${action.node}`);
    case 'drain':
    case 'undrain':
      return controlPlace(sources, `${DRAINED}${name}`);
    case 'pause':
    case 'resume':
      return is === 'tenant'
        ? controlPlace(sources, PAUSE_ALL)
        : workloadPlace(sources, name, pauseEntry, ANNOTATION.paused);
    case 'restart':
    case 'run-now':
      return workloadPlace(sources, name, requestEntry, ANNOTATION.request);
  }
}

function workloadPlace(
  sources: ActionSources,
  name: string,
  entryOf: (key: WorkloadKey) => string,
  annotation: string,
): Place | undefined {
  const key = parseKey(name);
  const source = sources.facts.workload(name)?.definition?.source;
  if (key === undefined || source === undefined) return undefined;
  return source === 'cr' ? resourcePlace(key, annotation) : controlPlace(sources, entryOf(key));
}

function rightTo({ ref: { resource, namespace, name } }: Place): Right {
  return { verb: 'patch', group: resource.group, resource: resource.plural, namespace, name };
}

interface Asker {
  readonly id: string;
  readonly by: string;
  readonly now: WallTime;
}

/** What is written in place of the present record; or why nothing can be. */
async function editFor(
  { cluster, tenant }: ActionSources,
  action: Action,
  { id, by, now }: Asker,
  signal: AbortSignal,
): Promise<Edit<Refusal> | Refusal> {
  const at = new Date(now).toISOString();
  switch (action.action) {
    case 'resume':
    case 'undrain':
      return () => null;
    case 'pause': {
      const { reason, until } = action;
      const pause = { id, reason, by, via: 'api', since: at, ...(until !== undefined && { until }) };
      return once(id, () => JSON.stringify(pause));
    }
    case 'drain':
      return () => JSON.stringify({ id, by, reason: action.reason, at });
    case 'restart':
    case 'run-now':
    case 'failover': {
      const asked: Asked = { id, by, at, ...action };
      return once(id, (present) => {
        const open = findOpen(present, now);
        if (open === undefined) return JSON.stringify(asked);
        return { kind: 'declined', why: { code: 'state-conflict', detail: explainOpen(open) } };
      });
    }
    case 'fence-node': {
      const { node, reason } = action;
      const word = await readWord(cluster, { tenant, id, node, by, reason, at }, signal);
      switch (word.kind) {
        case 'word':
          return () => JSON.stringify(word.record);
        case 'unread':
          return refusalOf(word.failure);
        case 'alive':
          return { code: 'state-conflict', detail: word.message };
        case 'unknown':
          return { code: 'not-found', detail: word.message };
      }
    }
  }
}

/** A record with the same id is left as it is, whatever has become of it. */
function once(id: string, edit: Edit<Refusal>): Edit<Refusal> {
  return (present) => (present !== undefined && idOf(present) === id ? present : edit(present));
}

function idOf(text: string): unknown {
  try {
    const record: unknown = JSON.parse(text);
    return typeof record === 'object' && record !== null && 'id' in record ? record.id : undefined;
  } catch {
    return undefined;
  }
}

function refusalOf(result: RecordFailure): Refusal {
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

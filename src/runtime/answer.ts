/** Writes into a request what became of it: into the annotation or the entry it was read from, if it is still the same one. */
import { requestEntry } from '../core/control/entries.ts';
import type { Request, RequestChange } from '../core/control/request.ts';
import { pinPatch, setAll } from '../core/reconcile/patches.ts';
import { SECOND } from '../core/time.ts';
import { parseKey } from '../core/workload/model.ts';
import { ANNOTATION } from '../core/workload/names.ts';
import type { WorkloadResource } from '../core/workload/custom-resource.ts';
import type { ApplyContext } from './apply-context.ts';
import { openRequest, type ControlMap } from './controls.ts';
import type { GuardedResult } from './guarded-writer.ts';
import { settleFailure, type Outcome } from './outcome.ts';
import { refOfResource } from './resource.ts';

export async function answerRequest(
  context: ApplyContext,
  key: string,
  change: RequestChange,
): Promise<Outcome> {
  const resource = context.sources.resource(key)?.object;
  const annotated = openRequest(resource?.metadata.annotations?.[ANNOTATION.request]);
  const parsed = parseKey(key);
  const entry = parsed === undefined ? '' : requestEntry(parsed);
  const map = context.controls.map;
  const request = annotated ?? openRequest(map?.data?.[entry]);
  if (request === undefined) return { kind: 'reread' };
  const { state = '', result = '' } = change;
  const answered: Request = {
    ...request,
    ...change,
    term: String(context.leader.term),
    answeredAt: new Date(context.clock.wall()).toISOString(),
  };
  const outcome =
    annotated !== undefined && resource !== undefined
      ? await annotate(context, key, resource, answered)
      : await enter(context, key, map, entry, answered);
  if (outcome.kind !== 'applied') return outcome;
  if (state === 'accepted') context.notes.startAtOnce(key);
  const { action, by, reason } = request;
  context.emit({ type: 'asked', told: { subject: key, action, state, by, reason, result } });
  return outcome;
}

async function annotate(
  context: ApplyContext,
  key: string,
  resource: WorkloadResource,
  request: Request,
): Promise<Outcome> {
  const result = await context.writer.patch<WorkloadResource>(refOfResource(resource), [
    pinPatch(resource),
    ...setAll(resource, 'annotations', { [ANNOTATION.request]: JSON.stringify(request) }),
  ]);
  if (result.kind !== 'done') return settle(context, key, result);
  context.sources.put(result.object);
  return { kind: 'applied' };
}

async function enter(
  context: ApplyContext,
  key: string,
  map: ControlMap | undefined,
  entry: string,
  request: Request,
): Promise<Outcome> {
  if (map === undefined) return { kind: 'reread' };
  const result = await context.writer.patch<ControlMap>(context.controls.ref, [
    pinPatch(map),
    ...setAll(map, 'annotations', { [ANNOTATION.term]: String(context.leader.term) }),
    { op: 'add', path: `/data/${entry}`, value: JSON.stringify(request) },
  ]);
  if (result.kind !== 'done') return settle(context, key, result);
  context.controls.put(result.object);
  return { kind: 'applied' };
}

function settle(
  context: ApplyContext,
  key: string,
  result: Exclude<GuardedResult, { readonly kind: 'done' }>,
): Outcome {
  if (result.kind === 'unknown' || result.kind === 'exists' || result.kind === 'gone')
    return { kind: 'wait', retryIn: SECOND };
  return settleFailure(context, key, { action: 'answer', object: 'request' }, result);
}

/** Lets an object go that runs on unmanaged: one guarded write, after which our watches do not show it any more. */
import { preparePatch } from '../core/reconcile/patches.ts';
import type { Action } from '../core/reconcile/verdict.ts';
import { SECOND } from '../core/time.ts';
import { PODS, type KubeObject } from '../ports/cluster.ts';
import type { ApplyContext } from './apply-context.ts';
import { resourceOfManaged } from './managed-objects.ts';
import { settleFailure, type Outcome } from './outcome.ts';

/** The watch tells when it is out of sight, or what it is now. */
export async function letGo(
  context: ApplyContext,
  key: string,
  { target, operations, cause }: Extract<Action, { readonly kind: 'letGo' }>,
): Promise<Outcome> {
  const { kind, metadata } = target;
  const { name, namespace = '', uid = '' } = metadata;
  const resource = kind === 'Pod' ? PODS : resourceOfManaged({ kind });
  // It leaves our sight without having ended, and nobody is to wait for its end.
  if (kind === 'Pod') context.proven(uid);
  const ref = { resource, namespace, name };
  const result = await context.writer.patch<KubeObject>(ref, preparePatch(target, operations));
  switch (result.kind) {
    case 'done':
      context.notes.clearRefusal(key);
      context.emit({ type: 'object-changed', key, object: kind, name, uid, cause });
      return { kind: 'wait' };
    case 'conflict':
    case 'exists':
    case 'gone':
    case 'unknown':
      return { kind: 'wait', retryIn: SECOND };
    default:
      return settleFailure(context, key, { action: 'let go', object: kind }, result);
  }
}

/** Asks the API server, as a dry run, for what the policy of terms refuses: an anchor with a lower epoch. */
import type { ServerFencing } from '../../core/server-fencing.ts';
import { anchorName } from '../../core/workload/names.ts';
import { CONFIG_MAPS, type ClusterRehearsal, type WriteFailure } from '../../ports/cluster.ts';
import type { ServerFence } from '../../ports/server-fence.ts';
import type { FenceAnchorOptions } from './fence-anchor.ts';

/** Needs patch on the ConfigMap of the anchor, as the anchor itself does. */
export function openServerFence(
  cluster: ClusterRehearsal,
  { namespace, tenant }: FenceAnchorOptions,
): ServerFence {
  const ref = { resource: CONFIG_MAPS, namespace, name: anchorName(tenant) };
  // Authorization and other policies answer 403 as well: only its own sentence tells ours apart.
  const sentence = `the epoch of the fence anchor ${ref.name} may not go down`;
  return {
    async tryLowering(epoch, signal): Promise<ServerFencing> {
      const result = await cluster.rehearse(
        ref,
        [
          { op: 'test', path: '/data/epoch', value: String(epoch) },
          { op: 'replace', path: '/data/epoch', value: String(epoch - 1) },
        ],
        signal,
      );
      if (result.kind === 'done') return { state: 'false' };
      if (result.kind === 'refused' && result.message.includes(sentence)) return { state: 'true' };
      return { state: 'unknown', because: causeOf(result) };
    },
  };
}

function causeOf(failure: WriteFailure): string {
  switch (failure.kind) {
    case 'refused':
    case 'conflict':
    case 'exists':
      return failure.message;
    case 'gone':
      return 'the fence anchor is gone';
    case 'throttled':
      return 'the API server is busy and asks to wait';
    case 'unknown':
      return failure.cause;
  }
}

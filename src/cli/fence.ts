/**
 * `fence node NAME`: a person's word that a machine is off. It is written for the pods that are on the node now, together
 * with what would show that its kubelet has reported since; then it is void.
 */
import { FENCED } from '../core/control/entries.ts';
import { readNodeFence, type NodeFence } from '../core/control/node-fence.ts';
import type { Pod } from '../core/manifests/pod.ts';
import { ANNOTATION } from '../core/workload/names.ts';
import { readWord } from '../runtime/node-word.ts';
import {
  explainFailure,
  formatTime,
  getRecord,
  putRecord,
  wrongUsage,
  type Asking,
  type Ended,
  type Verb,
} from './asking.ts';
import { controlPlace } from '../runtime/record-write.ts';
import { waitFor } from './wait.ts';

const CONFIRM = '--i-confirm-it-is-off';
const USAGE = `k8-highlander fence node NAME ${CONFIRM} [--reason TEXT] [--dry-run] [--wait]`;

export const FENCE: Verb = {
  usage: USAGE,
  switches: [CONFIRM],
  async go(asking) {
    const [what, name = '', ...others] = asking.flags.positional;
    if (what !== 'node' || name === '' || others.length > 0) return wrongUsage('name one node', USAGE);
    const fence = await composeFence(asking, name);
    if ('exit' in fence) return fence;
    const { freed, record } = fence;
    const list = freed.map(
      ({ metadata }) => `${metadata.annotations?.[ANNOTATION.workload] ?? ''} (pod ${metadata.name})\n`,
    );
    const warning =
      `Frees ${freed.length} instance(s) on ${name}; each is started elsewhere at once. ` +
      'If the machine is not off, each of them then runs twice.\n';
    if (asking.dryRun) return { exit: 0, stdout: list.join(''), stderr: `${warning}Nothing was written.\n` };
    if (!asking.flags.switches.has(CONFIRM))
      return wrongUsage(`${warning.trim()} Say that it is off with ${CONFIRM}`, USAGE);
    const place = controlPlace(asking, `${FENCED}${name}`);
    const failure = await putRecord(asking, place, () => JSON.stringify(record));
    if (failure !== undefined) return failure;
    const done = { exit: 0, stdout: list.join(''), stderr: warning };
    if (asking.wait === undefined) return done;
    return waitFor(asking, `the word about ${name} to be taken up`, async () => {
      const text = await getRecord(asking, place);
      if (typeof text === 'object') return text;
      const read = text === undefined ? undefined : readNodeFence(text);
      if (read === undefined || 'fault' in read || read.state === undefined) return undefined;
      return read.state === 'accepted'
        ? done
        : { exit: 1, stderr: `error: ${read.result ?? 'it is void'}\n` };
    });
  },
};

async function composeFence(
  { cluster, tenant, parts, by, reason = '' }: Asking,
  node: string,
): Promise<{ readonly record: NodeFence; readonly freed: readonly Pod[] } | Ended> {
  const at = formatTime(parts.system.clock.wall());
  const word = await readWord(cluster, { tenant, node, by, reason, at }, parts.signal);
  if (word.kind === 'word') return word;
  if (word.kind === 'unread') return explainFailure(word.what, word.failure);
  return { exit: word.kind === 'alive' ? 1 : 2, stderr: `error: ${word.message}\n` };
}

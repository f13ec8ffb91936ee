/** `pause` and `resume`: a lasting record on the workload, or on all of them. */
import { PAUSE_ALL, pauseEntry } from '../core/control/entries.ts';
import { readStatus } from '../core/reconcile/resource-status.ts';
import type { WorkloadResource } from '../core/workload/custom-resource.ts';
import { formatKey } from '../core/workload/model.ts';
import { ANNOTATION } from '../core/workload/names.ts';
import type { KubeObject } from '../ports/cluster.ts';
import {
  explainFailure,
  formatTime,
  putRecord,
  readUntil,
  wrongUsage,
  type Asking,
  type Ended,
  type Verb,
} from './asking.ts';
import { controlPlace, type Place } from '../runtime/record-write.ts';
import { waitFor } from './wait.ts';
import { findTarget, type Target } from './workload-target.ts';

const PAUSE_USAGE =
  'k8-highlander pause [KIND/]NAME|--all --reason TEXT [--until TIME|DURATION] [-n NAMESPACE] [--dry-run] [--wait]';
const RESUME_USAGE = 'k8-highlander resume [KIND/]NAME|--all [-n NAMESPACE] [--dry-run] [--wait]';

export const PAUSE: Verb = {
  usage: PAUSE_USAGE,
  texts: { '--until': 'until' },
  switches: ['--all'],
  async go(asking) {
    const { reason, by, parts, flags } = asking;
    const { clock } = parts.system;
    if (reason === undefined)
      return wrongUsage('--reason is required: it is shown wherever the workload is', PAUSE_USAGE);
    const { until } = flags.texts;
    const end = until === undefined ? undefined : readUntil(until, clock.wall());
    if (until !== undefined && (end === undefined || end <= clock.wall()))
      return wrongUsage(
        `--until ${until} is neither a time to come, such as 2026-11-22T16:00:00Z, nor a duration`,
        PAUSE_USAGE,
      );
    const pause = {
      reason,
      by,
      since: formatTime(clock.wall()),
      ...(end === undefined ? {} : { until: formatTime(end) }),
    };
    return change(asking, PAUSE_USAGE, 'paused', JSON.stringify(pause));
  },
};

export const RESUME: Verb = {
  usage: RESUME_USAGE,
  switches: ['--all'],
  go: (asking) => change(asking, RESUME_USAGE, 'resumed', null),
};

async function change(
  asking: Asking,
  usage: string,
  word: 'paused' | 'resumed',
  text: string | null,
): Promise<Ended> {
  const isAll = asking.flags.switches.has('--all');
  if (isAll && asking.flags.positional.length > 0) return wrongUsage('either a NAME or --all', usage);
  const target = isAll ? undefined : await findTarget(asking, usage);
  if (target !== undefined && 'exit' in target) return target;
  const title = target === undefined ? `all workloads of tenant ${asking.tenant}` : formatKey(target.key);
  if (asking.wait !== undefined && target?.resource === undefined)
    return wrongUsage(
      '--wait needs a custom resource: only its status tells here what the leader decided',
      usage,
    );
  const failure = await putRecord(asking, placeOf(asking, target), () => text);
  if (failure !== undefined) return failure;
  if (asking.dryRun) return { exit: 0, stdout: `${title} would be ${word}\n` };
  const done = `${title} ${word}\n`;
  if (asking.wait === undefined || target?.resource === undefined) return { exit: 0, stdout: done };
  const { ref } = target.resource;
  return waitFor(asking, `${title} to be ${word}`, async () => {
    const read = await asking.cluster.get<WorkloadResource & KubeObject>(ref, asking.parts.signal);
    if (read.kind !== 'done') return explainFailure(title, read);
    const isPaused = readStatus(read.object).reason === 'Paused';
    return isPaused === (word === 'paused') ? { exit: 0, stdout: done } : undefined;
  });
}

function placeOf(asking: Asking, target: Target | undefined): Place {
  if (target === undefined) return controlPlace(asking, PAUSE_ALL);
  return target.resource === undefined
    ? controlPlace(asking, pauseEntry(target.key))
    : { ref: target.resource.ref, in: 'annotations', field: ANNOTATION.paused };
}

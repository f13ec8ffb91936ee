/** `restart` and `run-now`: something to be done once with a workload. One request at a time for each. */
import { requestEntry } from '../core/control/entries.ts';
import { formatKey } from '../core/workload/model.ts';
import { ANNOTATION } from '../core/workload/names.ts';
import type { Asking, Ended, Verb } from './asking.ts';
import { controlPlace } from '../runtime/record-write.ts';
import { newRequest, writeRequest } from './request-write.ts';
import { findTarget } from './workload-target.ts';

const RESTART_USAGE =
  'k8-highlander restart [KIND/]NAME [--reason TEXT] [-n NAMESPACE] [--dry-run] [--wait --timeout 60s]';
const RUN_NOW_USAGE =
  'k8-highlander run-now NAME [--reason TEXT] [-n NAMESPACE] [--dry-run] [--wait --timeout 60s]';

export const RESTART: Verb = {
  usage: RESTART_USAGE,
  go: (asking) => request(asking, 'restart', RESTART_USAGE),
};

export const RUN_NOW: Verb = {
  usage: RUN_NOW_USAGE,
  go: (asking) => request(asking, 'run-now', RUN_NOW_USAGE),
};

async function request(asking: Asking, action: string, usage: string): Promise<Ended> {
  const target = await findTarget(asking, usage);
  if ('exit' in target) return target;
  const { key, resource } = target;
  const place =
    resource === undefined
      ? controlPlace(asking, requestEntry(key))
      : ({ ref: resource.ref, in: 'annotations', field: ANNOTATION.request } as const);
  return writeRequest(asking, place, newRequest(asking, action), `${action} of ${formatKey(key)}`);
}

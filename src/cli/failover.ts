/** `failover`, `drain` and `undrain`: who is to lead, and who may not. */
import { DRAINED, LEADER_REQUEST } from '../core/control/entries.ts';
import { formatTime, putRecord, wrongUsage, type Asking, type Ended, type Verb } from './asking.ts';
import { controlPlace } from '../runtime/record-write.ts';
import { newRequest, writeRequest } from './request-write.ts';

const FAILOVER_USAGE = 'k8-highlander failover [--to ID] [--reason TEXT] [--dry-run] [--wait --timeout 30s]';
const DRAIN_USAGE = 'k8-highlander drain ID [--reason TEXT] [--dry-run]';
const UNDRAIN_USAGE = 'k8-highlander undrain ID [--dry-run]';

export const FAILOVER: Verb = {
  usage: FAILOVER_USAGE,
  texts: { '--to': 'to' },
  async go(asking) {
    if (asking.flags.positional.length > 0)
      return wrongUsage('failover names the next leader with --to', FAILOVER_USAGE);
    const request = newRequest(asking, 'failover', asking.flags.texts['to']);
    return writeRequest(asking, controlPlace(asking, LEADER_REQUEST), request, 'failover');
  },
};

export const DRAIN: Verb = {
  usage: DRAIN_USAGE,
  go(asking) {
    const { by, reason = '', parts } = asking;
    const record = { by, reason, at: formatTime(parts.system.clock.wall()) };
    return change(asking, DRAIN_USAGE, 'drained', JSON.stringify(record));
  },
};

export const UNDRAIN: Verb = {
  usage: UNDRAIN_USAGE,
  go: (asking) => change(asking, UNDRAIN_USAGE, 'undrained', null),
};

async function change(asking: Asking, usage: string, word: string, text: string | null): Promise<Ended> {
  const [id = '', ...others] = asking.flags.positional;
  // What an entry of a ConfigMap may be named.
  if (!/^[-._a-zA-Z0-9]{1,240}$/.test(id) || others.length > 0)
    return wrongUsage('name one controller by its id', usage);
  const failure = await putRecord(asking, controlPlace(asking, `${DRAINED}${id}`), () => text);
  return failure ?? { exit: 0, stdout: `${id} ${asking.dryRun ? 'would be ' : ''}${word}\n` };
}

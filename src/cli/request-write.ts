/** Writes a request that is to be carried out once, and waits for what becomes of it. */
import { explainOpen, findOpen, readRequest, type Request } from '../core/control/request.ts';
import type { Place } from '../runtime/record-write.ts';
import { formatTime, getRecord, putRecord, type Asking, type Ended } from './asking.ts';
import { waitFor } from './wait.ts';

export function newRequest(asking: Asking, action: string, to?: string): Request {
  const { by, reason = '', parts } = asking;
  const { clock, random } = parts.system;
  const at = formatTime(clock.wall());
  return { id: random.uuid(), action, by, reason, at, ...(to === undefined ? {} : { to }) };
}

/** `title`: what is asked for, for people. Refused while an earlier request about the same is open. */
export async function writeRequest(
  asking: Asking,
  place: Place,
  request: Request,
  title: string,
): Promise<Ended> {
  const { clock } = asking.parts.system;
  const failure = await putRecord(asking, place, (present) => {
    const open = findOpen(present, clock.wall());
    if (open === undefined) return JSON.stringify(request);
    return { kind: 'declined', why: { exit: 1, stderr: `error: ${explainOpen(open)}\n` } };
  });
  if (failure !== undefined) return failure;
  if (asking.dryRun) return { exit: 0, stdout: `${title} would be asked for\n` };
  if (asking.wait === undefined) return { exit: 0, stdout: `${title} asked for; request ${request.id}\n` };
  return waitFor(asking, title, async () => {
    const text = await getRecord(asking, place);
    if (typeof text === 'object') return text;
    const read = text === undefined ? undefined : readRequest(text);
    if (read === undefined || 'fault' in read || read.id !== request.id)
      return { exit: 1, stderr: 'error: somebody replaced the request\n' };
    if (read.state === 'done') return { exit: 0, stdout: `${title}: ${read.result ?? 'done'}\n` };
    return read.state === 'refused'
      ? { exit: 1, stderr: `error: ${title}: ${read.result ?? 'refused'}\n` }
      : undefined;
  });
}

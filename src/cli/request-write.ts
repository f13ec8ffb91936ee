/** Writes a request that is to be carried out once, and waits for what becomes of it. */
import { endOfRequest, isSettled, readRequest, type Request } from '../core/control/request.ts';
import { formatTime, type Asking, type Ended } from './asking.ts';
import { readRecord, writeRecord, type Place } from './record-write.ts';
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
  const failure = await writeRecord(asking, place, (present) => {
    const earlier = present === undefined ? undefined : readRequest(present);
    const isOpen = earlier !== undefined && !('fault' in earlier) && !isSettled(earlier);
    if (isOpen && (earlier.state !== undefined || clock.wall() < endOfRequest(earlier)))
      return {
        exit: 1,
        stderr: `error: ${earlier.action} was asked for at ${earlier.at} by ${earlier.by || 'somebody'} and is not done yet\n`,
      };
    return JSON.stringify(request);
  });
  if (failure !== undefined) return failure;
  if (asking.dryRun) return { exit: 0, stdout: `${title} would be asked for\n` };
  if (asking.wait === undefined) return { exit: 0, stdout: `${title} asked for; request ${request.id}\n` };
  return waitFor(asking, title, async () => {
    const text = await readRecord(asking, place);
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

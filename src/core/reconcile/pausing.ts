/**
 * What a pause holds back: everything that starts, stops or changes something. Claims go on, because they keep an earlier
 * leader from acting on a paused workload; and whatever is being deleted and is proven ended is let go, because whoever
 * deleted it would wait for us otherwise. A pause does not depend on who leads.
 */
import { HOUR } from '../time.ts';
import type { Input } from './observed.ts';
import { releaseEvidence } from './stopping.ts';
import type { Verdict } from './verdict.ts';

/** Not left alone for longer: the end is told by the wall clock, which may be set. */
const LOOK_AGAIN = HOUR;

export function checkPaused({ pause, instances, now }: Input): Verdict | undefined {
  if (pause === undefined || now >= pause.endsAt) return undefined;
  const { reason, by, until } = pause;
  const terminating = instances.filter(({ pod }) => pod.metadata.deletionTimestamp !== undefined);
  return {
    reason: 'Paused',
    message:
      `paused${by === '' ? '' : ` by ${by}`}${until === undefined ? '' : ` until ${until}`}: ${reason}. ` +
      'Nothing is started, stopped or changed',
    actions: terminating.flatMap(releaseEvidence),
    wakeAt: Math.min(pause.endsAt, now + LOOK_AGAIN),
  };
}

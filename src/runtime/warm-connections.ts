/**
 * Keeps the connections open that the start of a term needs, for as long as this process only follows: to open them then
 * would take longer than all that is asked over them.
 */
import { SECOND, type Duration } from '../core/time.ts';
import type { Cluster } from '../ports/cluster.ts';
import type { Clock } from '../ports/system.ts';
import { pause } from './pause.ts';
import { EARLY_CLAIMS } from './early-claims.ts';
import { WORLD_LANES } from './world.ts';

/** An API server closes a connection on which it was asked nothing for 90 s. */
const EVERY: Duration = 80 * SECOND;

/**
 * Those that read the world, the one that raises the anchor beside them and then carries a claim, and one for the other
 * claim. Resolves when the signal aborts.
 */
export async function keepConnectionsWarm(
  cluster: Pick<Cluster, 'warmUp'>,
  clock: Clock,
  isLeading: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    if (!isLeading()) await cluster.warmUp(WORLD_LANES + EARLY_CLAIMS);
    await pause(clock, EVERY, signal);
  }
}

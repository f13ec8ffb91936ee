/** The question whether the API server holds the fence by itself. Nothing is written by asking it. */
import type { Epoch } from '../core/election/record.ts';
import type { ServerFencing } from '../core/server-fencing.ts';

export interface ServerFence {
  /** Tries, without effect, to lower the anchor below `epoch`. `unknown`: anything but our policy's refusal or a yes. */
  tryLowering(epoch: Epoch, signal: AbortSignal): Promise<ServerFencing>;
}

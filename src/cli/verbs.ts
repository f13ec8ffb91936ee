/** The commands that ask something of whoever leads, by their words. */
import type { Verb } from './asking.ts';
import { DRAIN, FAILOVER, UNDRAIN } from './failover.ts';
import { FENCE } from './fence.ts';
import { PAUSE, RESUME } from './pause.ts';
import { RESTART, RUN_NOW } from './restart.ts';

export const VERBS: Readonly<Record<string, Verb>> = {
  pause: PAUSE,
  resume: RESUME,
  fence: FENCE,
  restart: RESTART,
  'run-now': RUN_NOW,
  failover: FAILOVER,
  drain: DRAIN,
  undrain: UNDRAIN,
};

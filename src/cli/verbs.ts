/** The commands that ask something of whoever leads, by their words. */
import type { Verb } from './asking.ts';
import { PAUSE, RESUME } from './pause.ts';

export const VERBS: Readonly<Record<string, Verb>> = {
  pause: PAUSE,
  resume: RESUME,
};

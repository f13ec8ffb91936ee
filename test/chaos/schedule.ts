/** Which faults a run causes, and when: a function of the seed alone. */
import { SeededRandom } from '../model/random.ts';

export const STORES = ['lease', 'redis', 'postgres', 'mariadb', 'sqlite'] as const;
export type StoreName = (typeof STORES)[number];

/** What can be done to a connection. */
const WIRES = ['delay', 'cut-up', 'cut-down', 'blackhole', 'reset', 'refuse'] as const;
export type Wire = (typeof WIRES)[number];

export type FaultKind =
  | 'pause'
  | 'kill'
  | 'terminate'
  | 'store-wire'
  | 'api-wire'
  | 'store-pause'
  | 'store-restart'
  | 'pod-delete'
  | 'pod-delete-by-force';

export interface PlannedFault {
  /** Milliseconds after the start. */
  readonly at: number;
  readonly kind: FaultKind;
  /** Who it happens to: whoever leads then, or the controller or workload of this number. */
  readonly victim: 'leader' | number;
  readonly lasts: number;
  readonly wire: Wire;
}

export interface Plan {
  readonly seed: number;
  readonly duration: number;
  readonly ttl: number;
  readonly store: StoreName;
  readonly controllers: number;
}

/** Weights; a kind that the store cannot have is left out. */
const KINDS: readonly (readonly [FaultKind, number])[] = [
  ['pause', 4],
  ['kill', 5],
  ['terminate', 2],
  ['store-wire', 4],
  ['api-wire', 3],
  ['store-pause', 2],
  ['store-restart', 2],
  ['pod-delete', 3],
  ['pod-delete-by-force', 1],
];

/** The faults of a run, in order of time. After half of the kills nothing else happens for 2.5 T, so that a take-over can be timed. */
export function planFaults({ seed, duration, ttl, store, controllers }: Plan): readonly PlannedFault[] {
  const random = new SeededRandom(seed);
  const bag = KINDS.filter(([kind]) => canHave(store, kind)).flatMap(([kind, weight]) =>
    Array.from({ length: weight }, () => kind),
  );
  const faults: PlannedFault[] = [];
  let at = ttl;
  while (at < duration) {
    const kind = random.pick(bag);
    const isQuiet = kind === 'kill' && random.chance(0.5);
    if (isQuiet) at += 1.5 * ttl;
    const victim =
      isQuiet || random.chance(0.6) ? ('leader' as const) : Math.floor(random.uniform() * controllers);
    faults.push({ at, kind, victim, lasts: ttl * longest(kind, random), wire: random.pick(WIRES) });
    at += isQuiet ? 2.5 * ttl : ttl * random.between(0.2, 1.6);
  }
  return faults.filter((fault) => fault.at < duration);
}

function canHave(store: StoreName, kind: FaultKind): boolean {
  // The Lease is in the API server, whose wires are cut anyway; a file has no wire and no server.
  if (kind === 'store-wire') return store !== 'lease' && store !== 'sqlite';
  if (kind === 'store-restart') return store !== 'lease' && store !== 'sqlite';
  return true;
}

/** In T. A process sleeps up to three; everybody's store is away for two at most, or nothing else would ever happen. */
function longest(kind: FaultKind, random: SeededRandom): number {
  if (kind === 'pause') return random.between(0.2, 3);
  if (kind === 'store-pause') return random.between(0.2, 2);
  if (kind === 'kill' || kind === 'terminate') return random.between(0.1, 1);
  return random.between(0.2, 2.2);
}

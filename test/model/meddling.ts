/** Faults of the cluster around the controllers: what people and machines do to the objects of the workloads. */
import { isBound } from './api-server.ts';
import type { Weather } from './network.ts';
import type { SeededRandom } from './random.ts';
import type { Simulation } from './simulation.ts';
import type { SingletonWorld } from './singletons.ts';

export interface MeddlingParts {
  readonly trace: (line: string) => void;
  /** The condition of the paths while nothing special is wrong with them. */
  readonly climate: Weather;
  /** Starts another controller. */
  readonly restart: () => void;
}

/** The faults to choose from, each lasting `lasts` milliseconds where it lasts; none without singletons. */
export function meddle(
  simulation: Simulation,
  random: SeededRandom,
  lasts: number,
  parts: MeddlingParts,
): readonly (() => void)[] {
  const { singletons } = simulation;
  if (singletons === undefined) return [];
  const { server, machines } = singletons;
  const { trace } = parts;
  const deletePod = (isForced: boolean) => (): void => {
    const pods = server.list('pods');
    if (pods.length === 0) return;
    const { namespace = '', name } = random.pick(pods).metadata;
    trace(`somebody deletes pod ${name}${isForced ? ' by force' : ''}`);
    server.delete('pods', namespace, name, { isForced });
  };
  return [
    deletePod(false),
    deletePod(true),
    () => {
      const replicas = random.pick([2, 3]);
      trace(`somebody scales the Deployment to ${replicas}`);
      scale(singletons, replicas);
    },
    () => {
      trace(`the kubelet is silent for ${lasts.toFixed(0)} ms`);
      machines.silence(lasts);
    },
    () => {
      trace(`the Deployment controller stands still for ${lasts.toFixed(0)} ms`);
      machines.stall(lasts);
    },
    () => {
      trace('pods more are made, the running one goes, and the leader dies over its permit');
      strikeAtPermit(simulation, singletons, random, parts);
    },
  ];
}

function scale({ server }: SingletonWorld, replicas: number): void {
  for (const maker of server.list('deployments'))
    server.amend('deployments', maker, (present) => ({ ...present, spec: { ...present.spec, replicas } }));
}

/**
 * The worst moment there is: several pods wait at their gates, the one that runs goes, and the leader dies while its permit
 * for one of them is still under way.
 */
function strikeAtPermit(
  simulation: Simulation,
  singletons: SingletonWorld,
  random: SeededRandom,
  { climate, restart }: MeddlingParts,
): void {
  const { server, machines } = singletons;
  const { world, timing } = simulation;
  scale(singletons, 3);
  world.at(world.now + random.between(150, 400), () => {
    machines.stall(timing.ttl * random.between(1, 4));
    const running = server.list('pods').filter((pod) => isBound(pod) && pod.metadata.ownerReferences);
    for (const { metadata } of running) server.delete('pods', metadata.namespace ?? '', metadata.name);
    const { leader } = simulation;
    if (leader === undefined) return;
    const strike = server.onChange(({ plural, kind, object }) => {
      // It is gone: the next write is the permit of a pod at its gate.
      if (plural !== 'pods' || kind !== 'removed' || object.metadata.ownerReferences === undefined) return;
      strike();
      const straggleUpTo = timing.ttl * random.between(1, 4);
      leader.paths.objects.weather = { ...climate, straggle: 1, straggleUpTo };
      world.at(world.now + random.between(1, 200), () => {
        // Who starts anew knows the pods in another order than who has watched them being made.
        const dying = random.chance(0.5) ? [leader] : simulation.alive;
        for (const process of dying) {
          process.host.crash();
          restart();
        }
      });
    });
  });
}

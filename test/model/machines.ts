/**
 * What else works in the cluster: the Deployment controller, the scheduler, and the kubelet of the one node. They are slow
 * at random; the controller can stand still, and the kubelet can fall silent while its containers run on.
 */
import { isBound, isEnded, type ApiServer, type Change, type Stored } from './api-server.ts';
import type { SeededRandom } from './random.ts';
import type { World } from './world.ts';

const NODE = 'node-1';

export class Machines {
  readonly #world: World;
  readonly #server: ApiServer;
  readonly #random: SeededRandom;
  /** Until then the kubelet neither starts nor stops anything, and reports nothing. */
  #silentUntil = 0;
  /** Until then the Deployment controller neither makes nor deletes pods. */
  #stalledUntil = 0;

  constructor(world: World, server: ApiServer, random: SeededRandom) {
    this.#world = world;
    this.#server = server;
    this.#random = random;
    server.create('nodes', {
      metadata: { name: NODE },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    } as Stored);
    server.onChange((change) => this.#react(change));
  }

  silence(duration: number): void {
    this.#silentUntil = this.#world.now + duration;
  }

  stall(duration: number): void {
    this.#stalledUntil = this.#world.now + duration;
  }

  #makePod(maker: Stored): void {
    const { template } = maker.spec ?? {};
    // As the suffixes of Kubernetes, these say nothing about the order in which pods were made.
    const suffix = Math.floor(this.#random.uniform() * 36 ** 5).toString(36);
    const { name, namespace = '', uid = '' } = maker.metadata;
    const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name, uid, controller: true };
    this.#server.create('pods', {
      metadata: {
        ...template?.metadata,
        name: `${name}-${suffix}`,
        namespace,
        ownerReferences: [owner],
      },
      spec: structuredClone(template?.spec),
      status: { phase: 'Pending' },
    } as Stored);
  }

  #react({ kind, plural, object }: Change): void {
    if (plural === 'deployments' && kind === 'changed') this.#soon(() => this.#reconcile(object));
    if (plural !== 'pods') return;
    const maker = this.#makerOf(object);
    if (maker !== undefined) this.#soon(() => this.#reconcile(maker));
    if (kind === 'removed') return;
    const gates = object.spec?.schedulingGates ?? [];
    if (gates.length === 0 && !isBound(object)) this.#soon(() => this.#bind(object));
    if (isBound(object)) this.#soon(() => this.#runKubelet(object));
  }

  /** The Deployment controller: as many pods as it should have that have not ended and are not ending. */
  #reconcile(object: Stored): void {
    if (this.#world.now < this.#stalledUntil) {
      this.#world.at(this.#stalledUntil + 1, () => this.#reconcile(object));
      return;
    }
    const { metadata } = object;
    const maker = this.#server.get('deployments', metadata.namespace ?? '', metadata.name);
    if (maker === undefined || maker.metadata.uid !== metadata.uid) return;
    const active = this.#server
      .list('pods')
      .filter((pod) => this.#makerOf(pod)?.metadata.uid === maker.metadata.uid)
      .filter((pod) => pod.metadata.deletionTimestamp === undefined && !isEnded(pod));
    const wanted = maker.spec?.replicas ?? 1;
    for (let missing = wanted - active.length; missing > 0; missing -= 1) this.#makePod(maker);
    for (let extra = active.length - wanted; extra > 0; extra -= 1) {
      const [pod] = active.splice(Math.floor(this.#random.uniform() * active.length), 1);
      if (pod !== undefined) this.#server.delete('pods', pod.metadata.namespace ?? '', pod.metadata.name);
    }
  }

  #makerOf({ metadata }: Stored): Stored | undefined {
    const owner = metadata.ownerReferences?.find(({ kind }) => kind === 'Deployment');
    return owner && this.#server.get('deployments', metadata.namespace ?? '', owner.name);
  }

  /** The scheduler; the API server refuses to bind a pod that is being deleted. */
  #bind(pod: Stored): void {
    this.#server.amend('pods', pod, (present) => {
      const { metadata, spec } = present;
      return metadata.deletionTimestamp !== undefined || isBound(present)
        ? present
        : { ...present, spec: { ...spec, nodeName: NODE } };
    });
  }

  #runKubelet(pod: Stored): void {
    if (this.#world.now < this.#silentUntil) {
      this.#world.at(this.#silentUntil + 1, () => this.#runKubelet(pod));
      return;
    }
    const present = this.#server.get('pods', pod.metadata.namespace ?? '', pod.metadata.name);
    if (present?.metadata.uid !== pod.metadata.uid || present === undefined || isEnded(present)) return;
    if (present.metadata.deletionTimestamp === undefined) {
      if (present.status?.phase !== 'Running') this.#report(present, 'Running');
    } else this.#stop(present);
  }

  /** Its containers take their time to end, and then it says so and lets the object go. */
  #stop(pod: Stored): void {
    this.#soon(() => {
      this.#report(pod, 'Succeeded');
      this.#server.amend('pods', pod, (present) => ({
        ...present,
        metadata: { ...present.metadata, deletionGracePeriodSeconds: 0 },
      }));
    });
  }

  #report(pod: Stored, phase: 'Running' | 'Succeeded'): void {
    const state = phase === 'Running' ? { running: {} } : { terminated: { exitCode: 0 } };
    const ready =
      phase === 'Running'
        ? { type: 'Ready', status: 'True' }
        : { type: 'Ready', status: 'False', reason: 'PodCompleted' };
    this.#server.amend('pods', pod, (present) =>
      isEnded(present)
        ? present
        : ({
            ...present,
            status: {
              phase,
              conditions: [ready],
              containerStatuses: [{ name: 'main', ready: phase === 'Running', restartCount: 0, state }],
            },
          } as Stored),
    );
  }

  #soon(act: () => void): void {
    this.#world.at(this.#world.now + this.#random.between(1, 200), act);
  }
}

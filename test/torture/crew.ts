/** Controllers that are killed and put to sleep, and of which there are always two again. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import type { World } from '../e2e/world.ts';

export class Crew {
  /** Of the leader's lock, in milliseconds. */
  readonly ttl = 2000;
  readonly #world: World;
  #alive: ControllerProcess[] = [];
  #hired = 0;

  constructor(world: World) {
    this.#world = world;
  }

  get alive(): readonly ControllerProcess[] {
    return this.#alive;
  }

  /** The ids of all that ever served. */
  get ids(): readonly string[] {
    return Array.from({ length: this.#hired }, (_, at) => `crew-${at + 1}`);
  }

  /** Starts as many as are missing. */
  async fill(): Promise<void> {
    while (this.#alive.length < 2) {
      this.#hired += 1;
      const config = { leaderLockTTL: `${this.ttl}ms` };
      this.#alive.push(await this.#world.controller(`crew-${this.#hired}`, config));
    }
  }

  leader(): Promise<ControllerProcess> {
    return this.#world.leader(this.#alive, 60_000);
  }

  async kill(...controllers: readonly ControllerProcess[]): Promise<void> {
    this.#alive = this.#alive.filter((one) => !controllers.includes(one));
    await Promise.all(controllers.map((one) => one.destroy()));
  }

  /** Stops it for three lock times, and lets it go on. */
  async sleep(controller: ControllerProcess): Promise<void> {
    controller.kill('SIGSTOP');
    await sleep(3 * this.ttl);
    controller.kill('SIGCONT');
  }
}

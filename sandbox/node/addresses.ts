/**
 * Addresses of pods: loopback, so that each pod of a machine can listen on the same port as another without a network of
 * its own. Linux answers on all of 127.0.0.0/8.
 */
import { createHash } from 'node:crypto';

export const HOST_ADDRESS = '127.0.0.1';

/**
 * The addresses of one node: 127.X.0.0/16, X derived from its name. Two nodes may share an X; choose other names then.
 * Where nothing listens they are from 10.X.0.0/16, X from 128: endpoints on loopback are refused by the API server, and
 * the controllers that make endpoints try them again without end.
 */
export class PodAddresses {
  readonly #network: string;
  readonly #byPod = new Map<string, string>();
  readonly #taken = new Set<string>();
  #next = 0;

  constructor(node: string, { simulate = false }: { readonly simulate?: boolean } = {}) {
    const hash = createHash('sha256').update(node).digest().readUInt32BE();
    this.#network = simulate ? `10.${128 + (hash % 127)}` : `127.${1 + (hash % 254)}`;
  }

  /** The address of a pod, for as long as it is kept. One that the pod has already stays its own. */
  take(uid: string, present?: string): string {
    const known = this.#byPod.get(uid);
    if (known !== undefined) return known;
    let address = present;
    while (address === undefined || (address !== present && this.#taken.has(address))) {
      // .0 and .255 of a block would look like networks and broadcasts.
      const host = this.#next++ % (254 * 256);
      address = `${this.#network}.${Math.floor(host / 254)}.${(host % 254) + 1}`;
    }
    this.#byPod.set(uid, address);
    this.#taken.add(address);
    return address;
  }

  release(uid: string): void {
    const address = this.#byPod.get(uid);
    this.#byPod.delete(uid);
    if (address !== undefined) this.#taken.delete(address);
  }
}

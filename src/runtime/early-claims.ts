/**
 * The first claims of a term, sent while the world is still being read. A claim decides nothing: it is a compare-and-set
 * on the version that this process has watched, so an old view makes it fail, never wrong. What follows is decided about
 * only after the consistent read, and for a workload that is being claimed after the reply.
 */

/** As many as the connections that are kept open allow beside the reads. The rest is claimed in the sweep. */
export const EARLY_CLAIMS = 2;

export class EarlyClaims {
  readonly #pending = new Map<string, Promise<void>>();

  /** Begins with the first keys that need it: `claim` answers undefined for one that does not, and must not reject. */
  begin(keys: Iterable<string>, claim: (key: string) => Promise<void> | undefined): void {
    for (const key of keys) {
      if (this.#pending.size >= EARLY_CLAIMS) return;
      const claiming = claim(key);
      if (claiming !== undefined) this.#pending.set(key, claiming);
    }
  }

  /** Resolves when nothing of this workload is on its way any more. */
  async settled(key: string): Promise<void> {
    await this.#pending.get(key);
  }

  /** Resolves when every reply is in. */
  async ended(): Promise<void> {
    await Promise.all(this.#pending.values());
  }
}

/** What a connection proves its identity with, and where that comes from. */

/** One of them or both; neither for a stranger, or where certificates lie in files (see `Agents`). */
export interface Identity {
  readonly token?: string;
  readonly certificate?: KeyPair;
}

/** PEM texts. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface IdentitySource {
  /**
   * What to prove it with now: the same object as long as nothing changed.
   *
   * @throws Error free of secrets when there is nothing to be had, or the signal aborts first.
   */
  current(signal: AbortSignal): Promise<Identity>;
  /** After a 401: looks for another one at once. True if there is one, so asking again makes sense. */
  replaced(refused: Identity, signal: AbortSignal): Promise<boolean>;
  close(): void;
}

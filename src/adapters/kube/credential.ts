/** The bearer token of a connection, kept fresh: a file's token is read again every minute and once after a 401. */
import { readFile } from 'node:fs/promises';
import { MINUTE, type Instant } from '../../core/time.ts';
import type { Clock } from '../../ports/system.ts';
import type { Credential } from './connection.ts';

export class BearerToken {
  readonly #credential: Credential;
  readonly #clock: Clock;
  #token: string | undefined;
  #readAt: Instant = Number.NEGATIVE_INFINITY;

  constructor(credential: Credential, clock: Clock) {
    this.#credential = credential;
    this.#clock = clock;
    if (credential.kind === 'token') this.#token = credential.token;
  }

  /** The token to send now; undefined for credentials that are not a token. An unreadable file keeps the last token. */
  async current(): Promise<string | undefined> {
    if (this.#credential.kind === 'token-file' && this.#clock.now() - this.#readAt >= MINUTE)
      await this.#read();
    return this.#token;
  }

  /** After a 401: reads the file at once. True if that gave another token than `refused`, so asking again makes sense. */
  async replaced(refused: string | undefined): Promise<boolean> {
    if (this.#credential.kind !== 'token-file') return false;
    if (this.#token === refused) await this.#read();
    return this.#token !== refused;
  }

  async #read(): Promise<void> {
    if (this.#credential.kind !== 'token-file') return;
    this.#readAt = this.#clock.now();
    try {
      this.#token = (await readFile(this.#credential.file, 'utf8')).trim();
    } catch {
      // The file is replaced by rename while it is rotated; without any token the server's 401 says what is wrong.
    }
  }
}

/** The source of identity for each kind of credential; and tokens in files, kept fresh. */
import { readFile } from 'node:fs/promises';
import { MINUTE, type Instant } from '../../core/time.ts';
import type { Clock, Log } from '../../ports/system.ts';
import type { Credential } from './connection.ts';
import { ExecCredential } from './exec-credential.ts';
import type { Identity, IdentitySource } from './identity.ts';

export function openCredential(
  credential: Credential,
  system: { readonly clock: Clock; readonly log?: Log },
): IdentitySource {
  switch (credential.kind) {
    case 'exec':
      return new ExecCredential(credential.plugin, system);
    case 'token-file':
      return new TokenFile(credential.file, system.clock);
    case 'token':
      return fixed({ token: credential.token });
    case 'none':
    case 'certificate':
      return fixed({});
  }
}

function fixed(identity: Identity): IdentitySource {
  return { current: async () => identity, replaced: async () => false, close: () => {} };
}

/** A file's token, read again every minute and once after a 401. */
class TokenFile implements IdentitySource {
  readonly #file: string;
  readonly #clock: Clock;
  #identity: Identity = {};
  #readAt: Instant = Number.NEGATIVE_INFINITY;

  constructor(file: string, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  /** A file that cannot be read, or is empty, keeps the last token. */
  async current(): Promise<Identity> {
    if (this.#clock.now() - this.#readAt >= MINUTE) await this.#read();
    return this.#identity;
  }

  async replaced(refused: Identity): Promise<boolean> {
    if (this.#identity === refused) await this.#read();
    return this.#identity !== refused;
  }

  close(): void {}

  async #read(): Promise<void> {
    this.#readAt = this.#clock.now();
    try {
      const token = (await readFile(this.#file, 'utf8')).trim();
      if (token !== '' && token !== this.#identity.token) this.#identity = { token };
    } catch {
      // The file is replaced by rename while it is rotated; without any token the server's 401 says what is wrong.
    }
  }
}

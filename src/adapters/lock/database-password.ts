/** The password of a database, which may change while we run. */
import { readFile } from 'node:fs/promises';

export interface DatabaseCredentials {
  /** Wins over a password in the URL. */
  readonly password?: string;
  /** Read for each connection, so that a rotated password is used; wins over `password`. */
  readonly passwordFile?: string;
}

/** The password to connect with now. @throws Error that names the file, if it cannot be read. */
export async function currentPassword({
  password,
  passwordFile,
}: DatabaseCredentials): Promise<string | undefined> {
  if (passwordFile === undefined) return password;
  try {
    return (await readFile(passwordFile, 'utf8')).replace(/\r?\n$/, '');
  } catch {
    throw new Error(
      `databasePasswordFile ${passwordFile} cannot be read: check the path and its permissions`,
    );
  }
}

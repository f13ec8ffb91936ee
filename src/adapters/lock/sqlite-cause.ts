/** What went wrong with a lock file, as one sentence that names the fix. */

type RefusalCode =
  | 'NO_FOLDER'
  | 'IS_FOLDER'
  | 'NOT_WRITABLE'
  | 'NETWORK'
  | 'NO_WAL'
  | 'FOREIGN'
  | 'EPOCH_SPENT'
  | 'REPLACED';

/** Thrown where the file could be reached but must not be used. */
export class SqliteRefusal extends Error {
  readonly code: RefusalCode;
  /** What the sentence names: a folder, a file system. */
  readonly subject: string;

  constructor(code: RefusalCode, subject = '') {
    super(code);
    this.code = code;
    this.subject = subject;
  }
}

const REFUSALS: Readonly<Record<RefusalCode, (subject: string) => string>> = {
  NO_FOLDER: (folder) => `cannot be made: there is no folder ${folder}; create it, or correct databaseURL`,
  IS_FOLDER: () => 'is a folder: name a file in it in databaseURL',
  NOT_WRITABLE: (folder) => `cannot be written: give this user write access to the folder ${folder}`,
  NETWORK: (name) =>
    `lies on ${name}, a network file system, on which locks do not hold: use a local disk, or another lock store`,
  NO_WAL: () => 'lies on a file system without shared memory (WAL is refused): use a local disk',
  FOREIGN: () => 'is the database of another program: name another file in databaseURL',
  EPOCH_SPENT: () => 'holds an epoch that cannot rise any further: correct it in highlander_lease',
  REPLACED: () => 'was deleted or replaced while in use: it is opened again',
};

/** By SQLite's primary result code (https://www.sqlite.org/rescode.html). */
const SENTENCES: Readonly<Record<number, string>> = {
  3: 'cannot be opened: give this user read and write access to it',
  5: 'is locked by another process that does not go on: look who has it open (fuser), and end a stopped one',
  6: 'is locked by another process that does not go on: look who has it open (fuser), and end a stopped one',
  8: 'cannot be written: give this user write access to the file and its folder, and mount the disk writable',
  10: 'cannot be read or written: check the disk',
  11: 'is damaged: stop all controllers that use it and move it away; a new one is made',
  13: 'cannot grow, the disk is full: free some space',
  14: 'cannot be opened: give this user read and write access to the file and its folder',
  23: 'cannot be opened: give this user read and write access to it',
  26: 'is no SQLite database, or damaged: move it away, or correct databaseURL',
};

/** The sentence for anything that was thrown when the file was used. */
export function causeOf(error: unknown, path: string): string {
  const where = `SQLite file ${path}`;
  if (error instanceof SqliteRefusal) return `${where} ${REFUSALS[error.code](error.subject)}`;
  const sentence = SENTENCES[resultCodeOf(error) ?? -1];
  if (sentence !== undefined) return `${where} ${sentence}`;
  return `${where}: ${error instanceof Error ? error.message : String(error)}`;
}

/** SQLite's primary result code; the extended one has it in the lowest byte. */
function resultCodeOf(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode & 0xff
    : undefined;
}

const BUSY = 5;
const LOCKED = 6;

/** Another process uses the file just now; asking again soon helps. */
export function isBusy(error: unknown): boolean {
  const code = resultCodeOf(error);
  return code === BUSY || code === LOCKED;
}

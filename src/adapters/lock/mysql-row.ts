/** The row of a lock as `READ` answers it. */
import type { LockView } from '../../core/election/record.ts';
import { MysqlRefusal } from './mysql-cause.ts';
import { isReadOnly } from './mysql-connection.ts';

/** A row as the client gives it. */
export type Row = Readonly<Record<string, unknown>>;

/** @throws MysqlRefusal where the server has become read-only: what it holds may be old. */
export function viewOf([row]: readonly Row[]): LockView {
  if (isReadOnly(row?.['readOnly'])) throw new MysqlRefusal('READ_ONLY');
  if (row === undefined || row['epoch'] === null) return { kind: 'free', epoch: 0 };
  const holder = String(row['holder']);
  const epoch = Number(row['epoch']);
  const remaining = Number(row['remaining']) / 1000;
  if (Number(row['released']) === 1 || remaining <= 0)
    return { kind: 'free', epoch, ...(holder !== '' && { lastHolder: holder }) };
  const nonce = String(row['nonce']);
  return { kind: 'held', holder, nonce, epoch, remaining, amnesia: Number(row['amnesia']) === 1 };
}

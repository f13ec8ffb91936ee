/**
 * Where a lock file may lie. SQLite relies on locks and shared memory that network file systems do not provide between
 * hosts (https://www.sqlite.org/wal.html, https://www.sqlite.org/faq.html#q5), so those that can be recognised are
 * refused.
 */
import { constants } from 'node:fs';
import { access, readFile, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SqliteRefusal } from './sqlite-cause.ts';

/** The numbers by which Linux tells file systems apart (statfs(2)). */
const NETWORK: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x01021997, '9P'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x73757245, 'Coda'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0xaad7aaea, 'PanFS'],
]);
const FUSE = 0x65735546;
/** All file systems in user space have one number; these of them reach other hosts, by the name they are mounted with. */
const FUSE_NETWORK =
  /^(?:virtiofs|fuse\.(?:sshfs|glusterfs|ceph|ceph-fuse|s3fs|goofys|mount-s3|rclone|gcsfuse|blobfuse2?|juicefs|davfs2?|curlftpfs|seaweedfs|lizardfs|moosefs|mfs.*|beegfs|grpcfuse))$/;

/** The name of the network file system, if it is one. `mounted` is the type of the mount, such as `fuse.sshfs`. */
export function networkFileSystem(magic: number, mounted: string): string | undefined {
  // Node reads the number as signed where the system does.
  const known = NETWORK.get(magic >>> 0);
  if (known !== undefined) return known;
  return magic >>> 0 === FUSE && FUSE_NETWORK.test(mounted) ? mounted : undefined;
}

/** @throws SqliteRefusal or a system error that says why a lock file cannot lie there. */
export async function checkPlace(path: string): Promise<void> {
  const folder = dirname(path);
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined) throw new SqliteRefusal('NO_FOLDER', folder);
  if (!found.isDirectory()) throw new SqliteRefusal('NO_FOLDER', folder);
  if (await isFolder(path)) throw new SqliteRefusal('IS_FOLDER');
  await access(folder, constants.W_OK | constants.X_OK).catch(() => {
    throw new SqliteRefusal('NOT_WRITABLE', folder);
  });
  const { type } = await statfs(folder);
  const name = networkFileSystem(type, await readMountType(found.dev));
  if (name !== undefined) throw new SqliteRefusal('NETWORK', name);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** The type of the mount with this device number, from proc_pid_mountinfo(5); empty if it is not listed. */
async function readMountType(device: number): Promise<string> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  return mountTypeOf(text, device);
}

/** Lines are `id parent major:minor root point options [fields] - type source options`. */
export function mountTypeOf(mountinfo: string, device: number): string {
  // Inverse of makedev of glibc, for device numbers below 2^32.
  const major = (device >>> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00);
  const line = mountinfo.split('\n').find((text) => text.split(' ')[2] === `${major}:${minor}`);
  return line === undefined ? '' : (/ - (\S+)/.exec(line)?.[1] ?? '');
}

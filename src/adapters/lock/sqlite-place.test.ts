import { describe, expect, it } from 'vitest';
import { mountTypeOf, networkFileSystem } from './sqlite-place.ts';

describe('the place of a lock file', () => {
  it.each([
    ['NFS', 0x6969, 'nfs4', 'NFS'],
    ['SMB', 0xfe534d42, 'cifs', 'SMB'],
    ['SMB, read as a signed number', 0xfe534d42 | 0, 'cifs', 'SMB'],
    ['sshfs', 0x65735546, 'fuse.sshfs', 'fuse.sshfs'],
    ['ext4', 0xef53, 'ext4', undefined],
    ['a local file system in user space', 0x65735546, 'fuse.fuse-overlayfs', undefined],
  ])('%s is told by its number, and in user space by its mount', (_name, magic, mounted, expected) => {
    expect(networkFileSystem(magic, mounted)).toBe(expected);
  });

  it('the mount is found by the device number, large ones too', () => {
    const mountinfo = [
      '22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw',
      '40 22 0:300 / /mnt rw,relatime shared:7 - fuse.sshfs host:/data rw',
    ].join('\n');
    expect(mountTypeOf(mountinfo, 0x801)).toBe('ext4');
    expect(mountTypeOf(mountinfo, 0x10002c)).toBe('fuse.sshfs');
    expect(mountTypeOf(mountinfo, 0x999)).toBe('');
  });
});

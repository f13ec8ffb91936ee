import { expect, it } from 'vitest';
import { findPlace, readContainerPlace } from './place.ts';

const POD = '0f7b5b1e-6c3d-4a7e-9f52-1c2d3e4f5a6b';
const OTHERS = `2176 2049 0:295 / / rw,relatime master:781 - overlay overlay rw,lowerdir=/var/lib/containerd/1
2177 2176 0:297 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
2178 2176 0:298 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
2184 2176 259:1 /var/lib/kubelet/pods/${POD}/etc-hosts /etc/hosts rw,noatime - ext4 /dev/root rw`;

it('reads pod and container from the mount of the kubelet', () => {
  const own = `2185 2178 259:1 /var/lib/kubelet/pods/${POD}/containers/controller/5d0aa9f1 /dev/termination-log rw,noatime - ext4 /dev/root rw`;
  expect(readContainerPlace(`${OTHERS}\n${own}\n`)).toEqual({
    kind: 'container',
    podUid: POD,
    container: 'controller',
  });
});

it('knows of no container without that mount, or where something else is mounted there', () => {
  expect(readContainerPlace(OTHERS)).toBeUndefined();
  expect(
    readContainerPlace(`${OTHERS}\n9 8 0:1 /log /dev/termination-log rw - ext4 /dev/root rw`),
  ).toBeUndefined();
});

it('is a name for a process that is not the first one', async () => {
  expect(await findPlace({ POD_UID: POD })).toEqual({ kind: 'named', name: POD });
});

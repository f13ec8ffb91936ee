import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { access, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { downloadControlPlane } from './download.ts';

const release = { kubernetes: '1.2.3', etcd: '4.5.6', arch: 'amd64' };
const programs = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];
const archive = 'etcd-v4.5.6-linux-amd64.tar.gz';
let root: string;
let files: Map<string, Buffer>;
let server: Server;
let base: string;

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'download-'));
  files = new Map();
  for (const name of programs) {
    const bytes = Buffer.from(`I am ${name}`);
    files.set(`/k/v1.2.3/bin/linux/amd64/${name}`, bytes);
    files.set(`/k/v1.2.3/bin/linux/amd64/${name}.sha256`, Buffer.from(sha256(bytes)));
  }
  const tarred = packEtcd();
  files.set(`/e/v4.5.6/${archive}`, tarred);
  files.set(
    '/e/v4.5.6/SHA256SUMS',
    Buffer.from(`${'0'.repeat(64)}  etcd-v4.5.6-linux-arm64.tar.gz\n${sha256(tarred)}  ${archive}\n`),
  );
  server = createServer((request, response) => {
    const bytes = files.get(request.url ?? '');
    response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  base = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(root, { recursive: true });
});

/** The archive as the etcd project packs it: a folder with more in it than we want. */
function packEtcd(): Buffer {
  const folder = archive.replace('.tar.gz', '');
  mkdirSync(join(root, 'pack', folder), { recursive: true });
  for (const name of ['etcd', 'etcdctl', 'README.md'])
    writeFileSync(join(root, 'pack', folder, name), `I am ${name}`);
  execFileSync('tar', ['-czf', join(root, archive), '-C', join(root, 'pack'), folder]);
  return readFileSync(join(root, archive));
}

async function download(): Promise<string> {
  const dir = await mkdtemp(join(root, 'into-'));
  const progress = { line: () => {}, moving: () => {} };
  const bases = { kubernetes: `${base}/k`, etcd: `${base}/e` };
  await downloadControlPlane(release, bases, dir, progress, AbortSignal.timeout(10_000));
  return dir;
}

test('the four programs arrive executable, and nothing else stays', async () => {
  const dir = await download();
  const names = (await readdir(dir)).toSorted((a, b) => a.localeCompare(b));
  expect(names).toEqual(['etcd', ...programs]);
  for (const name of names) {
    expect(await readFile(join(dir, name), 'utf8')).toBe(`I am ${name}`);
    await access(join(dir, name), 1);
  }
});

test('a program that is not what was published is refused', async () => {
  files.set('/k/v1.2.3/bin/linux/amd64/kube-scheduler', Buffer.from('I am something else'));
  await expect(download()).rejects.toThrow(
    /kube-scheduler: its SHA-256 is [0-9a-f]{64}, published is [0-9a-f]{64}/,
  );
});

test('an archive that is not what was published is refused before it is unpacked', async () => {
  files.set(`/e/v4.5.6/${archive}`, Buffer.from('not even an archive'));
  await expect(download()).rejects.toThrow(/etcd-v4.5.6-linux-amd64.tar.gz: its SHA-256 is/);
});

test('a checksum file that holds no sum is refused', async () => {
  files.set('/k/v1.2.3/bin/linux/amd64/kube-scheduler.sha256', Buffer.from('<html>Sign in</html>'));
  await expect(download()).rejects.toThrow('kube-scheduler.sha256 has no SHA-256 sum');
});

test('a file that is missing is named with its address', async () => {
  files.delete('/e/v4.5.6/SHA256SUMS');
  await expect(download()).rejects.toThrow(`${base}/e/v4.5.6/SHA256SUMS: HTTP 404`);
});

test('nobody there is an error that names address and reason', async () => {
  server.close();
  server.closeAllConnections();
  await expect(download()).rejects.toThrow(/^http:\/\/127\.0\.0\.1:\d+\/.*: ECONNREFUSED$/);
});

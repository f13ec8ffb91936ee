/**
 * Downloads the published binaries and verifies their published SHA-256 sums. Hosts that cannot be reached fail fast:
 * the small checksum files are fetched first, with a connect timeout of three seconds.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EnvHttpProxyAgent, fetch } from 'undici';
import type { Dispatcher, Response } from 'undici';
import type { Progress } from '../progress.ts';
import { codeOf, reasonOf } from '../reason.ts';
import type { ComponentName } from './component.ts';
import type { Release } from './release.ts';

/** Where the files lie; a mirror keeps the paths below. */
export interface DownloadBases {
  /** As `https://dl.k8s.io/release`: `/vX.Y.Z/bin/linux/ARCH/NAME` and the same with `.sha256`. */
  readonly kubernetes: string;
  /** As `https://github.com/etcd-io/etcd/releases/download`: `/vX.Y.Z/etcd-vX.Y.Z-linux-ARCH.tar.gz` and `SHA256SUMS` beside it. */
  readonly etcd: string;
}

/** The addresses of the projects themselves. */
export const PUBLIC_BASES: DownloadBases = {
  kubernetes: 'https://dl.k8s.io/release',
  etcd: 'https://github.com/etcd-io/etcd/releases/download',
};

const KUBERNETES_PROGRAMS = [
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
] as const satisfies readonly ComponentName[];

const CONNECT_TIMEOUT_MS = 3_000;
const ANSWER_TIMEOUT_MS = 10_000;

interface Wanted {
  readonly file: string;
  readonly url: string;
  readonly sum: string;
}

/**
 * Downloads the four programs into `dir`, which must exist.
 *
 * @throws Error with the address and the reason in a few words.
 */
export async function downloadControlPlane(
  release: Release,
  bases: DownloadBases,
  dir: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const agent = new EnvHttpProxyAgent({
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
  });
  try {
    const wanted = await readSums(release, bases, agent, signal);
    progress.line(`downloading the control plane (Kubernetes ${release.kubernetes}, etcd ${release.etcd})`);
    for (const each of wanted) await downloadFile(each, dir, agent, progress, signal);
    await unpackEtcd(release, dir, signal);
    progress.line('downloaded the control plane');
  } finally {
    await agent.destroy();
  }
}

async function readSums(
  release: Release,
  bases: DownloadBases,
  agent: Dispatcher,
  signal: AbortSignal,
): Promise<readonly Wanted[]> {
  const programs = `${bases.kubernetes}/v${release.kubernetes}/bin/linux/${release.arch}`;
  const archive = archiveOf(release);
  const etcd = `${bases.etcd}/v${release.etcd}`;
  const text = async (url: string): Promise<string> => (await get(url, agent, signal)).text();
  const [sums, ...each] = await Promise.all([
    text(`${etcd}/SHA256SUMS`),
    ...KUBERNETES_PROGRAMS.map((name) => text(`${programs}/${name}.sha256`)),
  ]);
  // `SUM  FILE` a line, as sha256sum writes it.
  const line = sums.split('\n').find((candidate) => candidate.trim().endsWith(archive)) ?? '';
  return [
    { file: archive, url: `${etcd}/${archive}`, sum: sumIn(line, `${etcd}/SHA256SUMS`) },
    ...KUBERNETES_PROGRAMS.map((name, index) => ({
      file: name,
      url: `${programs}/${name}`,
      sum: sumIn(each[index] ?? '', `${programs}/${name}.sha256`),
    })),
  ];
}

function sumIn(text: string, url: string): string {
  const sum = /^[0-9a-f]{64}\b/i.exec(text.trim())?.[0];
  if (sum === undefined) throw new Error(`${url} has no SHA-256 sum`);
  return sum.toLowerCase();
}

async function get(url: string, agent: Dispatcher, signal: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { dispatcher: agent, signal });
  } catch (error) {
    signal.throwIfAborted();
    const cause = error instanceof Error ? (error.cause ?? error) : error; // fetch says only that it failed
    throw new Error(`${url}: ${codeOf(cause) ?? reasonOf(cause)}`, { cause: error });
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`${url}: HTTP ${response.status}`);
  }
  return response;
}

async function downloadFile(
  { file, url, sum }: Wanted,
  dir: string,
  agent: Dispatcher,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const response = await get(url, agent, signal);
  const total = Number(response.headers.get('content-length') ?? 0);
  const hash = createHash('sha256');
  const target = await open(join(dir, file), 'w', 0o755);
  let received = 0;
  try {
    for await (const chunk of response.body ?? []) {
      const bytes: Uint8Array = chunk;
      hash.update(bytes);
      await target.writeFile(bytes);
      received += bytes.length;
      const share = total > 0 ? ` of ${mebibytes(total)}` : '';
      progress.moving(`downloading ${file}: ${mebibytes(received)}${share} MiB`);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`${url}: broke off after ${received} bytes`, { cause: error });
  } finally {
    await target.close();
  }
  const found = hash.digest('hex');
  if (found !== sum) throw new Error(`${url}: its SHA-256 is ${found}, published is ${sum}`);
}

function mebibytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(0);
}

function archiveOf(release: Release): string {
  return `etcd-v${release.etcd}-linux-${release.arch}.tar.gz`;
}

async function unpackEtcd(release: Release, dir: string, signal: AbortSignal): Promise<void> {
  const archive = archiveOf(release);
  const member = `${archive.replace('.tar.gz', '')}/etcd`;
  const args = ['-xzf', join(dir, archive), '-C', dir, '--no-same-owner', '--strip-components=1', member];
  await promisify(execFile)('tar', args, { signal });
  await chmod(join(dir, 'etcd'), 0o755);
  await rm(join(dir, archive));
}

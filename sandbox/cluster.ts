/**
 * A local Kubernetes cluster for tests, the demo and benchmarks: a real control plane and, in place of kubelets, nodes
 * whose faults can be caused. Needs no container runtime. Everything it started ends with this process, however that
 * ends.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { openApi } from './api.ts';
import type { Api, Manifest } from './api.ts';
import { readAudit } from './control-plane/audit.ts';
import type { AuditEvent, AuditFilter } from './control-plane/audit.ts';
import { buildControlPlane } from './control-plane/build.ts';
import type { Component, ComponentName } from './control-plane/component.ts';
import { startControlPlane } from './control-plane/control-plane.ts';
import type { ControlPlane } from './control-plane/control-plane.ts';
import { downloadControlPlane } from './control-plane/download.ts';
import { downloadBases, locateControlPlane } from './control-plane/locate.ts';
import { readRelease } from './control-plane/release.ts';
import { lockFile } from './file-lock.ts';
import type { FileLock } from './file-lock.ts';
import { startNode } from './node/node.ts';
import type { SandboxNode } from './node/node.ts';
import type { Progress } from './progress.ts';
import { reasonOf } from './reason.ts';

/** What cluster to start. */
export interface SandboxOptions {
  /** How many nodes, named `node-1` and so on. */
  readonly nodes: number;
  /** Nodes run no processes: pods become Ready at once. */
  readonly simulate: boolean;
  /** Kept on stop, and taken up again if it holds an earlier cluster. Without it: a private folder, removed on stop. */
  readonly dir?: string;
  /** Told what happens, for people. */
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** A binding made for an identity. A Role needs its namespace; a ClusterRole without one is bound cluster-wide. */
export interface RoleGrant {
  readonly kind: 'Role' | 'ClusterRole';
  readonly name: string;
  readonly namespace?: string;
}

/** What an identity may do and how it reaches the server. */
export interface IdentityOptions {
  readonly groups?: readonly string[];
  readonly roles?: readonly RoleGrant[];
  /** Replaces the API server's address, e.g. by that of a fault proxy. */
  readonly server?: string;
}

/** A running sandbox. */
export interface Sandbox {
  readonly dir: string;
  /** kubeconfig of an administrator. */
  readonly kubeconfig: string;
  /** The API server, `https://127.0.0.1:PORT`. */
  readonly server: string;
  /** The administrator's client, for setting up. Identities' RBAC manifests are applied with it. */
  readonly api: Api;
  /** Makes a user with a client certificate and answers the path of its kubeconfig. The audit log knows it by `name`. */
  identity(name: string, options?: IdentityOptions): Promise<string>;
  /** The file, JSON lines (audit.k8s.io/v1). */
  readonly auditLog: string;
  /** What the audit log holds so far. */
  audit(filter?: AuditFilter): AsyncGenerator<AuditEvent>;
  readonly controlPlane: Readonly<Record<ComponentName, Component>>;
  /** By name. */
  readonly nodes: ReadonlyMap<string, SandboxNode>;
  /** Ends everything and removes what is not kept. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts a sandbox; resolves when pods can be created.
 *
 * @throws Error whose message is a sentence for people.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { progress, signal } = options;
  // First, because finding the programs may take minutes.
  const folder = options.dir === undefined ? await privateFolder() : await keptFolder(options.dir, signal);
  const { dir, isKept } = folder;
  let plane: ControlPlane | undefined;
  try {
    const binaries = await findBinaries(progress, signal);
    plane = await startControlPlane({ binaries, dir, signal, log: (line) => progress.line(line) });
    return await openSandbox(options, folder, plane);
  } catch (error) {
    await plane?.stop(isKept);
    await folder.release();
    throw error;
  }
}

async function findBinaries(progress: Progress, signal: AbortSignal): Promise<string> {
  const release = await readRelease();
  const bases = downloadBases(process.env);
  const sources = [
    {
      name: 'the download',
      fill: (dir: string) => downloadControlPlane(release, bases, dir, progress, signal),
    },
    { name: 'the build', fill: (dir: string) => buildControlPlane(release, dir, progress, signal) },
  ];
  return resolve(await locateControlPlane({ env: process.env, release, sources, progress }, signal));
}

/** Where a sandbox lives. */
interface Folder {
  readonly dir: string;
  readonly isKept: boolean;
  /** Gives up a kept folder, removes another. */
  release(): Promise<void>;
}

async function privateFolder(): Promise<Folder> {
  const dir = await mkdtemp(join(tmpdir(), 'k8-highlander-sandbox-'));
  return { dir, isKept: false, release: () => rm(dir, { recursive: true, force: true }) };
}

/** Opens or makes the folder and keeps other sandboxes out of it. */
async function keptFolder(path: string, signal: AbortSignal): Promise<Folder> {
  const dir = resolve(path);
  const busy = new AbortController();
  const onBusy = (): void => busy.abort(new Error('another sandbox uses it'));
  let lock: FileLock;
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    lock = await lockFile(join(dir, 'lock'), onBusy, AbortSignal.any([signal, busy.signal]));
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`the folder ${dir} cannot be used: ${reasonOf(error)}`, { cause: error });
  }
  return { dir, isKept: true, release: () => lock.release() };
}

async function openSandbox(options: SandboxOptions, folder: Folder, plane: ControlPlane): Promise<Sandbox> {
  const nodes = await startNodes(options, folder, plane);
  const api = await openApi(plane.kubeconfig);
  return {
    dir: folder.dir,
    api,
    nodes,
    kubeconfig: plane.kubeconfig,
    server: plane.server,
    auditLog: plane.auditLog,
    controlPlane: plane.components,
    audit: (filter) => readAudit(plane.auditLog, filter),
    identity: (name, identity) => createIdentity(plane, api, name, identity),
    async stop() {
      await stopNodes(nodes.values());
      await api.close();
      await plane.stop(folder.isKept);
      await folder.release();
    },
  };
}

/** Each node is a user of its own, with the rights of a kubelet: what the node authorizer gives, and no more. */
async function startNodes(
  { nodes: count, simulate, progress, signal }: SandboxOptions,
  { dir }: Folder,
  plane: ControlPlane,
): Promise<ReadonlyMap<string, SandboxNode>> {
  const names = Array.from({ length: count }, (_, index) => `node-${index + 1}`);
  const log = (line: string): void => progress.line(line);
  const nodes = new Map<string, SandboxNode>();
  const outcomes = await Promise.allSettled(
    names.map(async (name) => {
      const subject = { commonName: `system:node:${name}`, organizations: ['system:nodes'] };
      const connection = await plane.issue(subject.commonName, subject);
      nodes.set(name, await startNode({ name, connection, simulate, dir: join(dir, 'nodes', name), log }));
    }),
  );
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure === undefined && !signal.aborted) return nodes;
  await stopNodes(nodes.values());
  signal.throwIfAborted();
  throw new Error(`a node did not start: ${reasonOf(failure?.reason)}`);
}

async function stopNodes(nodes: Iterable<SandboxNode>): Promise<void> {
  await Promise.all([...nodes].map((node) => node.stop()));
}

async function createIdentity(
  plane: ControlPlane,
  api: Api,
  user: string,
  { groups = [], roles = [], server }: IdentityOptions = {},
): Promise<string> {
  const bindings = roles.map((role) => bindingFor(user, role));
  await api.apply(bindings);
  const subject = { commonName: user, organizations: groups };
  return plane.issue(encodeURIComponent(user), subject, server);
}

function bindingFor(user: string, role: RoleGrant): Manifest {
  const isWide = role.namespace === undefined;
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: isWide ? 'ClusterRoleBinding' : 'RoleBinding',
    metadata: {
      name: `sandbox:${user}:${role.name}`,
      ...(role.namespace === undefined ? {} : { namespace: role.namespace }),
    },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: role.kind, name: role.name },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
  };
}

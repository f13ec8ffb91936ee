/** A control plane, the nodes that a test adds to it, and the pods it makes there. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, vi } from 'vitest';
import { startSandbox } from '../../sandbox/cluster.ts';
import type { Sandbox } from '../../sandbox/cluster.ts';
import { startNode } from '../../sandbox/node/node.ts';
import type { ContainerView, NodeOptions, SandboxNode } from '../../sandbox/node/node.ts';
import type { Pod } from '../../sandbox/node/pod.ts';

export const PODS = '/api/v1/namespaces/default/pods';
export const WAIT = { timeout: 20_000, interval: 50 };

/** Merged over a pod of one container `main` that runs a script. */
export interface PodOptions {
  /** The node it has to go to; any, when absent. */
  readonly on?: string;
  readonly spec?: Record<string, unknown>;
  readonly container?: Record<string, unknown>;
  readonly metadata?: Record<string, unknown>;
}

export class NodeWorld {
  readonly sandbox: Sandbox;
  readonly #scope: AbortController;
  readonly #nodes: SandboxNode[] = [];

  static async open(): Promise<NodeWorld> {
    const scope = new AbortController();
    const progress = { line: () => undefined, moving: () => undefined };
    const options = { nodes: 0, simulate: false, progress, signal: scope.signal };
    return new NodeWorld(await startSandbox(options), scope);
  }

  constructor(sandbox: Sandbox, scope: AbortController) {
    this.sandbox = sandbox;
    this.#scope = scope;
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stop()));
    await this.sandbox.stop();
    this.#scope.abort();
  }

  /** With the rights of a kubelet: the node authorizer's, and no more. */
  async addNode(name: string, options: Partial<NodeOptions> = {}): Promise<SandboxNode> {
    const connection = await this.sandbox.identity(`system:node:${name}`, { groups: ['system:nodes'] });
    const node = await startNode({ name, connection, ...options });
    this.#nodes.push(node);
    return node;
  }

  async create(name: string, script: string, options: PodOptions = {}): Promise<Pod> {
    const main = { name: 'main', image: 'busybox', command: ['sh', '-c', script], ...options.container };
    const body = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', ...options.metadata },
      spec: {
        ...(options.on !== undefined && { nodeSelector: { 'kubernetes.io/hostname': options.on } }),
        terminationGracePeriodSeconds: 5,
        containers: [main],
        ...options.spec,
      },
    };
    const answer = await this.sandbox.api.request<Pod>('POST', PODS, { body });
    expectStatus(answer.status, 201);
    return answer.body;
  }

  async get(name: string): Promise<Pod | undefined> {
    const { status, body } = await this.sandbox.api.request<Pod>('GET', `${PODS}/${name}`);
    return status === 200 ? body : undefined;
  }

  async until(name: string, matches: (pod: Pod) => void): Promise<Pod> {
    return vi.waitFor(async () => {
      const pod = await this.get(name);
      if (pod === undefined) throw new Error(`pod ${name} does not exist`);
      matches(pod);
      return pod;
    }, WAIT);
  }

  untilStatus(name: string, status: object): Promise<Pod> {
    return this.until(name, (pod) => expectMatch(pod.status, status));
  }

  untilReady(name: string): Promise<Pod> {
    return this.until(name, (pod) => expectMatch([pod.status?.phase, isReady(pod)], ['Running', 'True']));
  }

  untilGone(name: string): Promise<void> {
    return vi.waitFor(async () => expectMatch([await this.get(name)], [undefined]), WAIT);
  }

  async delete(name: string, query = ''): Promise<void> {
    const { status } = await this.sandbox.api.request('DELETE', `${PODS}/${name}${query}`);
    expectStatus(status, 200, 202);
  }

  async remove(...names: readonly string[]): Promise<void> {
    await Promise.all(names.map((name) => this.delete(name)));
    await Promise.all(names.map((name) => this.untilGone(name)));
  }

  async dropFinalizers(name: string): Promise<void> {
    await this.sandbox.api.request('PATCH', `${PODS}/${name}`, {
      contentType: 'application/merge-patch+json',
      body: { metadata: { finalizers: null } },
    });
    await this.untilGone(name);
  }

  async kubectl(...args: readonly string[]): Promise<void> {
    await promisify(execFile)('kubectl', ['--kubeconfig', this.sandbox.kubeconfig, ...args]);
  }

  /** Status of the node's Ready condition. */
  async nodeReady(name: string): Promise<string> {
    const { body } = await this.sandbox.api.request<any>('GET', `/api/v1/nodes/${name}`);
    return body.status.conditions.find((one: any) => one.type === 'Ready').status;
  }
}

function expectStatus(status: number, ...allowed: readonly number[]): void {
  expect(allowed).toContain(status);
}

function expectMatch(actual: unknown, expected: object): void {
  expect(actual).toMatchObject(expected);
}

export function isReady(pod: Pod): string | undefined {
  return pod.status?.conditions?.find((one) => one.type === 'Ready')?.status;
}

export function containerOf(node: SandboxNode, pod: string, name = 'main'): ContainerView {
  const found = node
    .pods()
    .find((one) => one.name === pod)
    ?.containers.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no container ${pod}/${name}`);
  return found;
}

/** What a container wrote, without what the shell says when a command of its own is terminated. */
export function outputOf({ log }: ContainerView): string {
  return readFileSync(log, 'utf8').replaceAll('Terminated\n', '');
}

export function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

export function untilDead(pid: number): Promise<void> {
  return vi.waitFor(() => expect(isAlive(pid)).toBe(false), WAIT);
}

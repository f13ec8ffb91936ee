/** What the demo plays on: a cluster with two nodes, two controllers, and singletons of all four kinds. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Pod } from '../../src/core/manifests/pod.ts';
import { startSandbox, type Sandbox } from '../cluster.ts';
import { startController, type ControllerProcess } from '../controller-process.ts';
import type { Progress } from '../progress.ts';
import { reasonOf } from '../reason.ts';
import { Referee, refereedProcess } from '../referee.ts';
import { LABEL } from '../../src/core/workload/names.ts';
import { soon } from './soon.ts';

/** Singletons that run all the time: two processes, a service, a persistent set. A cron job comes every minute. */
export const SINGLETONS = ['sequencer', 'capture', 'admin', 'queue'] as const;
export const SERVICE = 'admin';
const CONTROLLERS = ['controller-1', 'controller-2'] as const;

const RBAC = resolve(import.meta.dirname, '..', '..', 'deploy', 'kubernetes', 'rbac.yaml');

/** `/status`, as far as the demo tells of it. */
export interface Status {
  readonly isLeader: boolean;
  readonly term: number;
  readonly currentLeader: string;
  readonly workloads: readonly { readonly name: string; readonly reason: string; readonly message: string }[];
}

/** One running instance, as seen from outside. */
export interface InstanceFacts {
  readonly uid: string;
  readonly node: string;
  readonly startTime: string;
  /** The process on this machine. */
  readonly pid: number;
}

export class Stage {
  readonly sandbox: Sandbox;
  readonly referee: Referee;
  readonly controllers: readonly ControllerProcess[];
  readonly #dir: string;

  private constructor(
    sandbox: Sandbox,
    referee: Referee,
    controllers: readonly ControllerProcess[],
    dir: string,
  ) {
    this.sandbox = sandbox;
    this.referee = referee;
    this.controllers = controllers;
    this.#dir = dir;
  }

  /** Starts everything and resolves when all singletons run. @throws Error with a sentence for people. */
  static async open(progress: Progress, signal: AbortSignal): Promise<Stage> {
    const dir = await mkdtemp(join(tmpdir(), 'k8-highlander-demo-'));
    const sandbox = await startSandbox({ nodes: 2, simulate: false, progress, signal });
    const controllers: ControllerProcess[] = [];
    const stage = new Stage(sandbox, new Referee(join(dir, 'referee')), controllers, dir);
    try {
      await sandbox.api.apply(await readFile(RBAC, 'utf8'), signal);
      for (const id of CONTROLLERS) {
        controllers.push(await stage.#startController(id));
        progress.line(`${id} started (pid ${controllers.at(-1)?.pid})`);
      }
      await soon('a leader', () => stage.leader(), signal);
      for (const name of SINGLETONS) await soon(`${name} runs`, () => stage.instance(name), signal);
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  /** The controller that may act now, if one does. */
  async leader(): Promise<ControllerProcess | undefined> {
    for (const controller of this.controllers)
      if ((await this.status(controller))?.isLeader === true) return controller;
    return undefined;
  }

  /** What a controller says of itself; undefined when it does not answer. */
  async status(controller: ControllerProcess): Promise<Status | undefined> {
    try {
      return JSON.parse((await controller.get('/status')).body) as Status;
    } catch {
      return undefined;
    }
  }

  /** Where an HTTP client reaches a controller. */
  url(controller: ControllerProcess): string {
    const ports = controller.log.find(({ msg }) => msg === 'starting')?.['ports'] as
      | readonly number[]
      | undefined;
    return `http://127.0.0.1:${ports?.[0]}`;
  }

  /** All pods of a singleton, those that wait for a permit included. */
  async pods(name: string): Promise<readonly Pod[]> {
    const path = `/api/v1/namespaces/default/pods?labelSelector=${LABEL.app}%3D${name}`;
    const { status, body } = await this.sandbox.api.request<{ readonly items: readonly Pod[] }>('GET', path);
    return status === 200 ? body.items : [];
  }

  /** The running instance of a singleton: Ready by its kubelet, and holding its lock by the kernel. */
  async instance(name: string): Promise<InstanceFacts | undefined> {
    const pod = (await this.pods(name)).find(isReady);
    const node = pod?.spec.nodeName ?? '';
    const uid = pod?.metadata.uid ?? '';
    const pid = this.sandbox.nodes
      .get(node)
      ?.pods()
      .find((seen) => seen.uid === uid)?.containers[0]?.pid;
    if (pod === undefined || pid === undefined || !this.referee.isHeld(name)) return undefined;
    return { uid, node, pid, startTime: pod.status?.startTime ?? '' };
  }

  /** Deletes a singleton's pod as a person would; `force` is `kubectl delete --force --grace-period=0`. */
  async deletePod(name: string, force: boolean): Promise<void> {
    const body = force ? { gracePeriodSeconds: 0 } : {};
    await this.sandbox.api.request('DELETE', `/api/v1/namespaces/default/pods/${name}-pod`, { body });
  }

  /** What a hand that knows no better does: `kubectl scale deployment NAME --replicas=N`. */
  async scale(name: string, replicas: number): Promise<void> {
    const path = `/apis/apps/v1/namespaces/default/deployments/${name}/scale`;
    const { body } = await this.sandbox.api.request<{ readonly metadata: unknown }>('GET', path);
    const scale = {
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: body.metadata,
      spec: { replicas },
    };
    const { status } = await this.sandbox.api.request('PUT', path, { body: scale });
    if (status >= 300) throw new Error(`scale ${name}: the API server answered ${status}`);
  }

  async close(): Promise<void> {
    await Promise.all(this.controllers.map((controller) => controller.destroy()));
    await this.sandbox.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #startController(id: string): Promise<ControllerProcess> {
    const kubeconfig = await this.sandbox.identity(id, {
      roles: [
        { kind: 'ClusterRole', name: 'k8-highlander' },
        { kind: 'Role', name: 'k8-highlander', namespace: 'k8-highlander' },
      ],
    });
    const [sequencer, capture, admin, queue] = SINGLETONS.map((name) =>
      refereedProcess(name, this.referee.dir),
    );
    const workloads = {
      processes: [sequencer, capture],
      services: [{ ...admin, restartPolicy: undefined, ports: [{ name: 'http', containerPort: 8080 }] }],
      persistentSets: [{ ...queue, restartPolicy: undefined }],
      cronJobs: [{ name: 'report', image: 'busybox', schedule: '* * * * *', script: { commands: ['date'] } }],
    };
    const controller = await startController({
      id,
      kubeconfig,
      dir: this.#dir,
      config: { workloads },
    });
    try {
      await controller.waitForLog('that it is connected', ({ msg }) => msg === 'caches are synced');
    } catch (error) {
      throw new Error(`${id} did not start: ${reasonOf(error)}`, { cause: error });
    }
    return controller;
  }
}

function isReady({ metadata, status }: Pod): boolean {
  const ready = status?.conditions?.some(
    (condition) => condition.type === 'Ready' && condition.status === 'True',
  );
  return ready === true && metadata.deletionTimestamp === undefined;
}

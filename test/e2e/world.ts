/** A sandbox with two nodes, controllers that have exactly the rights we ship, and the referee. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { AuditEvent } from '../../sandbox/control-plane/audit.ts';
import { startSandbox, type Sandbox } from '../../sandbox/cluster.ts';
import { startController, tail, type ControllerProcess } from '../../sandbox/controller-process.ts';
import { createProgress } from '../../sandbox/progress.ts';
import { Referee } from '../../sandbox/referee.ts';
import type { Pod } from '../../src/core/manifests/pod.ts';
import { ANNOTATION } from '../../src/core/workload/names.ts';
import { eventually } from './eventually.ts';
import { missingRights } from './rights.ts';

const RBAC = resolve(import.meta.dirname, '../../deploy/kubernetes/rbac.yaml');

export interface World {
  readonly sandbox: Sandbox;
  readonly referee: Referee;
  /** Starts a controller as the user of its id, with the shipped rights and these workloads. `root`: another checkout. */
  controller(
    id: string,
    config: Readonly<Record<string, unknown>>,
    options?: { readonly server?: string; readonly kubeconfig?: string; readonly root?: string },
  ): Promise<ControllerProcess>;
  /** A user with the rights that we ship; answers its kubeconfig. `server` replaces the API server's address. */
  identity(id: string, server?: string): Promise<string>;
  pod(name: string, namespace?: string): Promise<Pod | undefined>;
  /** DELETE of a pod as an administrator; `grace` 0 is a force delete. */
  deletePod(name: string, grace?: number): Promise<void>;
  /** Resolves when the workload's pod is Ready, and its instance has written its line and holds the lock. */
  running(name: string, within?: number): Promise<Pod>;
  /** The controller that leads, waiting for there to be one among these. */
  leader(among: readonly ControllerProcess[], within?: number): Promise<ControllerProcess>;
  /** @throws when a controller was refused something for want of a right. */
  stop(): Promise<void>;
}

/** The user that the controller is inside a cluster. The shipped bindings name it, so it needs no others. */
export const CONTROLLER = 'system:serviceaccount:k8-highlander:k8-highlander';

export async function openWorld(
  options: { readonly nodes?: number; readonly simulate?: boolean } = {},
): Promise<World> {
  const dir = await mkdtemp(join(tmpdir(), 'k8-highlander-world-'));
  const { nodes = 2, simulate = false } = options;
  const sandbox = await startSandbox({
    nodes,
    simulate,
    progress: createProgress(process.stderr),
    signal: new AbortController().signal,
  });
  const manifests = await readFile(RBAC, 'utf8');
  await sandbox.api.apply(manifests);
  const referee = new Referee(join(dir, 'referee'));
  const started: ControllerProcess[] = [];
  /** Who has the rights that we ship, and no others. */
  const users = new Set([CONTROLLER]);

  const world: World = {
    sandbox,
    referee,
    identity(id, server) {
      users.add(id);
      return sandbox.identity(id, {
        roles: [
          { kind: 'ClusterRole', name: 'k8-highlander' },
          { kind: 'Role', name: 'k8-highlander', namespace: 'k8-highlander' },
        ],
        ...(server === undefined ? {} : { server }),
      });
    },
    async controller(id, config, { server, kubeconfig, root } = {}) {
      const settings = {
        id,
        dir,
        config,
        kubeconfig: kubeconfig ?? (await world.identity(id, server)),
        ...(root === undefined ? {} : { root }),
      };
      const controller = await startController(settings);
      started.push(controller);
      return controller;
    },
    async pod(name, namespace = 'default') {
      const { status, body } = await sandbox.api.request(
        'GET',
        `/api/v1/namespaces/${namespace}/pods/${name}`,
      );
      if (status === 404) return undefined;
      if (status !== 200) throw new Error(`GET pod ${name}: ${status}`);
      return body as Pod;
    },
    async deletePod(name, grace) {
      const body = grace === undefined ? {} : { gracePeriodSeconds: grace };
      const path = `/api/v1/namespaces/default/pods/${name}`;
      const { status } = await sandbox.api.request('DELETE', path, { body });
      if (status >= 300) throw new Error(`DELETE pod ${name}: ${status}`);
    },
    running: (name, within = 30_000) =>
      eventually(
        `${name} runs`,
        async () => {
          const pod = await world.pod(`${name}-pod`);
          const ready = pod?.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True');
          const terminating = pod?.metadata.deletionTimestamp !== undefined;
          // The lock is taken a moment before the line is written, and Ready may come before both.
          const token = Number(pod?.metadata.annotations?.[ANNOTATION.token]);
          const hasWritten = referee
            .journal(name)
            .some((entry) => entry.kind === 'start' && entry.token === token);
          return ready === true && !terminating && hasWritten && referee.isHeld(name) ? pod : undefined;
        },
        within,
        () => started.map(({ id, log }) => `${id}:\n${tail(log)}`).join('\n'),
      ),
    leader: (among, within = 30_000) =>
      eventually(
        'somebody leads',
        async () => {
          for (const controller of among) {
            const { body } = await controller.get('/status').catch(() => ({ body: '{}' }));
            if ((JSON.parse(body) as { isLeader?: boolean }).isLeader === true) return controller;
          }
          return undefined;
        },
        within,
        () => among.map(({ id, log }) => `${id}:\n${tail(log)}`).join('\n'),
      ),
    async stop() {
      await Promise.all(started.map((controller) => controller.destroy()));
      const missing = await missingRights(sandbox.audit(), users);
      await sandbox.stop();
      await rm(dir, { recursive: true, force: true });
      if (missing.length > 0)
        throw new Error(`rights that ${RBAC} does not grant were needed:\n${missing.join('\n')}`);
    },
  };
  return world;
}

/** Ends these controllers and waits until they are gone. */
export async function endAll(controllers: readonly ControllerProcess[]): Promise<void> {
  await Promise.all(controllers.map((controller) => controller.destroy()));
}

interface TermStart {
  readonly term: number;
  readonly user: string;
  readonly at: string;
}

/**
 * Accepted writes of an old term after the first accepted write of a newer one, by the API server's own log. Every
 * accepted write of a controller to pods, config maps and leases counts; events do not.
 */
export async function staleWrites(
  audit: AsyncIterable<AuditEvent>,
  users: readonly string[],
): Promise<readonly string[]> {
  const writes: AuditEvent[] = [];
  for await (const event of audit) {
    const changes = ['create', 'update', 'patch', 'delete'].includes(event.verb);
    const accepted = (event.responseStatus?.code ?? 500) < 300 && !event.requestURI.includes('dryRun=All');
    if (changes && accepted && users.includes(event.user.username) && event.objectRef?.resource !== 'events')
      writes.push(event);
  }
  writes.sort((a, b) => a.requestReceivedTimestamp.localeCompare(b.requestReceivedTimestamp));
  const starts: TermStart[] = [];
  const stale: string[] = [];
  for (const event of writes) {
    const term = termOf(event);
    const user = event.user.username;
    const newest = starts.at(-1);
    if (term !== undefined && term > (newest?.term ?? 0))
      starts.push({ term, user, at: event.requestReceivedTimestamp });
    else if (newest !== undefined && newest.user !== user && event.objectRef?.resource !== 'leases')
      stale.push(
        `${user} wrote ${event.verb} ${event.requestURI} after ${newest.user} began term ${newest.term}`,
      );
  }
  return stale;
}

/** The term a write carries: as the annotation of a claim, a permit or a registry record, or as the anchor's epoch. */
function termOf(event: AuditEvent): number | undefined {
  const text = JSON.stringify(event.requestObject ?? null).replaceAll('\\', '');
  const match = /highlander\.plexobject\.io(?:~1|\/)term"[^0-9]{1,20}(\d+)|"epoch":"?(\d+)/.exec(text);
  return match === null ? undefined : Number(match[1] ?? match[2]);
}

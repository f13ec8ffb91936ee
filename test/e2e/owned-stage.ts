/**
 * A service and a persistent set as custom resources, each with one refereed instance. What one fault does to the one, it
 * does to the other at the same time.
 */
import { tail, type ControllerProcess } from '../../sandbox/controller-process.ts';
import { definitionsText } from '../../scripts/definitions.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import type { Pod } from '../../src/core/manifests/pod.ts';
import { ANNOTATION } from '../../src/core/workload/names.ts';
import type { KubeObject } from '../../src/ports/cluster.ts';
import { eventually } from './eventually.ts';
import type { World } from './world.ts';

export interface Actor {
  readonly name: string;
  /** Kind of the custom resource and its collection. */
  readonly kind: 'WorkloadService' | 'WorkloadPersistent';
  readonly plural: string;
  /** Path of what makes its pods. */
  readonly owner: string;
}

export function actors(suffix = ''): readonly Actor[] {
  const web = `web${suffix}`;
  const db = `db${suffix}`;
  const apps = '/apis/apps/v1/namespaces/default';
  return [
    { name: web, kind: 'WorkloadService', plural: 'workloadservices', owner: `${apps}/deployments/${web}` },
    {
      name: db,
      kind: 'WorkloadPersistent',
      plural: 'workloadpersistents',
      owner: `${apps}/statefulsets/${db}`,
    },
  ];
}

/** What is read of Deployments and StatefulSets here. */
export interface OwnerObject extends KubeObject {
  readonly spec: { readonly replicas: number; readonly paused?: boolean; readonly template: Pod };
}

export class Stage {
  readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  /** Brings in the definitions; resolves when the API server serves all of them. */
  async define(): Promise<void> {
    const { api } = this.world.sandbox;
    await api.apply(definitionsText());
    await eventually('the definitions are served', async () => {
      const path = '/apis/highlander.plexobject.io/v1';
      const { body } = await api.request<{ resources?: { kind: string }[] }>('GET', path);
      const kinds = new Set(body.resources?.map(({ kind }) => kind));
      return ['Process', 'CronJob', 'Service', 'Persistent'].every((kind) => kinds.has(`Workload${kind}`));
    });
  }

  /** Creates or changes the custom resource. */
  apply(
    { name, kind }: Actor,
    extra: Readonly<Record<string, unknown>> = {},
    namespace = 'default',
  ): Promise<void> {
    const { name: _name, restartPolicy: _policy, ...spec } = refereedProcess(name, this.world.referee.dir);
    const serving = kind === 'WorkloadPersistent' ? { serviceName: name } : {};
    return this.world.sandbox.api.apply([
      {
        apiVersion: 'highlander.plexobject.io/v1',
        kind,
        metadata: { name, namespace },
        spec: { ...spec, ...serving, ...extra },
      },
    ]);
  }

  /** The pods of the workload, gated and terminating ones included. */
  async pods({ name }: Pick<Actor, 'name'>, namespace = 'default'): Promise<readonly Pod[]> {
    const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=app%3D${name}`;
    const { status, body } = await this.world.sandbox.api.request<{ items: Pod[] }>('GET', path);
    if (status !== 200) throw new Error(`GET ${path}: ${status}`);
    return body.items;
  }

  async owner({ owner }: Actor): Promise<OwnerObject | undefined> {
    const { status, body } = await this.world.sandbox.api.request<OwnerObject>('GET', owner);
    return status === 200 ? body : undefined;
  }

  /** The reason and message in the status of the custom resource. */
  async status(
    { name, plural }: Actor,
    namespace = 'default',
  ): Promise<{ reason?: string; message?: string }> {
    const path = `/apis/highlander.plexobject.io/v1/namespaces/${namespace}/${plural}/${name}`;
    type Resource = { status?: { reason?: string; conditions?: { type: string; message?: string }[] } };
    const { body } = await this.world.sandbox.api.request<Resource>('GET', path);
    const message = body.status?.conditions?.find(({ type }) => type === 'Ready')?.message;
    const { reason } = body.status ?? {};
    return { ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }) };
  }

  /** A JSON patch by another hand. */
  async patch(path: string, operations: readonly Readonly<Record<string, unknown>>[]): Promise<void> {
    const { status, body } = await this.world.sandbox.api.request('PATCH', path, {
      body: operations,
      contentType: 'application/json-patch+json',
    });
    if (status >= 300) throw new Error(`PATCH ${path}: ${status} ${JSON.stringify(body)}`);
  }

  async delete(path: string, body: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const { status } = await this.world.sandbox.api.request('DELETE', path, { body });
    if (status >= 300) throw new Error(`DELETE ${path}: ${status}`);
  }

  /** Resolves when there is one pod, not `before`, that is Ready, and its instance has written its line and holds the lock. */
  running(
    actor: Pick<Actor, 'name'>,
    among: readonly ControllerProcess[] = [],
    { before, within = 60_000 }: { readonly before?: string; readonly within?: number } = {},
  ): Promise<Pod> {
    const { referee } = this.world;
    let seen: readonly Pod[] = [];
    return eventually(
      `${actor.name} runs once`,
      async () => {
        seen = await this.pods(actor);
        const [pod, ...others] = seen;
        if (pod === undefined || others.length > 0 || pod.metadata.uid === before) return undefined;
        const token = Number(pod.metadata.annotations?.[ANNOTATION.token]);
        const isReady = pod.status?.conditions?.some(
          ({ type, status }) => type === 'Ready' && status === 'True',
        );
        const hasWritten = referee
          .journal(actor.name)
          .some((entry) => entry.kind === 'start' && entry.token === token);
        const isUp = isReady === true && pod.metadata.deletionTimestamp === undefined && hasWritten;
        return isUp && referee.isHeld(actor.name) ? pod : undefined;
      },
      within,
      () =>
        `${JSON.stringify(seen.map(brief))}\n${among.map(({ id, log }) => `${id}:\n${tail(log)}`).join('\n')}`,
    );
  }
}

function brief({ metadata, spec, status }: Pod): unknown {
  const { name, uid, deletionTimestamp, finalizers } = metadata;
  const gates = spec.schedulingGates?.length ?? 0;
  return { name, uid, deletionTimestamp, finalizers, gates, node: spec.nodeName, phase: status?.phase };
}

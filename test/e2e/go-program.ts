/**
 * A stand-in for the Go program: it makes, and stops, objects as that program does, with plain requests under its field
 * manager. It holds no lock: who may act is not what these tests are about.
 */
import type { Api, Method } from '../../sandbox/api.ts';

/** The fields of a workload entry that it looks at. */
export interface GoEntry {
  readonly name: string;
  readonly namespace?: string;
  readonly image: string;
  readonly env: Readonly<Record<string, string>>;
  readonly script: { readonly shell: string; readonly commands: readonly string[] };
}

interface Scaled {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: Readonly<Record<string, unknown>>;
}

const MANAGER = 'fieldManager=k8-highlander';

export class GoProgram {
  readonly #api: Api;
  readonly #id: string;

  constructor(api: Api, id: string) {
    this.#api = api;
    this.#id = id;
  }

  async startProcess(entry: GoEntry): Promise<void> {
    const metadata = { name: `${entry.name}-pod`, labels: this.#labels(entry) };
    const spec = { restartPolicy: 'Always', ...podSpec(entry) };
    await this.#create(`/api/v1/namespaces/${namespaceOf(entry)}/pods`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      spec,
    });
  }

  async startService(entry: GoEntry, replicas = 1): Promise<void> {
    const { metadata, template, selector } = this.#parts(entry);
    const path = `/apis/apps/v1/namespaces/${namespaceOf(entry)}/deployments`;
    const spec = { replicas, selector, template };
    await this.#create(path, { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec });
  }

  async startSet(entry: GoEntry): Promise<void> {
    const { metadata, template, selector } = this.#parts(entry);
    const path = `/apis/apps/v1/namespaces/${namespaceOf(entry)}/statefulsets`;
    const spec = { replicas: 1, serviceName: entry.name, selector, template };
    await this.#create(path, { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata, spec });
  }

  async startCronJob(entry: GoEntry, schedule: string): Promise<void> {
    const { metadata, template } = this.#parts(entry);
    const { labels } = metadata;
    const path = `/apis/batch/v1/namespaces/${namespaceOf(entry)}/cronjobs`;
    const restarting = { ...template, spec: { ...template.spec, restartPolicy: 'OnFailure' } };
    const spec = {
      schedule,
      suspend: false,
      jobTemplate: { metadata: { labels }, spec: { template: restarting } },
    };
    await this.#create(path, { apiVersion: 'batch/v1', kind: 'CronJob', metadata, spec });
  }

  /** As it stops a process: the mark, then a delete with grace 28. */
  async stopProcess({ name, namespace = 'default' }: GoEntry): Promise<void> {
    const path = `/api/v1/namespaces/${namespace}/pods/${name}-pod`;
    await this.#rewrite(path, (object) => object);
    await this.#request('DELETE', path, { gracePeriodSeconds: 28 });
  }

  /** As it stops what has replicas: the mark, 0, then its pods. */
  async scaleDown(
    plural: 'deployments' | 'statefulsets',
    { name, namespace = 'default' }: GoEntry,
  ): Promise<void> {
    const path = `/apis/apps/v1/namespaces/${namespace}/${plural}/${name}`;
    await this.#rewrite(path, (object) => ({ ...object, spec: { ...object.spec, replicas: 0 } }));
    const selector = `labelSelector=app%3D${name}`;
    await this.#request('DELETE', `/api/v1/namespaces/${namespace}/pods?${selector}`, {
      gracePeriodSeconds: 28,
    });
  }

  async suspend({ name, namespace = 'default' }: GoEntry): Promise<void> {
    const path = `/apis/batch/v1/namespaces/${namespace}/cronjobs/${name}`;
    await this.#rewrite(path, (object) => ({ ...object, spec: { ...object.spec, suspend: true } }));
  }

  #labels({ name }: GoEntry): Readonly<Record<string, string>> {
    return {
      app: name,
      'managed-by': 'k8-highlander',
      'controller-id': this.#id,
      'cluster-name': 'default',
      'is-leader': 'true',
    };
  }

  #parts(entry: GoEntry) {
    const labels = this.#labels(entry);
    const template = { metadata: { labels }, spec: { restartPolicy: 'Always', ...podSpec(entry) } };
    return {
      metadata: { name: entry.name, labels },
      template,
      selector: { matchLabels: { app: entry.name } },
    };
  }

  /** A whole-object PUT with the mark of a controlled stop, tried again when somebody else was faster. */
  async #rewrite(path: string, change: (object: Scaled) => Scaled): Promise<void> {
    for (let attempt = 0; attempt < 10; attempt++) {
      const { body: object } = await this.#api.request<Scaled>('GET', path);
      const annotations = { ...object.metadata.annotations, 'k8-highlander.io/controlled-shutdown': 'true' };
      const body = change({ ...object, metadata: { ...object.metadata, annotations } });
      const { status } = await this.#api.request('PUT', `${path}?${MANAGER}`, { body });
      if (status < 300) return;
      if (status !== 409) throw new Error(`PUT ${path}: ${status}`);
    }
    throw new Error(`PUT ${path}: conflicts without end`);
  }

  #create(path: string, body: object): Promise<void> {
    return this.#request('POST', `${path}?${MANAGER}`, body);
  }

  async #request(method: Method, path: string, body: object): Promise<void> {
    const answer = await this.#api.request(method, path, { body });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`);
  }
}

function namespaceOf({ namespace = 'default' }: GoEntry): string {
  return namespace;
}

function podSpec({ image, env, script }: GoEntry) {
  const text = `#!/bin/sh\nset -e\n\n${script.commands.map((command) => `${command}\n`).join('')}`;
  const main = {
    name: 'main',
    image,
    imagePullPolicy: 'IfNotPresent',
    command: [script.shell],
    args: ['-c', text],
    env: Object.entries(env).map(([name, value]) => ({ name, value })),
  };
  return { containers: [main] };
}

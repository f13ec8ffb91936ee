/**
 * A Kubernetes control plane on loopback: etcd, kube-apiserver, kube-controller-manager and kube-scheduler as bound
 * processes with free ports, a folder, an own authority and an audit log. Nothing of it outlives this process.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { messageOf, openApi } from '../api.ts';
import type { Api } from '../api.ts';
import { freePorts } from '../free-port.ts';
import { writeKubeconfig } from '../kubeconfig.ts';
import { auditPolicy } from './audit.ts';
import { issueClient } from './certificate.ts';
import type { Subject } from './certificate.ts';
import { apiServerFlags, controllerManagerFlags, etcdFlags, schedulerFlags } from './flags.ts';
import { ComponentProcess } from './component.ts';
import type { Component, ComponentCommand, ComponentName } from './component.ts';
import { openPki } from './pki.ts';
import type { Pki } from './pki.ts';

/** Where things lie and who is told. */
export interface ControlPlaneOptions {
  /** The folder with the four programs. */
  readonly binaries: string;
  /** An existing folder. With the content of an earlier run, that cluster comes up again (on other ports). */
  readonly dir: string;
  /** Told when a component ends by itself. */
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** A running control plane. */
export interface ControlPlane {
  /** `https://127.0.0.1:PORT`. */
  readonly server: string;
  /** kubeconfig of the user `admin` (group system:masters). */
  readonly kubeconfig: string;
  readonly auditLog: string;
  readonly components: Readonly<Record<ComponentName, Component>>;
  /** Issues a client certificate and writes `kubeconfigs/NAME`; answers the path. `server` replaces the address, e.g. by a proxy's. */
  issue(file: string, subject: Subject, server?: string): Promise<string>;
  /** Ends all components. With `keep`, etcd is asked to stop properly first. Safe to call twice. */
  stop(keep: boolean): Promise<void>;
}

const POLL_MS = 25;

/**
 * Starts everything and resolves when the API server is ready and the controllers have made the default service
 * account, i.e. when a pod can be created.
 *
 * @throws Error naming the component that failed and the last line of its log; everything started is gone then.
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { dir, log, signal } = options;
  const logs = join(dir, 'logs');
  const kubeconfigs = join(dir, 'kubeconfigs');
  const policy = join(dir, 'audit-policy.json');
  const auditLog = join(logs, 'audit.log');
  const [ports, pki] = await Promise.all([
    freePorts(3),
    openPki(join(dir, 'pki')),
    mkdir(logs, { recursive: true, mode: 0o700 }),
    mkdir(kubeconfigs, { recursive: true, mode: 0o700 }),
    writeFile(policy, auditPolicy()),
  ]);
  const [clients = 0, peers = 0, https = 0] = ports;
  const etcd = `http://127.0.0.1:${clients}`;
  const server = `https://127.0.0.1:${https}`;

  const issue = (file: string, subject: Subject, address = server): Promise<string> =>
    writeIdentity(join(kubeconfigs, file), pki, subject, address);
  const [kubeconfig, controllers, scheduler] = await Promise.all([
    issue('admin', { commonName: 'admin', organizations: ['system:masters'] }),
    issue('kube-controller-manager', { commonName: 'system:kube-controller-manager' }),
    issue('kube-scheduler', { commonName: 'system:kube-scheduler' }),
  ]);
  const admin = await openApi(kubeconfig);
  const component = (
    name: ComponentName,
    args: readonly string[],
    ready: ComponentCommand['ready'],
  ): ComponentProcess =>
    new ComponentProcess(
      {
        name,
        args,
        ready,
        program: join(options.binaries, name),
        cwd: dir,
        logFile: join(logs, `${name}.log`),
      },
      log,
    );
  const components = {
    etcd: component('etcd', etcdFlags({ dir, clients: etcd, peers }), (until) => etcdReady(etcd, until)),
    'kube-apiserver': component(
      'kube-apiserver',
      apiServerFlags({ etcd, https, pki, policy, auditLog }),
      (until) => apiReady(admin, until),
    ),
    'kube-controller-manager': component(
      'kube-controller-manager',
      controllerManagerFlags({ kubeconfig: controllers, pki }),
      (until) => accountsReady(admin, until),
    ),
    'kube-scheduler': component('kube-scheduler', schedulerFlags({ kubeconfig: scheduler }), () =>
      Promise.resolve(),
    ),
  };
  const stop = async (keep: boolean): Promise<void> => {
    const { etcd: store, ...others } = components;
    await Promise.all(Object.values(others).map((each) => each.kill()));
    await (keep ? store.terminate() : store.kill());
    await admin.close();
  };
  try {
    await components.etcd.start(signal);
    await components['kube-apiserver'].start(signal);
    await Promise.all([
      components['kube-controller-manager'].start(signal),
      components['kube-scheduler'].start(signal),
    ]);
  } catch (error) {
    await stop(false);
    throw error;
  }
  return { server, kubeconfig, auditLog, components, issue, stop };
}

async function writeIdentity(file: string, pki: Pki, subject: Subject, server: string): Promise<string> {
  await writeKubeconfig(file, {
    server,
    authority: pki.authority.certificate,
    user: subject.commonName,
    credential: issueClient(pki.authority, subject),
  });
  return file;
}

/** Asks until the answer is yes. No answer (not listening yet) is a no. Rejects when the signal aborts. */
async function poll(isReady: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  while (!(await isReady().catch(() => false))) await sleep(POLL_MS, undefined, { signal });
}

function etcdReady(address: string, signal: AbortSignal): Promise<void> {
  return poll(async () => {
    const { statusCode, body } = await request(`${address}/health`, { signal });
    await body.dump();
    return statusCode === 200;
  }, signal);
}

function apiReady(admin: Api, signal: AbortSignal): Promise<void> {
  return poll(async () => (await admin.request('GET', '/readyz', { signal })).status === 200, signal);
}

function accountsReady(admin: Api, signal: AbortSignal): Promise<void> {
  const path = '/api/v1/namespaces/default/serviceaccounts/default';
  return poll(async () => {
    const answer = await admin.request('GET', path, { signal });
    if (answer.status === 403) throw new Error(messageOf(answer));
    return answer.status === 200;
  }, signal);
}

/** What lies in deploy/, as tests use it, and the identity it gives to the controller. */
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Manifest } from '../../sandbox/api.ts';
import { eventually } from './eventually.ts';
import { CONTROLLER, type World } from './world.ts';

const FOLDER = resolve(import.meta.dirname, '../../deploy/kubernetes');

/** The objects of one file of deploy/kubernetes, in its order. */
export async function readShipped(file: string): Promise<readonly Manifest[]> {
  const text = await readFile(resolve(FOLDER, file), 'utf8');
  return parseAllDocuments(text)
    .map((document): Manifest | null => {
      const [problem] = document.errors;
      if (problem !== undefined) throw problem;
      return document.toJS();
    })
    .filter((object) => object !== null);
}

/** Applies the admission policies and resolves when the API server enforces them. */
export async function enforcePolicies(world: World): Promise<void> {
  const { api } = world.sandbox;
  await api.apply(await readShipped('admission-policy.yaml'));
  const labels = { 'managed-by': 'k8-highlander', 'highlander.plexobject.io/tenant': 'probe' };
  const meta = { name: 'probe', namespace: 'default', labels };
  const term = (value: string): object => ({
    metadata: { ...meta, annotations: { 'highlander.plexobject.io/term': value } },
  });
  const base = '/api/v1/namespaces/default/configmaps';
  await api.request('POST', base, { body: { apiVersion: 'v1', kind: 'ConfigMap', ...term('2') } });
  const patch = { contentType: 'application/merge-patch+json', body: term('1') };
  await eventually(
    'the policies are enforced',
    async () => (await api.request('PATCH', `${base}/probe?dryRun=All`, patch)).status === 403,
  );
  // Bindings take effect one by one, in no order that one could rely on; an instance without gate probes the second.
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: meta,
    spec: { containers: [{ name: 'main', image: 'busybox' }] },
  };
  await eventually('the policy of instances is enforced', async () => {
    const answer = await api.request('POST', '/api/v1/namespaces/default/pods?dryRun=All', { body: pod });
    return answer.status === 403;
  });
  const template = { metadata: { labels: { app: 'probe', ...labels } }, spec: pod.spec };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta,
    spec: { selector: { matchLabels: { app: 'probe' } }, template },
  };
  const deployments = '/apis/apps/v1/namespaces/default/deployments?dryRun=All';
  let attempt = 0;
  await eventually('the policy of templates is enforced', async () => {
    // An API server was seen to leave out the last of the bindings that were made at once, until one of them changed.
    await touchBindings(api, String((attempt += 1)));
    return (await api.request('POST', deployments, { body: deployment })).status === 403;
  });
  await api.request('DELETE', `${base}/probe`);
}

/** Lets the API server read all bindings again. */
async function touchBindings(api: World['sandbox']['api'], value: string): Promise<void> {
  const bindings = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings';
  const { body } = await api.request('GET', bindings);
  const { items } = body as { readonly items: readonly { readonly metadata: { readonly name: string } }[] };
  const patch = {
    contentType: 'application/merge-patch+json',
    body: { metadata: { annotations: { probe: value } } },
  };
  for (const { metadata } of items) await api.request('PATCH', `${bindings}/${metadata.name}`, patch);
}

/** A kubeconfig of the controller's own user, with the rights that we ship and no others. */
export async function controllerKubeconfig(world: World, server?: string): Promise<string> {
  const kubeconfig = await world.sandbox.identity(CONTROLLER);
  if (server === undefined) return kubeconfig;
  const text = await readFile(kubeconfig, 'utf8');
  const through = `${kubeconfig}.through-${new URL(server).port}`;
  await writeFile(through, text.replace(world.sandbox.server, server), { mode: 0o600 });
  return through;
}

/** What lies in deploy/ and config/, as people apply it, on the real API server. */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { messageOf } from '../../sandbox/api.ts';
import { readShipped } from './shipped.ts';
import { openWorld, type World } from './world.ts';

const ROOT = resolve(import.meta.dirname, '../..');

let world: World;

beforeAll(async () => {
  world = await openWorld({ nodes: 0 });
});

afterAll(async () => {
  await world?.stop();
});

async function kubectl(...args: readonly string[]): Promise<string> {
  const env = { ...process.env, KUBECONFIG: world.sandbox.kubeconfig };
  return (await promisify(execFile)('kubectl', args, { env, cwd: ROOT })).stdout;
}

/** The spec of the one object of this kind in deployment.yaml. */
async function specOf(kind: string): Promise<any> {
  return (await readShipped('deployment.yaml')).find((object) => object.kind === kind)?.['spec'];
}

it.each([
  ['config/highlander-crds.yaml', 1],
  ['deploy/kubernetes/rbac.yaml', 6],
  ['deploy/kubernetes/controller.yaml', 2],
  ['deploy/kubernetes/deployment.yaml', 9],
  ['deploy/kubernetes/admission-policy.yaml', 8],
  ['deploy/kubernetes/auth-token.yaml', 2],
])('every object of %s is accepted by the server as it is', async (file, objects) => {
  const said = await kubectl('apply', '--dry-run=server', '--validate=strict', '-f', file);
  const lines = said.trim().split('\n');
  expect(lines.filter((line) => line.endsWith('(server dry run)')).length).toBe(lines.length);
  expect(lines.length).toBeGreaterThanOrEqual(objects);
});

it('the pod of the controller fits into a namespace that enforces the restricted profile, which others do not', async () => {
  const { template } = await specOf('Deployment');
  const tryPod = (metadata: object, spec: object) =>
    world.sandbox.api.request('POST', '/api/v1/namespaces/k8-highlander/pods?dryRun=All', {
      body: { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name: 'tried' }, spec },
    });
  const accepted = await tryPod(template.metadata, template.spec);
  expect(accepted.status, messageOf(accepted)).toBe(201);
  const refused = await tryPod({}, { containers: [{ name: 'main', image: 'busybox' }] });
  expect(messageOf(refused)).toContain('violates PodSecurity "restricted');
});

it('the Service finds the pods of the Deployment, and the probes ask the port that it names', async () => {
  const { selector, ports } = await specOf('Service');
  const { metadata, spec: pod } = (await specOf('Deployment')).template;
  expect(metadata.labels).toMatchObject(selector);
  const [controller] = pod.containers;
  expect(ports).toEqual([{ name: 'http', port: 8080, targetPort: 'http' }]);
  expect(controller.ports).toEqual([{ name: 'http', containerPort: 8080 }]);
  expect(controller.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'http' });
  expect(controller.livenessProbe.httpGet).toEqual({ path: '/healthz', port: 'http' });
});

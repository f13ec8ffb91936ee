/**
 * The floor, as a program of its own: creates the objects of the workloads in a file bare, 32 requests in flight, and ends.
 * `node floor.ts KUBECONFIG FILE [gated]`; the file is the `workloads` section as JSON. With `gated` it creates the pods of the
 * processes behind a gate and lifts each, asking nobody: what the permit costs by itself.
 */
import { readFile } from 'node:fs/promises';
import { isConnectProblem, readKubeconfig } from '../src/adapters/kube/connect.ts';
import { openCluster } from '../src/adapters/kube/cluster.ts';
import { createSystem } from '../src/adapters/system.ts';
import { permitPatch } from '../src/core/reconcile/patches.ts';
import type { Pod } from '../src/core/manifests/pod.ts';
import { PODS, type KubeObject } from '../src/ports/cluster.ts';
import { bareObjects, gatedPods } from './bare.ts';
import type { WorkloadSet } from './workload-set.ts';

const IN_FLIGHT = 32;
const [kubeconfig = '', file = '', mode] = process.argv.slice(2);
const section: WorkloadSet['section'] = JSON.parse(await readFile(file, 'utf8'));
const connection = await readKubeconfig(kubeconfig);
if (isConnectProblem(connection)) throw new Error(connection.message);
const system = createSystem({ level: 'error', format: 'text', fields: {} });
const cluster = openCluster(connection, { system, userAgent: 'floor' });

const isGated = mode === 'gated';
const objects = (isGated ? gatedPods(section) : bareObjects(section))[Symbol.iterator]();
await Promise.all(Array.from({ length: IN_FLIGHT }, create));
await cluster.close();

async function create(): Promise<void> {
  for (const { resource, object } of objects) {
    const result = await cluster.create(resource, object, AbortSignal.timeout(30_000));
    if (result.kind !== 'done')
      throw new Error(`${resource.kind} ${object.metadata.name}: ${JSON.stringify(result)}`);
    if (isGated) await lift(result.object);
  }
}

async function lift(object: KubeObject): Promise<void> {
  const pod = object as Pod;
  const leader = { term: 1, id: 'floor', clusterName: 'none', fingerprint: 'none' };
  const { namespace = '', name } = pod.metadata;
  const ref = { resource: PODS, namespace, name };
  const result = await cluster.patch(ref, permitPatch(pod, 1, leader), AbortSignal.timeout(30_000));
  if (result.kind !== 'done') throw new Error(`permit of ${name}: ${JSON.stringify(result)}`);
}

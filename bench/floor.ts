/** The floor, as a program of its own: creates bare pods, 32 requests in flight, and ends. `node floor.ts KUBECONFIG COUNT` */
import { isConnectProblem, readKubeconfig } from '../src/adapters/kube/connect.ts';
import { openCluster } from '../src/adapters/kube/cluster.ts';
import { createSystem } from '../src/adapters/system.ts';
import { PODS, type KubeObject } from '../src/ports/cluster.ts';

const IN_FLIGHT = 32;
const [kubeconfig = '', count = '0'] = process.argv.slice(2);
const connection = await readKubeconfig(kubeconfig);
if (isConnectProblem(connection)) throw new Error(connection.message);
const system = createSystem({ level: 'error', format: 'text', fields: {} });
const cluster = openCluster(connection, { system, userAgent: 'floor' });

let next = 0;
await Promise.all(Array.from({ length: IN_FLIGHT }, createPods));
await cluster.close();

async function createPods(): Promise<void> {
  while (next < Number(count)) {
    const name = `bare-${next++}`;
    const containers = [{ name: 'main', image: 'busybox', command: ['sleep', '1000000'] }];
    const pod: KubeObject & Record<string, unknown> = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: { containers, terminationGracePeriodSeconds: 0 },
    };
    const result = await cluster.create(PODS, pod, AbortSignal.timeout(30_000));
    if (result.kind !== 'done') throw new Error(`${name}: ${result.kind}`);
  }
}

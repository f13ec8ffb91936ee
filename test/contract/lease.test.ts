/** The lock in a Lease on a real API server, as users with exactly the rights that we ship. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startSandbox, type Sandbox } from '../../sandbox/cluster.ts';
import { createProgress } from '../../sandbox/progress.ts';
import { isConnectProblem, readKubeconfig } from '../../src/adapters/kube/connect.ts';
import type { Connection } from '../../src/adapters/kube/connection.ts';
import { openLeaseLock } from '../../src/adapters/kube/lease-lock.ts';
import { createSystem } from '../../src/adapters/system.ts';
import type { LockStore } from '../../src/ports/lock-store.ts';
import { eventually } from '../e2e/eventually.ts';
import { Electorate } from './electors.ts';
import { describeLockStore } from './lock-store.ts';

const NAMESPACE = 'k8-highlander';
const RBAC = resolve(import.meta.dirname, '../../deploy/kubernetes/rbac.yaml');
const system = createSystem({ level: 'error', format: 'text', fields: {} });

let sandbox: Sandbox;

beforeAll(async () => {
  const signal = new AbortController().signal;
  sandbox = await startSandbox({
    nodes: 0,
    simulate: false,
    progress: createProgress(process.stderr),
    signal,
  });
  await sandbox.api.apply(await readFile(RBAC, 'utf8'));
});

afterAll(async () => {
  await sandbox?.stop();
});

async function connect(user: string): Promise<Connection> {
  const kubeconfig = await sandbox.identity(user, {
    roles: [{ kind: 'Role', name: 'k8-highlander', namespace: NAMESPACE }],
  });
  const connection = await readKubeconfig(kubeconfig);
  if (isConnectProblem(connection)) throw new Error(connection.message);
  return connection;
}

function open(connection: Connection): LockStore {
  return openLeaseLock(connection, { namespace: NAMESPACE, system, userAgent: 'contract' });
}

describeLockStore(
  'lease',
  async () => {
    const [one, two] = await Promise.all([connect('one'), connect('two')]);
    const [store, second] = [open(one), open(two)];
    return {
      store,
      second,
      another: () => open(one),
      async stop() {
        await Promise.all([store.close(), second.close()]);
      },
    };
  },
  { runs: 4, crowd: 12 },
);

describe('an election in a Lease', () => {
  let electorate: Electorate;
  beforeAll(async () => {
    const connection = await connect('elector');
    electorate = new Electorate(() => open(connection));
  });
  afterEach(() => electorate.stop());

  it('takes up a release at once, whatever the leader was doing', async () => {
    expect(Math.max(...(await electorate.handOver(8_000)))).toBeLessThan(1_000);
  });

  it('gives a Lease that was deleted to nobody before its time is up', async () => {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/blue`;
    const deleted = (): Promise<unknown> => sandbox.api.request('DELETE', path);
    expect(await electorate.loseLock(5_000, deleted)).toBeGreaterThanOrEqual(0);
  });

  it('costs a write a second, and next to no reads, by the audit log', async () => {
    await electorate.startTwo(5_000);
    const from = Date.now();
    await sleep(12_000);
    const until = Date.now();
    const count = async (): Promise<{ writes: number; reads: number }> => {
      const counted = { writes: 0, reads: 0 };
      for await (const { verb, objectRef, requestReceivedTimestamp } of sandbox.audit()) {
        const at = Date.parse(requestReceivedTimestamp);
        if (objectRef?.resource !== 'leases' || objectRef.name !== 'blue' || at < from || at > until)
          continue;
        if (verb === 'update' || verb === 'create') counted.writes += 1;
        if (verb === 'get' || verb === 'list') counted.reads += 1;
      }
      return counted;
    };
    const { writes, reads } = await eventually('it is in the log', async () => {
      const counted = await count();
      return counted.writes >= 11 ? counted : undefined;
    });
    expect(writes).toBeLessThanOrEqual(13);
    expect(reads).toBeLessThanOrEqual(3);
  });
});

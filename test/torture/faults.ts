/** What is done to the workloads, their controllers and their nodes. Each resolves when the harm is done and, where it can be, over. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SandboxNode } from '../../sandbox/node/node.ts';
import type { Pod } from '../../src/core/manifests/pod.ts';
import { putBack, takeOut } from '../e2e/out-of-service.ts';
import type { Stage } from '../e2e/owned-stage.ts';
import type { SeededRandom } from '../model/random.ts';
import type { Target } from './cast.ts';
import type { Crew } from './crew.ts';

export interface Scene {
  readonly stage: Stage;
  readonly crew: Crew;
  readonly random: SeededRandom;
  readonly target: Target;
}

export interface Fault {
  readonly name: string;
  /** Of how many tickets it draws. */
  readonly weight: number;
  readonly kinds: readonly Target['kind'][];
  /** It may strike while another one does. */
  readonly isSmall: boolean;
  readonly strike: (scene: Scene) => Promise<void>;
}

const MADE = ['WorkloadService', 'WorkloadPersistent'] as const;
const ALL = ['WorkloadProcess', 'WorkloadCronJob', ...MADE] as const;
const RUNNING = ['WorkloadProcess', ...MADE] as const;

function small(name: string, kinds: readonly Target['kind'][], strike: Fault['strike'], weight = 4): Fault {
  return { name, kinds, strike, weight, isSmall: true };
}

function large(name: string, strike: Fault['strike'], weight = 2): Fault {
  return { name, kinds: RUNNING, strike, weight, isSmall: false };
}

/** A change by another hand of what makes the pods. */
function patch(operation: Readonly<Record<string, unknown>>): Fault['strike'] {
  return (scene) => tolerant(scene, 'PATCH', scene.target.owner ?? '', [operation]);
}

function remove(propagationPolicy: 'Foreground' | 'Background' | 'Orphan'): Fault['strike'] {
  return (scene) => tolerant(scene, 'DELETE', scene.target.owner ?? '', { propagationPolicy });
}

export const FAULTS: readonly Fault[] = [
  small('pod deleted', ALL, (scene) => onPods(scene, {})),
  small('pod deleted by force', ALL, (scene) => onPods(scene, { gracePeriodSeconds: 0 })),
  small('pod evicted', ALL, evict),
  small('spec changed', RUNNING, change),
  small('scaled to 3', MADE, patch({ op: 'replace', path: '/spec/replicas', value: 3 })),
  small('scaled to 0', MADE, patch({ op: 'replace', path: '/spec/replicas', value: 0 }), 2),
  small('rollout restarted', MADE, (scene) => patch(annotate(scene.random))(scene)),
  small(
    'gate stripped from the template',
    MADE,
    patch({ op: 'remove', path: '/spec/template/spec/schedulingGates' }),
  ),
  small(
    'strategy that surges',
    ['WorkloadService'],
    patch({ op: 'replace', path: '/spec/strategy', value: { type: 'RollingUpdate' } }),
    2,
  ),
  small('Deployment paused', ['WorkloadService'], patch({ op: 'add', path: '/spec/paused', value: true }), 2),
  small('owner deleted in the foreground', MADE, remove('Foreground')),
  small('owner deleted in the background', MADE, remove('Background')),
  small('owner deleted, pods orphaned', MADE, remove('Orphan')),
  small(
    'cron job suspended',
    ['WorkloadCronJob'],
    patch({ op: 'replace', path: '/spec/suspend', value: true }),
  ),
  small(
    'cron job may overlap',
    ['WorkloadCronJob'],
    patch({ op: 'replace', path: '/spec/concurrencyPolicy', value: 'Allow' }),
  ),
  large('leader killed', async ({ crew }) => crew.kill(await crew.leader()), 6),
  large('all controllers killed', async ({ crew }) => crew.kill(...crew.alive), 3),
  large(
    'leader killed in the middle of a replacement',
    async (scene) => {
      const leader = await scene.crew.leader();
      await onPods(scene, {});
      await sleep(scene.random.between(0, 600));
      await scene.crew.kill(leader);
    },
    6,
  ),
  large(
    'leader stopped for three lock times, a pod deleted meanwhile',
    async (scene) => {
      const leader = await scene.crew.leader();
      const slept = scene.crew.sleep(leader);
      await onPods(scene, {});
      await slept;
    },
    4,
  ),
  large(
    'node partitioned, pod deleted by force',
    async (scene) => {
      const node = await nodeOf(scene);
      await node.partition();
      await onPods(scene, { gracePeriodSeconds: 0 });
      await sleep(scene.random.between(500, 15_000));
      await node.heal();
    },
    4,
  ),
  large('node rebooted', async (scene) => (await nodeOf(scene)).reboot(), 4),
  large('Node object deleted', async (scene) => {
    const node = await nodeOf(scene);
    await node.partition();
    await scene.stage.delete(`/api/v1/nodes/${node.name}`);
    await onPods(scene, { gracePeriodSeconds: 0 });
    await sleep(scene.random.between(500, 5000));
    // A kubelet makes its Node object when it starts.
    await node.reboot();
  }),
  large('node off and declared so', declareOff, 1),
];

async function onPods(scene: Scene, body: Readonly<Record<string, unknown>>): Promise<void> {
  const pods = await scene.stage.pods(scene.target);
  await Promise.all(
    pods.map(({ metadata }) =>
      tolerant(scene, 'DELETE', `/api/v1/namespaces/default/pods/${metadata.name}`, body),
    ),
  );
}

async function evict(scene: Scene): Promise<void> {
  for (const { metadata } of await scene.stage.pods(scene.target)) {
    const { name, namespace } = metadata;
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
    await tolerant(scene, 'POST', `/api/v1/namespaces/default/pods/${name}/eviction`, body);
  }
}

/** What another fault has made away with a moment ago needs no fault. */
async function tolerant(
  { stage }: Scene,
  method: 'DELETE' | 'POST' | 'PATCH',
  path: string,
  body: unknown,
): Promise<void> {
  const contentType = method === 'PATCH' ? { contentType: 'application/json-patch+json' } : {};
  const { status } = await stage.world.sandbox.api.request(method, path, { body, ...contentType });
  if (status >= 300 && status !== 404 && status !== 409) throw new Error(`${method} ${path}: ${status}`);
}

async function change({ stage, target, random }: Scene): Promise<void> {
  await stage.patch(target.resource, [
    { op: 'add', path: '/spec/image', value: `busybox:${Math.floor(random.between(1, 1e6))}` },
  ]);
}

function annotate(random: SeededRandom): Readonly<Record<string, unknown>> {
  const path = '/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt';
  return { op: 'add', path, value: String(random.uniform()) };
}

/** The node that the target runs on. */
async function nodeOf({ stage, crew, target }: Scene): Promise<SandboxNode> {
  const pod: Pod = await stage.running(target, crew.alive);
  const node = stage.world.sandbox.nodes.get(pod.spec.nodeName ?? '');
  if (node === undefined) throw new Error(`${pod.metadata.name} is on no node of the sandbox`);
  return node;
}

async function declareOff(scene: Scene): Promise<void> {
  const node = await nodeOf(scene);
  const { api } = scene.stage.world.sandbox;
  await takeOut(api, node);
  await scene.stage.running(scene.target, scene.crew.alive, { within: 120_000 });
  // Back, and in service again.
  await node.reboot();
  await putBack(api, node);
}

/** A node against a real API server, scheduler and node controller: what it promises, as a kubelet promises it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { AuditEvent } from '../../sandbox/control-plane/audit.ts';
import type { SandboxNode } from '../../sandbox/node/node.ts';
import type { PodStatus } from '../../sandbox/node/pod.ts';
import { NodeWorld, PODS, WAIT, containerOf, isAlive, isReady, outputOf, untilDead } from './node-world.ts';

let world: NodeWorld;
let node: SandboxNode;

beforeAll(async () => {
  world = await NodeWorld.open();
  node = await world.addNode('node-a', { restartBackoff: 300 });
});

afterAll(() => world?.close());

/** The node's events about a pod. */
async function toldOf(uid: string): Promise<readonly string[]> {
  const path = `/api/v1/namespaces/default/events?fieldSelector=involvedObject.uid%3D${uid}`;
  const { body } = await world.sandbox.api.request<any>('GET', path);
  return body.items
    .filter((one: any) => one.source.component === 'kubelet')
    .map((one: any) => `${one.type} ${one.reason} ${one.involvedObject.fieldPath}: ${one.message}`);
}

describe('registration', () => {
  test('the node is Ready, renews its lease, and is scheduled to without taints', async () => {
    await vi.waitFor(async () => {
      const { body } = await world.sandbox.api.request<any>('GET', '/api/v1/nodes/node-a');
      expect(body.spec.taints).toBeUndefined();
      expect(body.status.conditions.find((one: any) => one.type === 'Ready').status).toBe('True');
      expect(body.status.nodeInfo.bootID).toBe(node.bootID);
    }, WAIT);
    const path = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-a';
    const renewedAt = async (): Promise<string> => {
      const { body } = await world.sandbox.api.request<any>('GET', path);
      return body.spec.renewTime;
    };
    // The node may be Ready before its lease is there.
    const first = await vi.waitFor(renewedAt, WAIT);
    await vi.waitFor(async () => expect((await renewedAt()) > first).toBe(true), WAIT);
  });
});

describe('running', () => {
  test('a pod becomes Running and Ready with a real process and an address', async () => {
    await world.create('plain', 'echo hello; sleep 1000');
    const pod = await world.untilReady('plain');
    expect(pod.status?.containerStatuses).toMatchObject([
      { name: 'main', ready: true, started: true, restartCount: 0, state: { running: {} } },
    ]);
    expect(pod.status).toMatchObject({ hostIP: '127.0.0.1', podIP: expect.stringMatching(/^127\./) });
    const { pid } = containerOf(node, 'plain');
    expect(isAlive(pid)).toBe(true);
    await vi.waitFor(() => expect(outputOf(containerOf(node, 'plain'))).toBe('hello\n'), WAIT);
    await world.remove('plain');
    expect(isAlive(pid)).toBe(false);
  });

  test('what a kubelet says of a start and of a stop is said: a pod whose containers are being created, and events', async () => {
    await world.create('told', 'sleep 1000');
    const pod = await world.untilReady('told');
    const shown: unknown[] = [];
    for await (const event of world.sandbox.audit({
      user: 'system:node:node-a',
      verbs: ['patch'],
      name: 'told',
    })) {
      const { status } = event.requestObject as { status: PodStatus };
      shown.push([status.phase, status.podIP === undefined, status.containerStatuses?.[0]?.state]);
    }
    expect(shown).toEqual([
      ['Pending', true, { waiting: { reason: 'ContainerCreating' } }],
      ['Running', false, { running: { startedAt: expect.any(String) } }],
    ]);
    await world.remove('told');
    await vi.waitFor(async () => {
      expect((await toldOf(pod.metadata.uid)).toSorted()).toEqual([
        'Normal Created spec.containers{main}: Created container: main',
        'Normal Killing spec.containers{main}: Stopping container main',
        expect.stringMatching(
          /^Normal Pulled spec\.containers\{main\}: Container image "\S+" already present on machine$/,
        ),
        'Normal Started spec.containers{main}: Started container main',
      ]);
    }, WAIT);
  });

  test('a gated pod does not start before its gate is lifted, and then sees the annotations of that moment', async () => {
    await world.create('gated', 'echo "token $TOKEN"; sleep 1000', {
      spec: { schedulingGates: [{ name: 'example.com/permit' }] },
      container: {
        env: [
          {
            name: 'TOKEN',
            valueFrom: { fieldRef: { fieldPath: "metadata.annotations['example.com/token']" } },
          },
        ],
      },
    });
    await world.create('ungated', 'sleep 1000');
    await world.untilReady('ungated');
    expect(node.pods().map((pod) => pod.name)).not.toContain('gated');
    await world.sandbox.api.request('PATCH', `${PODS}/gated`, {
      contentType: 'application/json-patch+json',
      body: [
        { op: 'add', path: '/metadata/annotations', value: { 'example.com/token': '7000001' } },
        { op: 'remove', path: '/spec/schedulingGates' },
      ],
    });
    await world.untilReady('gated');
    await vi.waitFor(() => expect(outputOf(containerOf(node, 'gated'))).toBe('token 7000001\n'), WAIT);
    await world.remove('gated', 'ungated');
  });

  test('init containers run in order before the main one, and a sidecar beside it until it has ended', async () => {
    const init = (name: string, script: string, more = {}): object => ({
      name,
      image: 'busybox',
      command: ['sh', '-c', script],
      volumeMounts: [{ name: 'order', mountPath: '/order' }],
      ...more,
    });
    const say = (word: string): string => `echo ${word} >>$HIGHLANDER_VOLUME_ORDER/file`;
    await world.create('sequence', `${say('main')}; sleep 0.3`, {
      container: { volumeMounts: [{ name: 'order', mountPath: '/order' }] },
      spec: {
        restartPolicy: 'Never',
        volumes: [{ name: 'order', emptyDir: {} }],
        initContainers: [
          init('one', `sleep 0.2; ${say('one')}`),
          init(
            'side',
            `${say('side')}; trap 'cat $HIGHLANDER_VOLUME_ORDER/file; exit 0' TERM; while :; do sleep 0.05; done`,
            {
              restartPolicy: 'Always',
              startupProbe: {
                exec: {
                  command: [
                    'sh',
                    '-c',
                    'test -s $HIGHLANDER_VOLUME_ORDER/file && grep -q side $HIGHLANDER_VOLUME_ORDER/file',
                  ],
                },
                periodSeconds: 1,
              },
            },
          ),
          init('two', say('two')),
        ],
      },
    });
    const pod = await world.untilStatus('sequence', { phase: 'Succeeded' });
    expect(pod.status?.initContainerStatuses?.map((one) => one.state.terminated?.exitCode)).toEqual([
      0, 0, 0,
    ]);
    expect(outputOf(containerOf(node, 'sequence', 'side'))).toBe('one\nside\ntwo\nmain\n');
    await world.remove('sequence');
  });

  test('a missing ConfigMap holds a container back, and its arrival starts it', async () => {
    await world.create(
      'configured',
      'echo "$WORD $SECRET $(cat $HIGHLANDER_VOLUME_FILES/word)"; sleep 1000',
      {
        container: {
          env: [
            { name: 'WORD', valueFrom: { configMapKeyRef: { name: 'words', key: 'word' } } },
            { name: 'SECRET', valueFrom: { secretKeyRef: { name: 'hidden', key: 'key', optional: true } } },
          ],
          volumeMounts: [{ name: 'files', mountPath: '/etc/files' }],
        },
        spec: { volumes: [{ name: 'files', configMap: { name: 'words' } }] },
      },
    );
    await world.untilStatus('configured', {
      phase: 'Pending',
      containerStatuses: [
        {
          state: {
            waiting: { reason: 'CreateContainerConfigError', message: 'configmap "words" not found' },
          },
        },
      ],
    });
    await world.sandbox.api.apply([
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'hidden', namespace: 'default' },
        stringData: { key: 's' },
      },
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'words', namespace: 'default' },
        data: { word: 'w' },
      },
    ]);
    const pod = await world.untilReady('configured');
    const failed = (await toldOf(pod.metadata.uid)).filter((told) => told.startsWith('Warning'));
    expect(failed).toEqual(['Warning Failed spec.containers{main}: Error: configmap "words" not found']);
    await vi.waitFor(() => expect(outputOf(containerOf(node, 'configured'))).toBe('w s w\n'), WAIT);
    await world.remove('configured');
  });

  test('readiness follows an HTTP probe of the pod address', async () => {
    let answer = 503;
    const server = createServer((_, response) => response.writeHead(answer).end());
    await new Promise<void>((resolve) => {
      server.listen(0, '0.0.0.0', resolve);
    });
    const { port } = server.address() as AddressInfo;
    await world.create('probed', 'sleep 1000', {
      container: { readinessProbe: { httpGet: { port, path: '/' }, periodSeconds: 1, failureThreshold: 1 } },
    });
    const running = await world.untilStatus('probed', { phase: 'Running' });
    expect(isReady(running)).toBe('False');
    answer = 204;
    await world.untilReady('probed');
    answer = 500;
    await world.until('probed', (pod) => expect(isReady(pod)).toBe('False'));
    server.close();
    await world.remove('probed');
  });

  test('a failing liveness probe restarts the container in place', async () => {
    await world.create('sick', 'sleep 1000', {
      container: { livenessProbe: { exec: { command: ['false'] }, periodSeconds: 1, failureThreshold: 2 } },
    });
    const pod = await world.until('sick', ({ status }) =>
      expect(status?.containerStatuses?.[0]?.restartCount).toBeGreaterThan(0),
    );
    expect(pod.status?.containerStatuses?.[0]?.lastState.terminated?.exitCode).toBe(143);
    await world.delete('sick', '?gracePeriodSeconds=1');
    await world.untilGone('sick');
  });

  test('a container that keeps failing is started again after growing waits', async () => {
    await world.create('crashing', 'exit 4');
    await world.untilStatus('crashing', {
      phase: 'Running',
      containerStatuses: [
        {
          restartCount: 2,
          ready: false,
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 4, reason: 'Error' } },
        },
      ],
    });
    await world.until('crashing', ({ status }) =>
      expect(status?.containerStatuses?.[0]?.restartCount).toBe(3),
    );
    await world.remove('crashing');
  });

  test.each([
    ['Never', 'exit 5', 'Failed', 5],
    ['Never', 'exit 0', 'Succeeded', 0],
    ['OnFailure', 'exit 0', 'Succeeded', 0],
  ])(
    'with restartPolicy %s a container that does "%s" makes the pod %s',
    async (restartPolicy, script, phase, exitCode) => {
      const name = `ends-${restartPolicy.toLowerCase()}-${exitCode}`;
      await world.create(name, script, { spec: { restartPolicy } });
      const pod = await world.untilStatus(name, { phase });
      const reason = exitCode === 0 ? 'Completed' : 'Error';
      expect(pod.status?.containerStatuses).toMatchObject([
        { restartCount: 0, state: { terminated: { exitCode, reason } } },
      ]);
      await world.remove(name);
    },
  );
});

describe('stopping', () => {
  test('the last status is acknowledged before the node asks for the removal, by uid', async () => {
    const { metadata } = await world.create('last-words', 'sleep 1000');
    await world.untilReady('last-words');
    await world.remove('last-words');
    const writes = await vi.waitFor(async () => {
      const found: AuditEvent[] = [];
      const filter = { user: 'system:node:node-a', verbs: ['patch', 'delete'], name: 'last-words' };
      for await (const event of world.sandbox.audit(filter)) found.push(event);
      expect(found.at(-1)?.verb).toBe('delete');
      return found;
    }, WAIT);
    const [status, removal] = writes.slice(-2);
    expect(status?.requestObject).toMatchObject({
      status: { phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: 143 } } }] },
    });
    expect(status?.responseStatus?.code).toBe(200);
    const acknowledged = status?.stageTimestamp ?? '';
    expect(acknowledged <= (removal?.requestReceivedTimestamp ?? '')).toBe(true);
    expect(removal?.requestObject).toMatchObject({
      gracePeriodSeconds: 0,
      preconditions: { uid: metadata.uid },
    });
  });

  test('terminal container statuses are there to be read before the pod is removed', async () => {
    await world.create('orderly', `trap 'sleep 0.3; exit 6' TERM; while :; do sleep 0.05; done`, {
      metadata: { finalizers: ['example.com/evidence'] },
    });
    await world.untilReady('orderly');
    await world.delete('orderly');
    const pod = await world.untilStatus('orderly', {
      phase: 'Failed',
      containerStatuses: [{ state: { terminated: { exitCode: 6, containerID: expect.any(String) } } }],
    });
    expect(pod.metadata.finalizers).toEqual(['example.com/evidence']);
    await world.dropFinalizers('orderly');
  });

  test('a container that ignores SIGTERM is killed after its grace period', async () => {
    await world.create('deaf', `trap '' TERM; while :; do sleep 0.05; done`, {
      metadata: { finalizers: ['example.com/evidence'] },
      spec: { terminationGracePeriodSeconds: 1 },
    });
    await world.untilReady('deaf');
    const { pid } = containerOf(node, 'deaf');
    await world.delete('deaf');
    await world.untilStatus('deaf', { containerStatuses: [{ state: { terminated: { exitCode: 137 } } }] });
    expect(isAlive(pid)).toBe(false);
    await world.dropFinalizers('deaf');
  });

  test('a later delete with a shorter grace period shortens the wait', async () => {
    await world.create('hurried', `trap '' TERM; while :; do sleep 0.05; done`, {
      spec: { terminationGracePeriodSeconds: 600 },
    });
    await world.untilReady('hurried');
    await world.delete('hurried');
    const { pid } = containerOf(node, 'hurried');
    await world.delete('hurried', '?gracePeriodSeconds=1');
    await world.untilGone('hurried');
    expect(isAlive(pid)).toBe(false);
  });

  test('a preStop hook runs to its end before SIGTERM', async () => {
    await world.create('hooked', `trap 'cat hook; exit 0' TERM; while :; do sleep 0.05; done`, {
      metadata: { finalizers: ['example.com/evidence'] },
      container: {
        lifecycle: { preStop: { exec: { command: ['sh', '-c', 'sleep 0.3; echo hooked >hook'] } } },
      },
    });
    await world.untilReady('hooked');
    const hooked = containerOf(node, 'hooked');
    await world.delete('hooked');
    await world.untilStatus('hooked', { phase: 'Succeeded' });
    expect(outputOf(hooked)).toBe('hooked\n');
    await world.dropFinalizers('hooked');
  });

  test('a forced delete removes the object without a word from the node, which then kills at once', async () => {
    await world.create('forced', `trap '' TERM; while :; do sleep 0.05; done`, {
      spec: { terminationGracePeriodSeconds: 600 },
    });
    await world.untilReady('forced');
    const { pid } = containerOf(node, 'forced');
    await world.kubectl('delete', 'pod', 'forced', '--force', '--grace-period=0');
    expect(await world.get('forced')).toBeUndefined();
    await untilDead(pid);
    await vi.waitFor(() => expect(node.pods().map((pod) => pod.name)).not.toContain('forced'), WAIT);
  });

  test('after a forced delete of a pod with a finalizer the process is killed at once and its end is written', async () => {
    await world.create('kept', `trap '' TERM; while :; do sleep 0.05; done`, {
      metadata: { finalizers: ['example.com/evidence'] },
      spec: { terminationGracePeriodSeconds: 600 },
    });
    await world.untilReady('kept');
    const { pid } = containerOf(node, 'kept');
    await world.delete('kept', '?gracePeriodSeconds=0');
    await world.untilStatus('kept', {
      phase: 'Failed',
      containerStatuses: [{ state: { terminated: { exitCode: 137 } } }],
    });
    expect(isAlive(pid)).toBe(false);
    await world.dropFinalizers('kept');
  });

  test('an eviction ends a pod like a delete', async () => {
    await world.create('evicted', 'sleep 1000');
    await world.untilReady('evicted');
    const { pid } = containerOf(node, 'evicted');
    const body = {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: 'evicted', namespace: 'default' },
    };
    await world.sandbox.api.request('POST', `${PODS}/evicted/eviction`, { body });
    await world.untilGone('evicted');
    expect(isAlive(pid)).toBe(false);
  });
});

/** Pods and inputs for tests of decisions: a permitted, ready instance of the current term unless told otherwise. */
import type { Pod, PodStatus } from '../src/core/manifests/pod.ts';
import type { Input, Instance } from '../src/core/reconcile/observed.ts';
import type { ProcessSpec, ProcessWorkload } from '../src/core/workload/model.ts';
import { ANNOTATION, LABEL, PERMIT_GATE, SINGLETON_FINALIZER } from '../src/core/workload/names.ts';

export const TERM = 7;
export const HASH = 'hash-1';
export const FINGERPRINT = 'lease|uid|highlander-default|k8-highlander';
const KEY = { kind: 'process', namespace: 'default', name: 'report' } as const;
export const READY_NODE: Instance['node'] = {
  kind: 'present',
  ready: true,
  suspect: false,
  outOfService: false,
};

export interface PodOptions {
  readonly uid?: string;
  readonly name?: string;
  readonly gated?: boolean;
  /** null: never claimed. */
  readonly term?: number | null;
  readonly hash?: string;
  /** null: it never had a permit. */
  readonly token?: string | null;
  readonly fingerprint?: string;
  readonly node?: string | null;
  readonly terminating?: boolean;
  readonly finalizer?: boolean;
  readonly status?: PodStatus;
  readonly tolerations?: Pod['spec']['tolerations'];
}

const RUNNING: PodStatus = {
  phase: 'Running',
  conditions: [{ type: 'Ready', status: 'True' }],
  containerStatuses: [{ name: 'main', ready: true, restartCount: 0, state: { running: {} } }],
};

/** A terminal status as the kubelet writes it. */
export function ended(phase: 'Succeeded' | 'Failed', restartCount = 0): PodStatus {
  const reason = phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed';
  const exitCode = phase === 'Succeeded' ? 0 : 1;
  return {
    phase,
    conditions: [{ type: 'Ready', status: 'False', reason }],
    containerStatuses: [{ name: 'main', ready: false, restartCount, state: { terminated: { exitCode } } }],
  };
}

export function makePod(options: PodOptions = {}): Pod {
  const {
    gated = false,
    term = TERM,
    node = gated ? null : 'node-a',
    terminating = false,
    finalizer = true,
  } = options;
  return {
    metadata: {
      name: options.name ?? 'report-pod',
      namespace: 'default',
      uid: options.uid ?? 'uid-1',
      resourceVersion: '100',
      labels: { [LABEL.managedBy]: LABEL.managedByValue, [LABEL.tenant]: 'default' },
      annotations: {
        [ANNOTATION.workload]: 'process/default/report',
        [ANNOTATION.templateHash]: options.hash ?? HASH,
        [ANNOTATION.fingerprint]: options.fingerprint ?? FINGERPRINT,
        ...(term === null ? {} : { [ANNOTATION.term]: String(term) }),
        ...(gated || options.token === null ? {} : { [ANNOTATION.token]: options.token ?? '7000001' }),
      },
      finalizers: finalizer ? [SINGLETON_FINALIZER] : [],
      ...(terminating ? { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 } : {}),
    },
    spec: {
      containers: [{ name: 'main', image: 'busybox' }],
      terminationGracePeriodSeconds: 30,
      ...(gated ? { schedulingGates: [{ name: PERMIT_GATE }] } : {}),
      ...(node === null ? {} : { nodeName: node }),
      ...(options.tolerations === undefined ? {} : { tolerations: options.tolerations }),
    },
    status: options.status ?? (gated ? { phase: 'Pending' } : RUNNING),
  };
}

/** `makePod` as observed: ready since 0, and terminating since 0 if it terminates. */
export function makeInstance(options: PodOptions = {}, facts: Partial<Instance> = {}): Instance {
  const pod = makePod(options);
  const ready = pod.status?.conditions?.some(
    (condition) => condition.type === 'Ready' && condition.status === 'True',
  );
  return {
    pod,
    node: READY_NODE,
    ...(options.terminating === true ? { terminatingSince: 0 } : {}),
    ...(ready === true ? { readySince: 0 } : {}),
    ...facts,
  };
}

export function makeWorkload(spec: Partial<ProcessSpec> = {}, templateHash = HASH): ProcessWorkload {
  return {
    key: KEY,
    templateHash,
    source: { from: 'file', path: 'workloads.processes[0]' },
    spec: {
      image: 'busybox',
      env: {},
      resources: {},
      configMaps: [],
      secrets: [],
      labels: {},
      annotations: {},
      nodeSelector: {},
      sidecars: [],
      ports: [],
      terminationGracePeriod: 30_000,
      restartPolicy: 'OnFailure',
      maxRestarts: 5,
      ...spec,
    },
  };
}

export function makeInput(options: Partial<Input> = {}): Input {
  return {
    key: KEY,
    now: 1000,
    wall: Date.parse('2026-01-01T12:00:00Z'),
    term: TERM,
    fingerprints: new Set([FINGERPRINT]),
    identity: { tenant: 'default', fingerprint: FINGERPRINT },
    desired: makeWorkload(),
    instances: [],
    vanished: [],
    record: { managedFrom: 'file', hash: HASH, restarts: 0 },
    ...options,
  };
}

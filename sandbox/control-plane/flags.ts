/**
 * The command lines. They differ from a production cluster where a small machine, a fast test or a measurement needs
 * it, and each difference is said here; everything else is the default.
 */
import { join } from 'node:path';
import type { Pki } from './pki.ts';

/**
 * How soon a silent node is noticed and left. Kubernetes' defaults: looked at every 5 s, NotReady after 50 s, pods
 * deleted another 300 s later. A node must renew its Lease well within `notReadySeconds`.
 */
const NODE_GRACE = { lookEverySeconds: 1, notReadySeconds: 8, evictAfterSeconds: 5 } as const;

/** No fsync: a sandbox need not survive a power cut. */
export function etcdFlags(at: {
  readonly dir: string;
  readonly clients: string;
  readonly peers: number;
}): readonly string[] {
  const peers = `http://127.0.0.1:${at.peers}`;
  return [
    '--name=sandbox',
    `--data-dir=${join(at.dir, 'etcd')}`,
    `--listen-client-urls=${at.clients}`,
    `--advertise-client-urls=${at.clients}`,
    `--listen-peer-urls=${peers}`,
    `--initial-advertise-peer-urls=${peers}`,
    `--initial-cluster=sandbox=${peers}`,
    '--unsafe-no-fsync',
    '--heartbeat-interval=10', // its only member waits for nobody: elected in 0.1 s instead of 0.5 s
    '--election-timeout=100',
    '--log-level=warn',
  ];
}

/** As a cluster has it: RBAC, the node authorizer, service account tokens. Anonymous requests reach nothing but health. */
export function apiServerFlags(at: {
  readonly etcd: string;
  readonly https: number;
  readonly pki: Pki;
  readonly policy: string;
  readonly auditLog: string;
}): readonly string[] {
  return [
    `--etcd-servers=${at.etcd}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    '--endpoint-reconciler-type=none', // an endpoint on loopback would be refused, over and over
    `--secure-port=${at.https}`,
    `--tls-cert-file=${at.pki.servingCertificate}`,
    `--tls-private-key-file=${at.pki.servingKey}`,
    `--client-ca-file=${at.pki.authorityFile}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${at.pki.accountPublicKey}`,
    `--service-account-signing-key-file=${at.pki.accountKey}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    `--default-not-ready-toleration-seconds=${NODE_GRACE.evictAfterSeconds}`,
    `--default-unreachable-toleration-seconds=${NODE_GRACE.evictAfterSeconds}`,
    `--audit-policy-file=${at.policy}`,
    `--audit-log-path=${at.auditLog}`,
    '--audit-log-maxsize=0', // one file, however long: it is read as a whole
  ];
}

/** Client-side rate limits that no controller under test can be hidden by; no leader election: there is only one. */
const UNHINDERED = ['--kube-api-qps=1000', '--kube-api-burst=2000', '--leader-elect=false'];

/** Each controller acts as its own service account, so that the audit log tells them apart. */
export function controllerManagerFlags(at: {
  readonly kubeconfig: string;
  readonly pki: Pki;
}): readonly string[] {
  return [
    ...UNHINDERED,
    `--kubeconfig=${at.kubeconfig}`,
    '--secure-port=0',
    '--use-service-account-credentials',
    `--service-account-private-key-file=${at.pki.accountKey}`,
    `--root-ca-file=${at.pki.authorityFile}`,
    `--node-monitor-period=${NODE_GRACE.lookEverySeconds}s`,
    `--node-monitor-grace-period=${NODE_GRACE.notReadySeconds}s`,
  ];
}

/** Its own port would only serve metrics. */
export function schedulerFlags(at: { readonly kubeconfig: string }): readonly string[] {
  return [...UNHINDERED, `--kubeconfig=${at.kubeconfig}`, '--secure-port=0'];
}

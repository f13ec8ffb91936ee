/** Finds the API server: in a kubeconfig file, or in the files that Kubernetes mounts into a pod. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import type { Problem } from '../../core/problem.ts';
import type { Connection, Credential, Pem } from './connection.ts';

export type { Connection, Credential, Pem } from './connection.ts';

/** Where the kubelet mounts the credentials of a pod's service account. */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Reads a kubeconfig file (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/).
 *
 * If the file has a cluster named `clusterName`, connects to that one: through the current context if it names the
 * cluster, else through the first context that does. Otherwise the current context decides. Paths inside the file are
 * relative to it. Credential plugins (`exec`, `auth-provider`) are answered with a problem: not in this version.
 */
export async function readKubeconfig(path: string, clusterName?: string): Promise<Connection | Problem> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    return {
      code: 'ConfigUnreadable',
      message: `the kubeconfig cannot be read (${errorCode(error)})`,
      hint: 'name a readable kubeconfig file, or run inside a pod of the cluster',
      file: path,
    };
  }
  let root: unknown;
  try {
    root = parse(text);
  } catch {
    // The parser's message may quote the line, and with it a token.
    return {
      code: 'MalformedYaml',
      message: 'the kubeconfig is not valid YAML',
      hint: 'check the file with: kubectl config view --kubeconfig FILE',
      file: path,
    };
  }
  return connectionOf(isRecord(root) ? root : {}, path, clusterName);
}

/** True for the problem side of `readKubeconfig` and `inClusterConnection`. */
export function isConnectProblem(result: Connection | Problem): result is Problem {
  return 'code' in result;
}

/**
 * The connection of a pod: address from the environment, token and certificate authority from the mounted service
 * account. `folder` and `env` are arguments for tests.
 */
export async function inClusterConnection(
  folder: string = SERVICE_ACCOUNT,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Connection | Problem> {
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT'];
  if (!host || !port) {
    return {
      code: 'NoCluster',
      message: 'this process does not run inside a pod (KUBERNETES_SERVICE_HOST is not set)',
      hint: 'name a kubeconfig file',
    };
  }
  const token = `${folder}/token`;
  try {
    await readFile(token);
    const namespace = (await readFile(`${folder}/namespace`, 'utf8')).trim();
    return {
      server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
      ca: { file: `${folder}/ca.crt` },
      credential: { kind: 'token-file', file: token },
      ...(namespace !== '' && { namespace }),
    };
  } catch (error) {
    return {
      code: 'NoCluster',
      message: `the service account files cannot be read (${errorCode(error)})`,
      hint: 'let the pod mount its service account token (automountServiceAccountToken)',
      file: folder,
    };
  }
}

type Fields = Readonly<Record<string, unknown>>;

function connectionOf(root: Fields, file: string, clusterName: string | undefined): Connection | Problem {
  const contexts = named(root, 'contexts', 'context');
  const clusters = named(root, 'clusters', 'cluster');
  const current = stringOf(root, 'current-context');
  const contextName = chooseContext(contexts, clusters, current, clusterName);
  const context = contextName === undefined ? undefined : contexts.get(contextName);
  if (context === undefined) {
    return {
      code: 'NoCluster',
      message:
        current === undefined
          ? 'the kubeconfig has no current context'
          : `the kubeconfig has no context '${current}'`,
      hint: `choose one with: kubectl config use-context NAME (it has: ${[...contexts.keys()].join(', ') || 'none'})`,
      path: 'current-context',
      file,
    };
  }
  const cluster = clusters.get(stringOf(context, 'cluster') ?? '');
  const server = cluster && stringOf(cluster, 'server');
  if (cluster === undefined || server === undefined || !URL.canParse(server)) {
    return {
      code: 'NoCluster',
      message: `the cluster of context '${contextName}' is missing or has no server address`,
      hint: 'give the cluster a server such as https://host:6443',
      path: 'clusters',
      file,
    };
  }
  const user = named(root, 'users', 'user').get(stringOf(context, 'user') ?? '') ?? {};
  const folder = dirname(resolve(file));
  const credential = credentialOf(user, folder, file);
  if ('code' in credential) return credential;
  const ca = pemOf(cluster, 'certificate-authority', folder);
  const namespace = stringOf(context, 'namespace');
  const tlsServerName = stringOf(cluster, 'tls-server-name');
  return {
    server: server.replace(/\/+$/, ''),
    credential,
    ...(ca && { ca }),
    ...(namespace !== undefined && { namespace }),
    ...(tlsServerName !== undefined && { tlsServerName }),
    ...(cluster['insecure-skip-tls-verify'] === true && { insecureSkipTlsVerify: true }),
  };
}

/** The rule of `readKubeconfig`. */
function chooseContext(
  contexts: ReadonlyMap<string, Fields>,
  clusters: ReadonlyMap<string, Fields>,
  current: string | undefined,
  clusterName: string | undefined,
): string | undefined {
  if (clusterName === undefined || !clusters.has(clusterName)) return current;
  const naming = [...contexts]
    .filter(([, context]) => context['cluster'] === clusterName)
    .map(([name]) => name);
  if (current !== undefined && naming.includes(current)) return current;
  return naming[0] ?? current;
}

/** Precedence as in client-go: a certificate identifies at the handshake, a token file wins over an inline token. */
function credentialOf(user: Fields, folder: string, file: string): Credential | Problem {
  if (user['exec'] !== undefined || user['auth-provider'] !== undefined) {
    return {
      code: 'NotInThisVersion',
      message: 'the user of the kubeconfig logs in with a credential plugin (exec or auth-provider)',
      hint: 'use a token, a token file or a client certificate, e.g. of a service account: kubectl create token NAME',
      path: 'users',
      file,
    };
  }
  const certificate = pemOf(user, 'client-certificate', folder);
  const key = pemOf(user, 'client-key', folder);
  if (certificate && key) return { kind: 'certificate', certificate, key };
  const tokenFile = stringOf(user, 'tokenFile');
  if (tokenFile !== undefined) return { kind: 'token-file', file: resolve(folder, tokenFile) };
  const token = stringOf(user, 'token');
  return token === undefined ? { kind: 'none' } : { kind: 'token', token };
}

/** `<field>-data` (base64 of PEM) wins over `<field>` (a path), as in client-go. */
function pemOf(fields: Fields, field: string, folder: string): Pem | undefined {
  const data = stringOf(fields, `${field}-data`);
  if (data !== undefined) return { pem: Buffer.from(data, 'base64').toString('utf8') };
  const path = stringOf(fields, field);
  return path === undefined ? undefined : { file: resolve(folder, path) };
}

/** `[{name: a, context: {…}}]` as a map; the first of equal names wins, as in kubectl. */
function named(root: Fields, list: string, field: string): ReadonlyMap<string, Fields> {
  const entries = new Map<string, Fields>();
  const items = root[list];
  for (const item of Array.isArray(items) ? items : []) {
    if (!isRecord(item)) continue;
    const name = stringOf(item, 'name');
    const fields = item[field];
    if (name !== undefined && isRecord(fields) && !entries.has(name)) entries.set(name, fields);
  }
  return entries;
}

function stringOf(fields: Fields, field: string): string | undefined {
  const value = fields[field];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'error';
}

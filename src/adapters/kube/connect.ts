/** Finds the API server: in a kubeconfig file, or in the files that Kubernetes mounts into a pod. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import type { Problem } from '../../core/problem.ts';
import type { Connection, Credential, ExecCluster, Pem } from './connection.ts';
import { readExecConfig, readExecPlugin } from './exec-config.ts';
import { fieldsIn, isFields, stringOf, type Fields } from './fields.ts';

export type { Connection, Credential, Pem } from './connection.ts';

/** Where the kubelet mounts the credentials of a pod's service account. */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Reads a kubeconfig file (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/).
 *
 * If the file has a cluster named `clusterName`, connects to that one: through the current context if it names the
 * cluster, else through the first context that does. Otherwise the current context decides. Paths inside the file are
 * relative to it. Of several credentials of a user a certificate wins over a token file, that over a token, and all over a
 * credential plugin (`exec`), as in client-go. `auth-provider`, which client-go has removed too, is a problem.
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
  return connectionOf(isFields(root) ? root : {}, path, clusterName);
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
  const ca = pemOf(cluster, 'certificate-authority', folder);
  const namespace = stringOf(context, 'namespace');
  const tlsServerName = stringOf(cluster, 'tls-server-name');
  const target = {
    server: server.replace(/\/+$/, ''),
    ...(ca && { ca }),
    ...(tlsServerName !== undefined && { tlsServerName }),
    ...(cluster['insecure-skip-tls-verify'] === true && { insecureSkipTlsVerify: true }),
  };
  const config = readExecConfig(cluster);
  const credential = credentialOf(user, folder, { ...target, ...(config !== undefined && { config }) });
  if ('code' in credential) return { ...credential, path: 'users', file };
  return { ...target, credential, ...(namespace !== undefined && { namespace }) };
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

/** In the order of `readKubeconfig`. */
function credentialOf(
  user: Fields,
  folder: string,
  cluster: ExecCluster,
): Credential | Pick<Problem, 'code' | 'message' | 'hint'> {
  const certificate = pemOf(user, 'client-certificate', folder);
  const key = pemOf(user, 'client-key', folder);
  if (certificate && key) return { kind: 'certificate', certificate, key };
  const tokenFile = stringOf(user, 'tokenFile');
  if (tokenFile !== undefined) return { kind: 'token-file', file: resolve(folder, tokenFile) };
  const token = stringOf(user, 'token');
  if (token !== undefined) return { kind: 'token', token };
  if (user['exec'] !== undefined && user['exec'] !== null) {
    const plugin = readExecPlugin(user['exec'], folder, cluster);
    return 'code' in plugin ? plugin : { kind: 'exec', plugin };
  }
  if (user['auth-provider'] === undefined) return { kind: 'none' };
  return {
    code: 'NotInThisVersion',
    message: 'the user of the kubeconfig logs in with an auth-provider, which Kubernetes has removed in 1.26',
    hint: 'use a credential plugin (exec), a token, a token file or a client certificate',
  };
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
  for (const item of fieldsIn(root[list])) {
    const name = stringOf(item, 'name');
    const fields = item[field];
    if (name !== undefined && isFields(fields) && !entries.has(name)) entries.set(name, fields);
  }
  return entries;
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'error';
}

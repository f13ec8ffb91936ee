import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inClusterConnection, isConnectProblem, readKubeconfig } from './connect.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'connect-'));
});
afterEach(() => rm(folder, { recursive: true }));

const base64 = (text: string): string => Buffer.from(text).toString('base64');

const KUBECONFIG = `
apiVersion: v1
kind: Config
current-context: home
contexts:
- {name: home, context: {cluster: house, user: token, namespace: mine}}
- {name: office-a, context: {cluster: office, user: cert}}
- {name: office-b, context: {cluster: office, user: file}}
- {name: cloud, context: {cluster: house, user: plugin}}
- {name: museum, context: {cluster: house, user: old}}
- {name: nowhere, context: {cluster: lost, user: token}}
clusters:
- {name: house, cluster: {server: "https://house:6443/", certificate-authority-data: "${base64('CA PEM')}",
    extensions: [{name: client.authentication.k8s.io/exec, extension: {audience: x}}]}}
- {name: office, cluster: {server: "https://office/k8s", certificate-authority: pki/ca.crt, tls-server-name: api}}
users:
- {name: token, user: {token: s3cret}}
- {name: file, user: {tokenFile: token, token: ignored}}
- {name: cert, user: {client-certificate: pki/me.crt, client-key-data: "${base64('KEY PEM')}", token: ignored}}
- {name: old, user: {auth-provider: {name: gcp}}}
- name: plugin
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      interactiveMode: IfAvailable
      command: ./bin/login
      args: [token, --long]
      env: [{name: REGION, value: north}]
      installHint: look there
      provideClusterInfo: true
`;

async function kubeconfig(change: (text: string) => string = (text) => text): Promise<string> {
  const file = join(folder, 'config');
  await writeFile(file, change(KUBECONFIG));
  return file;
}

describe('a kubeconfig', () => {
  it('without a cluster name, or with one it does not know, uses the current context', async () => {
    const file = await kubeconfig();
    const expected = {
      server: 'https://house:6443',
      ca: { pem: 'CA PEM' },
      credential: { kind: 'token', token: 's3cret' },
      namespace: 'mine',
    };
    expect(await readKubeconfig(file)).toEqual(expected);
    expect(await readKubeconfig(file, 'unheard-of')).toEqual(expected);
  });

  it('with a cluster of the wanted name uses the first context that names it', async () => {
    expect(await readKubeconfig(await kubeconfig(), 'office')).toEqual({
      server: 'https://office/k8s',
      ca: { file: join(folder, 'pki/ca.crt') },
      credential: {
        kind: 'certificate',
        certificate: { file: join(folder, 'pki/me.crt') },
        key: { pem: 'KEY PEM' },
      },
      tlsServerName: 'api',
    });
  });

  it('prefers the current context among those that name the wanted cluster', async () => {
    const file = await kubeconfig((text) =>
      text.replace('current-context: home', 'current-context: office-b'),
    );
    expect(await readKubeconfig(file, 'office')).toMatchObject({
      credential: { kind: 'token-file', file: join(folder, 'token') },
    });
  });

  it('may name a credential plugin, whose command is relative to the file if it is a path', async () => {
    const file = await kubeconfig((text) => text.replace('current-context: home', 'current-context: cloud'));
    expect(await readKubeconfig(file)).toMatchObject({
      server: 'https://house:6443',
      credential: {
        kind: 'exec',
        plugin: {
          apiVersion: 'client.authentication.k8s.io/v1',
          command: join(folder, 'bin/login'),
          args: ['token', '--long'],
          env: { REGION: 'north' },
          installHint: 'look there',
          cluster: { server: 'https://house:6443', ca: { pem: 'CA PEM' }, config: { audience: 'x' } },
        },
      },
    });
    const other = await kubeconfig((text) =>
      text
        .replace('current-context: home', 'current-context: cloud')
        .replace('./bin/login', 'login')
        .replace('provideClusterInfo: true', 'token: ignored'),
    );
    const result = await readKubeconfig(other);
    expect(result).toMatchObject({ credential: { plugin: { command: 'login' } } });
    expect(result).not.toHaveProperty('credential.plugin.cluster');
  });

  it.each([
    ['IfAvailable', 'Always', 'interactiveMode: Always'],
    ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1alpha1', 'v1alpha1'],
    ['command: ./bin/login', '', 'names no command'],
  ])('with a plugin that has %j changed to %j is a problem: %s', async (from, to, message) => {
    const file = await kubeconfig((text) =>
      text.replace('current-context: home', 'current-context: cloud').replace(from, to),
    );
    expect(await readKubeconfig(file)).toMatchObject({
      code: 'NoCluster',
      message: expect.stringContaining(message) as string,
      file,
      path: 'users',
    });
  });

  it.each([
    ['current-context: home', 'current-context: away', 'NoCluster'],
    ['current-context: home', '', 'NoCluster'],
    ['current-context: home', 'current-context: nowhere', 'NoCluster'],
    ['current-context: home', 'current-context: museum', 'NotInThisVersion'],
    ['apiVersion: v1', 'apiVersion: [', 'MalformedYaml'],
  ])('where %j is %j is a problem: %s', async (from, to, code) => {
    const result = await readKubeconfig(await kubeconfig((text) => text.replace(from, to)));
    expect(result).toMatchObject({ code, file: join(folder, 'config') });
    expect(isConnectProblem(result)).toBe(true);
    expect(JSON.stringify(result)).not.toContain('s3cret');
  });

  it('that does not exist is a problem', async () => {
    expect(await readKubeconfig(join(folder, 'none'))).toMatchObject({ code: 'ConfigUnreadable' });
  });
});

describe('a pod', () => {
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };

  it('connects with its mounted service account', async () => {
    const account = join(folder, 'account');
    await mkdir(account);
    await writeFile(join(account, 'token'), 'x');
    await writeFile(join(account, 'namespace'), 'mine\n');
    expect(await inClusterConnection(account, env)).toEqual({
      server: 'https://[fd00::1]:443',
      ca: { file: join(account, 'ca.crt') },
      credential: { kind: 'token-file', file: join(account, 'token') },
      namespace: 'mine',
    });
  });

  it('without service account files, or outside of a cluster, is a problem', async () => {
    expect(await inClusterConnection(folder, env)).toMatchObject({ code: 'NoCluster' });
    expect(await inClusterConnection(folder, {})).toMatchObject({ code: 'NoCluster' });
  });
});

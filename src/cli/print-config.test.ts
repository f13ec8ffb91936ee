import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runLauncher } from '../../test/launcher.ts';
import { loadConfig } from '../config/load.ts';
import { printConfig } from './print-config.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'print-config-'));
});
afterEach(() => rm(folder, { recursive: true }));

const FILE = `tenant: blue
redis: {addr: "redis:6379", password: hunter2}
databaseURL: postgres://me:hunter3@host/db
workloads:
  processes:
    - {name: a, image: busybox, env: {TOKEN: hunter4}}
`;

test('prints each effective setting with its origin, no secret, and exits 0', async () => {
  await writeFile(join(folder, 'c.yaml'), FILE);
  await writeFile(join(folder, 'process-b.yaml'), 'name: b\nimage: busybox\n');
  const { exit, stdout, stderr } = await runLauncher(
    ['--config', 'c.yaml', '--print-config', '--tenant', 'green'],
    {
      cwd: folder,
      env: { HIGHLANDER_PORT: '9000' },
    },
  );
  expect(exit).toBe(0);
  expect(stderr).toContain('was ignored by k8-highlander (Go)');
  expect(stdout.replace(/^id: .*$/m, 'id: "h" # from hostname').replaceAll(folder, '.')).toBe(`# file: c.yaml
id: "h" # from hostname
tenant: "green" # flag --tenant
port: 9000 # env HIGHLANDER_PORT
namespace: "default" # default
controllerNamespace: "k8-highlander" # default
remainsFollower: false # default
storageType: "redis" # from redis.addr
redis:
  addr: "redis:6379" # c.yaml:2
  username: "" # default
  password: "***" # c.yaml:2
  passwordFile: "" # default
  db: 0 # default
  sentinels: "" # default
  masterName: "" # default
  sentinelUsername: "" # default
  sentinelPassword: "" # default
  sentinelPasswordFile: "" # default
  tls:
    enabled: false # default
    caFile: "" # default
    certFile: "" # default
    keyFile: "" # default
    serverName: "" # default
    insecureSkipVerify: false # default
databaseURL: "postgres://***@host/db" # c.yaml:3
databasePassword: "" # default
databasePasswordFile: "" # default
cluster:
  name: "default" # default
  kubeconfig: "" # default
workloadFiles: true # default
terminationGracePeriod: 29s # default
leaderLockTTL: 5s # default
leaderRenewInterval: 1s # from leaderLockTTL
metricsPort: 9000 # from port
metricsPath: "/metrics" # default
auth:
  mode: "none" # default
  anonymous: "reader" # default
  audience: "k8-highlander" # default
  trustedProxies: "" # default
tls:
  certFile: "" # default
  keyFile: "" # default
logLevel: "info" # default
logFormat: "text" # default
# workloads: 2
#   process/default/a  (c.yaml)
#   process/default/b  (./process-b.yaml)
`);
});

test('what it prints is a configuration file that means the same', () => {
  const load = (text: string) =>
    loadConfig(['--config', '/c.yaml'], {
      env: {},
      readFile: () => text,
      exists: (path) => path === '/c.yaml',
      list: () => [],
      homedir: '/home/u',
      cwd: '/w',
      hostname: 'a "quoted" name # with more',
    });
  const first = load('redis: {addr: "r:1", db: 3}\nleaderLockTTL: 7500ms\nmetricsPath: "/m:1"\n');
  const second = load(printConfig(first).stdout);
  if ('problems' in first || 'problems' in second) throw new Error('refused');
  expect(second.config).toEqual(first.config);
  expect(second.provenance.map(({ value }) => value)).toEqual(first.provenance.map(({ value }) => value));
});

test('with problems it prints them, nothing else, and exits 2', async () => {
  const { exit, stdout, stderr } = await runLauncher(['--print-config', '--port', 'x'], { cwd: folder });
  expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
  expect(stderr).toContain('error: WrongType: --port: ');
});

test('the controller logs the same at its start, and each side file, and no secret', async () => {
  await writeFile(join(folder, 'c.yaml'), `${FILE}port: 0\nlogFormat: json\n`);
  await writeFile(join(folder, 'process-b.yaml'), 'name: b\nimage: busybox\n');
  const args = ['run', '--config=c.yaml', '--kubeconfig=none'];
  const { exit, stdout, stderr } = await runLauncher(args, { cwd: folder });
  expect(exit).toBe(2);
  const [first, second] = stdout.split('\n').map((line) => JSON.parse(line || '{}'));
  expect(first).toMatchObject({
    msg: 'configuration',
    file: 'c.yaml',
    settings: {
      tenant: 'blue (line 1)',
      'redis.password': '*** (line 2)',
      storageType: 'redis (from redis.addr)',
      'cluster.kubeconfig': 'none (flag --kubeconfig)',
    },
  });
  expect(second).toMatchObject({
    msg: 'workload file',
    file: join(folder, 'process-b.yaml'),
    workloads: 1,
  });
  expect(stdout + stderr).not.toContain('hunter');
});

test('names the workloads of every tenant', () => {
  const text = `tenants: [{ tenant: green, namespace: shop, workloads: { processes: [{ name: a, image: busybox }] } }]`;
  const loaded = loadConfig(['--config', '/c.yaml'], {
    env: {},
    readFile: () => text,
    exists: (path) => path === '/c.yaml',
    list: () => [],
    homedir: '',
    cwd: '/w',
    hostname: 'h',
  });
  expect(printConfig(loaded).stdout).toContain(`# workloads: 0
# tenant green, namespace shop
# workloads: 1
#   process/shop/a  (/c.yaml)
`);
});

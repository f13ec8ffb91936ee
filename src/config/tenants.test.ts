import { expect, test } from 'vitest';
import { formatKey } from '../core/workload/model.ts';
import type { LoadResult } from './config.ts';
import { loadConfig } from './load.ts';

function load(text: string, env: Record<string, string> = {}): LoadResult {
  return loadConfig(['--config', '/c.yaml'], {
    env,
    readFile: () => text,
    exists: (path) => path === '/c.yaml',
    list: () => [],
    homedir: '',
    cwd: '/w',
    hostname: 'h',
  });
}

function problems(text: string, env?: Record<string, string>): readonly string[] {
  const result = load(text, env);
  const all = 'problems' in result ? result.problems : result.warnings;
  return all.map(({ code, path, line, message }) => `${line} ${path} ${code}: ${message}`);
}

const entry = (name: string): string => `{ name: ${name}, image: busybox, command: [sleep, '9'] }`;

test('each tenant has its own namespace and workloads, and what it does not say is that of the file', () => {
  const loaded = load(`
tenant: blue
namespace: web
workloads: { processes: [${entry('a')}] }
tenants:
  - tenant: green
    namespace: shop
    workloads: { processes: [${entry('a')}] }
  - tenant: red
    workloads: { processes: [${entry('b')}] }
`);
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));
  const { config } = loaded;
  const keys = [config, ...config.tenants].map(({ tenant, namespace, workloads }) =>
    [tenant, namespace].concat(workloads.map(({ key }) => formatKey(key))),
  );
  expect(keys).toEqual([
    ['blue', 'web', 'process/web/a'],
    ['green', 'shop', 'process/shop/a'],
    ['red', 'web', 'process/web/b'],
  ]);
  expect(loaded.warnings).toEqual([]);
});

test('a name that is missing, malformed or taken is refused where it stands', () => {
  expect(
    problems(`
tenant: blue
tenants:
  - namespace: web
  - tenant: Green_1
  - tenant: red
    namespace: No_Name
  - tenant: blue
  - tenant: red
`),
  ).toEqual([
    '4 tenants[0].tenant MissingField: tenant is required',
    '5 tenants[1].tenant InvalidValue: "Green_1" is not valid here',
    '7 tenants[2].namespace InvalidValue: "No_Name" is not valid here',
    '8 tenants[3].tenant DuplicateName: "blue" is defined twice, first by the setting tenant',
    '9 tenants[4].tenant DuplicateName: "red" is defined twice, first by line 6',
  ]);
});

test('the name that is taken is the effective one, wherever it was given', () => {
  const text = `workloads: { processes: [${entry('a')}] }\ntenants: [{ tenant: blue }]`;
  expect(problems(text)).toEqual([]);
  expect(problems(text, { HIGHLANDER_TENANT: 'blue' })).toEqual([
    '2 tenants[0].tenant DuplicateName: "blue" is defined twice, first by the setting tenant',
  ]);
});

test('a workload belongs to one tenant only', () => {
  expect(
    problems(`
tenants:
  - tenant: green
    workloads: { processes: [${entry('a')}] }
  - tenant: red
    workloads: { processes: [${entry('a')}, ${entry('b')}] }
`),
  ).toEqual([
    '6 tenants[1].workloads.processes[0].name DuplicateName: process/default/a belongs to another tenant already: /c.yaml:4',
  ]);
});

test('two tenants cannot make one Service', () => {
  const text = `
tenants:
  - tenant: green
    workloads:
      services: [{ name: api, image: nginx, ports: [{ name: http, containerPort: 80 }] }]
  - tenant: red
    workloads:
      persistentSets: [{ name: db, image: pg, serviceName: api, ports: [{ name: sql, containerPort: 5432 }] }]
`;
  expect(problems(text)).toEqual([
    '8 tenants[1].workloads.persistentSets[0].name DuplicateName: persistent/default/db and service/default/api would both make the Service api',
  ]);
});

test('workloads wait for those of their own tenant alone', () => {
  const text = `
tenants:
  - tenant: green
    workloads: { processes: [${entry('a')}] }
  - tenant: red
    workloads: { processes: [{ name: b, image: busybox, command: [ls], dependsOn: [process/a] }] }
`;
  expect(problems(text)).toEqual([expect.stringContaining('UnknownDependency: process/default/a')]);
});

test('what belongs to the process is no key of a tenant', () => {
  expect(problems('tenants: [{ tenant: green, leaderLockTTL: 5s }]')).toEqual([
    expect.stringContaining('NoWorkloads'),
    expect.stringContaining('tenants[0].leaderLockTTL UnknownKey'),
  ]);
});

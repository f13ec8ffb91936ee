import { describe, expect, test } from 'vitest';
import type { LoadResult } from './config.ts';
import { loadConfig } from './load.ts';

const PROCESS = 'image: busybox\nscript: {commands: [run]}\n';

/** The working directory is `/w`. */
function load(files: Readonly<Record<string, string>>, argv: readonly string[] = []): LoadResult {
  const paths = new Map(Object.entries(files).map(([name, text]) => [`/w/${name}`, text]));
  return loadConfig(argv, {
    env: {},
    readFile: (path) => {
      const text = paths.get(path);
      if (text === undefined || text === 'unreadable')
        throw Object.assign(new Error('denied'), { code: 'EACCES' });
      return text;
    },
    exists: (path) => paths.has(path),
    list: (folder) => (folder === '/w' ? [...paths.keys()].map((path) => path.slice('/w/'.length)) : []),
    homedir: '/home/u',
    cwd: '/w',
    hostname: 'h',
  });
}

function accepted(files: Readonly<Record<string, string>>, argv?: readonly string[]) {
  const loaded = load(files, argv);
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems, null, 1));
  const workloads = loaded.config.workloads.map(({ key, spec, source }) => ({
    key: `${key.namespace}/${key.name}`,
    grace: spec.terminationGracePeriod,
    env: spec.env,
    file: source.from === 'file' ? source.path : '',
  }));
  return { ...loaded, workloads };
}

function refused(files: Readonly<Record<string, string>>) {
  const loaded = load(files);
  if (!('problems' in loaded)) throw new Error('it was accepted');
  return loaded.problems;
}

describe('a side file', () => {
  test('holds one workload, or a list of them, and is read without a configuration file too', () => {
    const { workloads, sideFiles } = accepted({
      'process-one.yaml': `name: one\n${PROCESS}`,
      'process-many.yml': `- {name: two, image: x}\n- {name: three, image: x, namespace: other}\n`,
    });
    expect(workloads.map(({ key, file }) => `${key} ${file}`)).toEqual([
      'default/two /w/process-many.yml',
      'other/three /w/process-many.yml',
      'default/one /w/process-one.yaml',
    ]);
    expect(sideFiles).toEqual([
      { file: '/w/process-many.yml', workloads: 2 },
      { file: '/w/process-one.yaml', workloads: 1 },
    ]);
  });

  test('runs in the configured namespace where it names none', () => {
    const files = { 'config.yaml': 'namespace: jobs\n', 'process-a.yaml': `name: a\n${PROCESS}` };
    expect(accepted(files).workloads).toMatchObject([{ key: 'jobs/a' }]);
  });

  test('gives an integer duration in seconds, and keeps scalars as they are written', () => {
    const text = `name: a\n${PROCESS}terminationGracePeriod: 45\nenv: {A: 1.50, B: yes, C: 0777}\n`;
    expect(accepted({ 'process-a.yaml': text }).workloads).toMatchObject([
      { grace: 45_000, env: { A: '1.50', B: 'yes', C: '0777' } },
    ]);
  });

  test('replaces an entry of the same name, with a warning that names both places', () => {
    const { workloads, warnings } = accepted({
      'config.yaml': 'workloads: {processes: [{name: a, image: x}, {name: b, image: x}]}\n',
      'process-a.yaml': `name: a\n${PROCESS}`,
    });
    expect(workloads.map(({ key, file }) => `${key} ${file}`)).toEqual([
      'default/a /w/process-a.yaml',
      'default/b /w/config.yaml',
    ]);
    expect(warnings).toMatchObject([
      {
        code: 'IgnoredValue',
        file: '/w/process-a.yaml',
        message: expect.stringContaining('/w/config.yaml') as string,
      },
    ]);
  });

  test('has its faults reported after those of the configuration, all at once, each with file and line', () => {
    const problems = refused({
      'config.yaml': '\n\n\nport: x\n',
      'process-a.yaml': 'name: A\nimage: x\n',
      'process-b.yaml': '- name: b\n  image: x\n- name: b\n  image: y\n',
      'process-c.yaml': 'unreadable',
      'cronjob-d.yaml': 'name: d\nimage: x\n',
    });
    expect(problems.map(({ file, line, code, path }) => [file, line, code, path].join(' '))).toEqual([
      '/w/config.yaml 4 WrongType port',
      '/w/cronjob-d.yaml 1 MissingField schedule',
      '/w/process-a.yaml 1 InvalidValue name',
      '/w/process-b.yaml 3 DuplicateName [1].name',
      '/w/process-c.yaml  ConfigUnreadable ',
    ]);
  });

  test('that is a manifest of Kubernetes is skipped with a warning', () => {
    const { workloads, warnings } = accepted({ 'service-web.yaml': 'apiVersion: v1\nkind: Service\n' });
    expect(workloads).toEqual([]);
    expect(warnings).toMatchObject([
      { code: 'NoWorkloads' },
      { code: 'IgnoredValue', file: '/w/service-web.yaml' },
    ]);
  });
});

test.each(['process.yaml', 'my-process-a.yaml', 'process-a.yaml.bak', 'process-a.json', 'processes-a.yaml'])(
  '%s is not a side file',
  (name) => {
    expect(accepted({ [name]: `name: a\n${PROCESS}` }).sideFiles).toEqual([]);
  },
);

test('the configuration file itself is not read as a side file', () => {
  const { sideFiles } = accepted({ 'process-all.yaml': 'port: 1\n' }, ['--config', '/w/process-all.yaml']);
  expect(sideFiles).toEqual([]);
});

test.each([
  ['the file', { 'config.yaml': 'workloadFiles: false\n' }, []],
  ['a flag', {}, ['--workload-files=false']],
])('side files are not read when %s says so', (_where, files, argv) => {
  const { workloads } = accepted({ ...files, 'process-a.yaml': `name: a\n${PROCESS}` }, argv);
  expect(workloads).toEqual([]);
});

/** The files of config/ and the manifest of the README are read without a word. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../config/load.ts';
import { readFileSync } from 'node:fs';
import { validate } from './validate.ts';

const CONFIG = resolve(import.meta.dirname, '../../config');

const README_RESOURCE = `apiVersion: highlander.plexobject.io/v1
kind: WorkloadCronJob
metadata:
  name: sample-cronjob
  namespace: default
spec:
  image: "busybox:latest"
  script:
    commands:
      - "echo 'Running CRD-defined cron job at $(date)'"
      - "echo 'Hostname: $(hostname)'"
      - "sleep 15"
    shell: "/bin/sh"
  schedule: "*/5 * * * *"
  env:
    TEST_ENV: "crd-value"
    CRD_DEFINED: "true"
  resources:
    cpuRequest: "50m"
    memoryRequest: "32Mi"
    cpuLimit: "100m"
    memoryLimit: "64Mi"
  restartPolicy: "OnFailure"
`;

test.each([
  ['config.yaml', '1 file, 0 errors, 1 warning'],
  ['sample-config.yaml', '1 file, 0 errors, 0 warnings'],
  ['sample-config-ref.yaml', '1 file, 0 errors, 0 warnings'],
  ['sample-workload-resources.yaml', '1 file, 0 errors, 0 warnings'],
])('%s is valid', (file, counts) => {
  const { exit, stderr } = validate(['-f', join(CONFIG, file)]);
  expect({ exit, last: stderr.trimEnd().split('\n').at(-1) }).toEqual({ exit: 0, last: counts });
});

test('the manifest of the README is valid', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'samples-'));
  const file = join(folder, 'sample-cronjob.yaml');
  await writeFile(file, README_RESOURCE);
  expect(validate(['-f', file])).toEqual({ exit: 0, stdout: '', stderr: '1 file, 0 errors, 0 warnings\n' });
  await rm(folder, { recursive: true });
});

describe('the samples have one workload of each kind', () => {
  const load = (file: string) => {
    const loaded = loadConfig(['--config', file, '--workload-files=false'], {
      env: {},
      readFile: (path) => readFileSync(path, 'utf8'),
      exists: (path) => path === file,
      list: () => [],
      homedir: '',
      cwd: '',
      hostname: 'h',
    });
    if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));
    return loaded.config;
  };
  const kinds = ['process', 'cronjob', 'service', 'persistent'];

  test('in the file', () => {
    const { workloads } = load(join(CONFIG, 'sample-config.yaml'));
    expect(workloads.map(({ key }) => key.kind)).toEqual(kinds);
  });

  test('as references to the resources beside it', () => {
    const { references } = load(join(CONFIG, 'sample-config-ref.yaml'));
    expect(references.map(({ target }) => target.kind)).toEqual(kinds);
    const resources = readFileSync(join(CONFIG, 'sample-workload-resources.yaml'), 'utf8');
    for (const { target } of references) expect(resources).toContain(`name: ${target.name}\n`);
  });
});

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runLauncher, type Run } from '../../test/launcher.ts';

const FAULTS = join(import.meta.dirname, '..', '..', 'test', 'thirty-faults.yaml');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'validate-'));
});
afterEach(() => rm(folder, { recursive: true }));

const validate = (...args: readonly string[]): Promise<Run> =>
  runLauncher(['validate', ...args], { cwd: folder });

const write = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);

const GOOD = 'workloads: {processes: [{name: a, image: busybox}]}\n';

describe('a file with more than thirty faults', () => {
  test.each([
    ['validate', ['validate', '-f', FAULTS]],
    ['the controller at its start', ['--config', FAULTS]],
    ['--print-config', ['run', '--print-config', '--config', FAULTS]],
  ])('is refused by %s with exit code 2 and each fault at its line', async (_what, args) => {
    const text = await readFile(FAULTS, 'utf8');
    const expected = text
      .split('\n')
      .flatMap((line, index) => (line.includes('#! ') ? `${index + 1} ${line.split('#! ')[1]}` : []));
    const { exit, stdout, stderr } = await runLauncher(args, { cwd: folder });
    const found = stderr.split('\n').flatMap((line) => {
      const [, code, at] = /^(?:error|warning): (\w+): [^ ]*thirty-faults\.yaml:(\d+):\d+: /.exec(line) ?? [];
      return code === undefined ? [] : `${at} ${code}`;
    });
    expect(expected.length).toBeGreaterThanOrEqual(30);
    expect(found).toEqual(expected);
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
  });
});

describe('validate', () => {
  test('says what is wrong, where, and what would be right, for all files at once', async () => {
    await mkdir(join(folder, 'all', 'deeper'), { recursive: true });
    await write(
      'all/a.yaml',
      'port: 70000\nredis: {passwrd: hunter2}\nworkloads:\n  processes: [{name: a}]\n',
    );
    await write('all/b.json', GOOD);
    await write('all/process-c.yml', '- name: c\n  image: x\n- {name: c, image: y}\n');
    await write('all/d.yaml', 'a: [1\n');
    await write('all/notes.txt', 'not: [looked at');
    await write('all/deeper/e.yaml', 'not: [looked at');
    expect(await validate('-f', 'all')).toEqual({
      exit: 2,
      stdout: '',
      stderr: `error: InvalidValue: all/a.yaml:1:7: port: 70000 is out of range
  hint: use a number from 0 to 65535
warning: UnknownKey: all/a.yaml:2:9: redis.passwrd: passwrd is not a known key; it is ignored
  hint: did you mean password?
error: MissingField: all/a.yaml:4:15: workloads.processes[0].image: image is required
  hint: name a container image, for example busybox:1.36
error: MalformedYaml: all/d.yaml:2:1: the indentation does not fit
  hint: check indentation, commas and quotes on this line and the one before
error: DuplicateName: all/process-c.yml:3:3: [1].name: process/default/c is defined twice, first at line 1
  hint: rename one, or give it another namespace
4 files, 4 errors, 1 warning
`,
    });
  });

  test('ends with 0 where there are only warnings', async () => {
    await write('c.yaml', `portt: 1\n${GOOD}`);
    expect(await validate('--filename=c.yaml')).toEqual({
      exit: 0,
      stdout: '',
      stderr: `warning: UnknownKey: c.yaml:1:1: portt: portt is not a known key; it is ignored
  hint: did you mean port?
1 file, 0 errors, 1 warning
`,
    });
  });

  test('reads standard input, and several files', async () => {
    await write('c.yaml', GOOD);
    const stdin = 'port: x\n';
    const { exit, stderr } = await runLauncher(['validate', '-f', '-', '-f', 'c.yaml'], {
      cwd: folder,
      stdin,
    });
    expect(exit).toBe(2);
    expect(stderr).toContain('error: WrongType: stdin:1:7: port: ');
    expect(stderr).toContain('2 files, 1 error, 0 warnings\n');
  });

  test('judges the file alone: neither environment nor side files of the place where it runs', async () => {
    await write('c.yaml', GOOD);
    await write('process-broken.yaml', 'name: [');
    const { exit, stderr } = await runLauncher(['validate', '-f', 'c.yaml'], {
      cwd: folder,
      env: { HIGHLANDER_PORT: 'abc' },
    });
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '1 file, 0 errors, 0 warnings\n' });
  });

  test('checks manifests by the rules of the controller, each document where it stands', async () => {
    await write(
      'm.yaml',
      `# A stream of manifests.
apiVersion: highlander.plexobject.io/v1
kind: WorkloadProcess
metadata: {name: good, namespace: jobs, labels: {any: thing}}
spec: {image: busybox, script: {commands: [run]}, gracePeriod: 45}
---
apiVersion: highlander.plexobject.io/v1
kind: WorkloadProcess
metadata: {name: Bad, namespace: jobs}
spec:
  image: busybox
  restartPolicy: Sometimes
  imagePull: x
status: {}
---
apiVersion: highlander.plexobject.io/v2
kind: WorkloadProcess
metadata: {name: later}
---
apiVersion: v1
kind: List
items:
  - apiVersion: highlander.plexobject.io/v1
    kind: WorkloadCronJob
    metadata: {name: tick}
    spec: {image: x}
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}
`,
    );
    const { exit, stderr } = await validate('-f', 'm.yaml');
    const found = stderr
      .split('\n')
      .flatMap((line) => /^(?:error|warning): [^ ]+ [^ ]+ [^ ]+/.exec(line) ?? []);
    expect(found).toEqual([
      'error: InvalidValue: m.yaml:9:18: metadata.name:',
      'error: InvalidValue: m.yaml:12:18: spec.restartPolicy:',
      'warning: UnknownKey: m.yaml:13:3: spec.imagePull:',
      'error: InvalidValue: m.yaml:16:13: apiVersion:',
      'error: MissingField: m.yaml:16:1: spec:',
      'error: MissingField: m.yaml:26:11: items[0].spec.schedule:',
      'warning: IgnoredValue: m.yaml:27:28: items[1].kind:',
    ]);
    expect(exit).toBe(2);
    expect(stderr).toContain('1 file, 5 errors, 2 warnings\n');
  });

  test.each([
    [[], 'validate needs to know what to check'],
    [['-f'], '-f needs a value'],
    [['-f', 'c.yaml', '--strict'], 'validate does not know "--strict"'],
    [['-f', 'none.yaml'], 'none.yaml: cannot be read (ENOENT)'],
  ])('%j is wrong usage', async (args, message) => {
    await write('c.yaml', GOOD);
    const { exit, stderr } = await validate(...args);
    expect(exit).toBe(2);
    expect(stderr).toContain(message);
  });
});

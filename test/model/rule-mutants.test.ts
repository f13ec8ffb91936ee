/**
 * Every rule of the chain, and every condition of the proofs, has a test that fails without it: each is taken out of a
 * copy of the source, and the tests beside the rules must notice.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const RULES = 'src/core/reconcile/rules.ts';
const PROOF = 'src/core/reconcile/proof.ts';
const PERMIT = 'src/core/reconcile/permit.ts';
let copy: string;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'rule-mutants-'));
  writeFileSync(join(copy, 'package.json'), '{ "type": "module" }');
  for (const part of ['src', 'test/pod-fixture.ts', 'test/resource-fixture.ts', 'tsconfig.json'])
    cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
});

afterAll(() => rmSync(copy, { recursive: true }));

/** Exit code of the tests beside the rules, in the copy. */
function runTests(): Promise<number | null> {
  const vitest = join(copy, 'node_modules/vitest/vitest.mjs');
  const args = [vitest, 'run', '--root', copy, 'src/core/reconcile'];
  const child = spawn(process.execPath, args, { cwd: copy, stdio: 'ignore' });
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('close', done);
  });
}

/** Runs the tests with `find` replaced in one file; the text must be there exactly once. */
async function runWith(file: string, find: string, replace: string): Promise<number | null> {
  const path = join(copy, file);
  const original = readFileSync(path, 'utf8');
  expect(original.split(find), `the text to change is not there exactly once in ${file}`).toHaveLength(2);
  writeFileSync(
    path,
    original.replace(find, () => replace),
  );
  try {
    return await runTests();
  } finally {
    writeFileSync(path, original);
  }
}

/** One line each in the table of rules. */
const rules = readFileSync(join(root, RULES), 'utf8')
  .split('\n')
  .filter((line) => /^ {2}\{ name: '/.test(line));

const CONDITIONS = [
  {
    name: 'a running container defeats a terminal phase',
    file: PROOF,
    find: ' || isAnyContainerRunning(pod)',
    replace: '',
  },
  {
    name: "the collector's Failed is no word of the kubelet",
    file: PROOF,
    find: ' && collected !== true',
    replace: '',
  },
  { name: 'a suspect node is not trusted', file: PROOF, find: ' && !node.suspect', replace: '' },
  {
    name: 'all main containers are reported terminated',
    file: PROOF,
    find: ' && areAllContainersTerminated(pod)',
    replace: '',
  },
  {
    name: 'out-of-service counts only for a pod being deleted',
    file: PROOF,
    find: 'terminating && bound && isDeclaredOff',
    replace: 'bound && isDeclaredOff',
  },
  {
    name: 'out-of-service does not count for a node that is ready',
    file: PROOF,
    find: ' || node.ready || !node.outOfService',
    replace: ' || !node.outOfService',
  },
  {
    name: 'a bound pod that terminates may run',
    file: PROOF,
    find: 'terminating && !bound',
    replace: 'terminating',
  },
  {
    name: 'a permit looks at all other pods',
    file: PERMIT,
    find: 'if (obstacle !== undefined)',
    replace: 'if (obstacle !== undefined && false)',
  },
];

describe('the tests beside the rules notice', () => {
  it('nothing when nothing was changed', async () => {
    expect(await runTests()).toBe(0);
  });

  it.each(rules.map((line) => ({ name: /name: '([^']+)'/.exec(line)?.[1] ?? line, line })))(
    'that the rule "$name" is missing',
    async ({ line }) => {
      expect(await runWith(RULES, `${line}\n`, '')).toBe(1);
    },
  );

  it.each(CONDITIONS)('that this is not asked any more: $name', async ({ file, find, replace }) => {
    expect(await runWith(file, find, replace)).toBe(1);
  });
});

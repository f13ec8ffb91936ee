/**
 * `npm test`: everything that must hold, cheapest first, stopping at the first step that fails. `--quick` leaves out
 * what starts servers. Ends with one line of counts.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const QUICK_PROJECTS = ['unit', 'model'];
const ALL_PROJECTS = [...QUICK_PROJECTS, 'contract', 'cluster'];

/** Runs one command with our own output; resolves with its exit code. */
function run(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', () => resolve(127));
    child.once('exit', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
}

interface Counts {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
}

const quick = process.argv.includes('--quick');
const steps: readonly (readonly [string, ...string[]])[] = [
  ['tsc', '-p', '.'],
  ['oxlint'],
  [process.execPath, 'scripts/lockcheck.mjs'],
  ['oxfmt', '--check'],
];
for (const [command, ...args] of steps) {
  console.log(`\n> ${command.split('/').at(-1)} ${args.join(' ')}`);
  if ((await run(command, args)) !== 0) {
    console.log(`\n${command} failed; tests were not run\n0 passed, 1 failed`);
    process.exit(1);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'k8-highlander-test-'));
let passed = 0;
let failed = 0;
let broken = false;
// One project after the other: what starts a control plane must not compete with the simulation for two cores.
for (const project of quick ? QUICK_PROJECTS : ALL_PROJECTS) {
  const report = join(folder, `${project}.json`);
  console.log(`\n> vitest ${project}`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const code = await run('vitest', ['run', '--project', project, ...reporters]);
  broken ||= code !== 0;
  try {
    const counts = JSON.parse(readFileSync(report, 'utf8')) as Counts;
    passed += counts.numPassedTests;
    failed += counts.numFailedTests;
  } catch {
    console.log(`vitest ${project} left no report`);
    broken = true;
  }
}
rmSync(folder, { recursive: true, force: true });
if (broken && failed === 0) failed = 1;
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = broken ? 1 : 0;

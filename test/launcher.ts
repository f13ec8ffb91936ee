/** The launcher as a person or a script runs it. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

export interface Run {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** Runs it to its end. Only PATH and `env` are in its environment. */
export function runLauncher(args: readonly string[], { cwd, env, stdin = '' }: RunOptions): Promise<Run> {
  const program = resolve(import.meta.dirname, '..', 'bin', 'k8-highlander');
  const { PATH = '/usr/bin:/bin' } = process.env;
  const child = spawn(program, args, { cwd, env: { PATH, HOME: cwd, ...env } });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (chunk: string) => (text[name] += chunk));
  child.stdin.on('error', () => {});
  child.stdin.end(stdin);
  return new Promise((succeed, fail) => {
    child.once('error', fail);
    child.once('close', (exit) => succeed({ exit, ...text }));
  });
}

/** Controllers as real processes: the launcher under its own identity, its log as data, and the signals that hurt it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { ended, spawnBound } from './bound-process.ts';

/** One line of a controller's JSON log. */
export interface LogLine {
  readonly time: string;
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface ControllerOptions {
  readonly id: string;
  readonly kubeconfig: string;
  /** Where its configuration file is written. */
  readonly dir: string;
  /** The configuration as plain data; id, kubeconfig, a free port and a JSON log are filled in. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  /** The checkout to run from; this one unless named. */
  readonly root?: string;
  readonly onLog?: (line: LogLine) => void;
}

/** A running controller process. */
export interface ControllerProcess {
  readonly id: string;
  readonly pid: number;
  /** Everything it logged so far; a line that is not JSON is `{msg}`. */
  readonly log: readonly LogLine[];
  /** Resolves with the first line, past or future, that satisfies the predicate. @throws when the process ends or `within` ms pass first. */
  waitForLog(what: string, accept: (line: LogLine) => boolean, within?: number): Promise<LogLine>;
  /** GET on its HTTP port. @throws when it does not answer. */
  get(path: string): Promise<{ readonly status: number; readonly body: string }>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves with its exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
  /** SIGCONT and SIGKILL; resolves when it is gone. */
  destroy(): Promise<void>;
}

const ROOT = resolve(import.meta.dirname, '..');

/** Starts one; resolves as soon as the process exists. It is killed when this thread ends. */
export async function startController(options: ControllerOptions): Promise<ControllerProcess> {
  const { id, kubeconfig, dir, config, env = {}, root = ROOT } = options;
  await mkdir(dir, { recursive: true });
  const file = join(dir, `${id}.json`);
  const cluster = { name: 'sandbox', kubeconfig };
  const settings = {
    id,
    port: 0,
    logFormat: 'json',
    controllerNamespace: 'k8-highlander',
    cluster,
    ...config,
  };
  // JSON is YAML.
  await writeFile(file, JSON.stringify(settings, null, 2));
  const path = process.env['PATH'] ?? '/usr/bin:/bin';
  const child = spawnBound(join(root, 'bin', 'k8-highlander'), ['--config', file], {
    cwd: dir,
    env: { PATH: path, HOME: dir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: LogLine[] = [];
  const listeners = new Set<() => void>();
  const receive = (text: string): void => {
    const line = parseLine(text);
    log.push(line);
    options.onLog?.(line);
    for (const listener of listeners) listener();
  };
  for (const stream of [child.stdout, child.stderr])
    if (stream !== null) createInterface({ input: stream }).on('line', receive);
  const exited = ended(child).then(() => child.exitCode ?? child.signalCode ?? 127);
  const waitForLog: ControllerProcess['waitForLog'] = (what, accept, within = 30_000) =>
    new Promise((succeed, fail) => {
      const settle = (error?: Error): void => {
        clearTimeout(timer);
        listeners.delete(look);
        if (error !== undefined) fail(error);
      };
      const look = (): void => {
        const found = log.find(accept);
        if (found === undefined) return;
        settle();
        succeed(found);
      };
      const explain = (why: string): Error =>
        new Error(`${id}: ${why} before it logged ${what}; its last lines:\n${tail(log)}`);
      const timer = setTimeout(() => settle(explain(`${within} ms passed`)), within);
      listeners.add(look);
      void exited.then((code) => settle(explain(`it ended (${code})`)));
      look();
    });
  return {
    id,
    pid: child.pid ?? -1,
    log,
    waitForLog,
    exited,
    kill: (signal) => child.kill(signal),
    async get(url) {
      const { ports } = await waitForLog('its ports', (line) => line.msg === 'starting');
      const [port] = ports as number[];
      const answer = await fetch(`http://127.0.0.1:${port}${url}`, { signal: AbortSignal.timeout(5000) });
      return { status: answer.status, body: await answer.text() };
    },
    async destroy() {
      child.kill('SIGCONT');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** The last lines of a log, for the message of a failed test. */
export function tail(log: readonly LogLine[], lines = 15): string {
  return log
    .slice(-lines)
    .map((line) => `  ${JSON.stringify(line)}`)
    .join('\n');
}

function parseLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { time: '', level: '', msg: text };
  }
}

/**
 * Runs a credential plugin once (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins).
 * It gets no terminal, a process group of its own and a time limit, at which the whole group is killed. What it says on
 * stderr goes to the log, without what looks like a token; its stdout is the credential and goes nowhere else.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { WallTime } from '../../core/time.ts';
import type { Log } from '../../ports/system.ts';
import type { ExecPlugin } from './connection.ts';
import { isFields, stringOf } from './fields.ts';
import type { Identity } from './identity.ts';

export interface PluginAnswer {
  readonly identity: Identity;
  /** Absent: for ever, or until the server refuses it. */
  readonly expiresAt?: WallTime;
}

/** Far above any credential. */
const MAX_OUTPUT = 1_048_576;
const MAX_SAID = 2_000;

/** @throws Error of one sentence, free of secrets, when there is no usable answer or the signal aborts first. */
export async function runPlugin(
  plugin: ExecPlugin,
  log: Log | undefined,
  signal: AbortSignal,
): Promise<PluginAnswer> {
  const name = basename(plugin.command);
  const info = JSON.stringify(await execInfo(plugin));
  const { exit, stdout, stderr } = await runToEnd(plugin, info, signal);
  const answer = exit === 0 ? readAnswer(stdout, plugin.apiVersion) : `it ended with ${exit}`;
  const said = masked(stderr, typeof answer === 'string' ? undefined : answer.identity.token).trim();
  if (typeof answer === 'string') {
    if (said !== '') log?.warn('credential plugin', { plugin: name, said });
    throw new Error(`the credential plugin ${name} gave no credential: ${answer}`);
  }
  if (said !== '') log?.info('credential plugin', { plugin: name, said });
  return answer;
}

/** The content of KUBERNETES_EXEC_INFO. */
async function execInfo({ apiVersion, cluster }: ExecPlugin): Promise<unknown> {
  const spec = { interactive: false };
  if (cluster === undefined) return { kind: 'ExecCredential', apiVersion, spec };
  const { server, ca, tlsServerName, insecureSkipTlsVerify, config } = cluster;
  const pem = ca === undefined ? undefined : 'pem' in ca ? ca.pem : await readFile(ca.file, 'utf8');
  const told = {
    server,
    ...(tlsServerName !== undefined && { 'tls-server-name': tlsServerName }),
    ...(insecureSkipTlsVerify === true && { 'insecure-skip-tls-verify': true }),
    ...(pem !== undefined && { 'certificate-authority-data': Buffer.from(pem).toString('base64') }),
    ...(config !== undefined && { config }),
  };
  return { kind: 'ExecCredential', apiVersion, spec: { ...spec, cluster: told } };
}

interface Ended {
  readonly exit: number | NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Does not wait for what the plugin left running. */
function runToEnd(plugin: ExecPlugin, info: string, signal: AbortSignal): Promise<Ended> {
  return new Promise((succeed, fail) => {
    const child = spawn(plugin.command, plugin.args, {
      env: { ...process.env, ...plugin.env, KUBERNETES_EXEC_INFO: info },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const output = { stdout: '', stderr: '' };
    const giveUp = (cause: string): void => {
      killGroup(child);
      settle();
      fail(new Error(`the credential plugin ${basename(plugin.command)} ${cause}`));
    };
    const onAbort = (): void => {
      const reason: unknown = signal.reason;
      giveUp(`was given up: ${reason instanceof Error ? reason.message : 'aborted'}`);
    };
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort);
      child.stdout.destroy();
      child.stderr.destroy();
    };
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        output[stream] += text;
        if (output[stream].length > MAX_OUTPUT) giveUp(`wrote more than ${MAX_OUTPUT} bytes`);
      });
    child.once('error', (error) => {
      settle();
      fail(new Error(explainStart(plugin, error), { cause: error }));
    });
    child.once('close', (code, killedBy) => {
      settle();
      succeed({ exit: code ?? killedBy, ...output });
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

function explainStart({ command, installHint }: ExecPlugin, error: Error): string {
  const code = 'code' in error ? String(error.code) : error.message;
  if (code !== 'ENOENT') return `the credential plugin ${basename(command)} cannot be started (${code})`;
  const hint = installHint === undefined ? '' : `: ${installHint}`;
  return `the credential plugin ${basename(command)} is not installed${hint}`;
}

/** The credential, or what is wrong with the answer, in words that quote nothing of it. */
function readAnswer(text: string, apiVersion: string): PluginAnswer | string {
  const answer = parse(text);
  if (!isFields(answer)) return 'its output is not a JSON object';
  if (answer['kind'] !== 'ExecCredential' || answer['apiVersion'] !== apiVersion)
    return `its output is not an ExecCredential of ${apiVersion}`;
  const status = answer['status'];
  if (!isFields(status)) return 'its output has no status';
  const token = stringOf(status, 'token');
  const cert = stringOf(status, 'clientCertificateData');
  const key = stringOf(status, 'clientKeyData');
  if ((cert === undefined) !== (key === undefined)) return 'it gave a certificate or a key, not both';
  if (token === undefined && cert === undefined) return 'it gave neither token nor certificate';
  const identity = {
    ...(token !== undefined && { token }),
    ...(cert !== undefined && key !== undefined && { certificate: { cert, key } }),
  };
  const expiration = stringOf(status, 'expirationTimestamp');
  if (expiration === undefined) return { identity };
  const expiresAt = Date.parse(expiration);
  return Number.isNaN(expiresAt) ? 'its expirationTimestamp is not a time' : { identity, expiresAt };
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

/** Without the token, and without what looks like one: a JSON web token, or a long word. */
function masked(text: string, token: string | undefined): string {
  const known = token === undefined ? text : text.replaceAll(token, '***');
  return known.slice(0, MAX_SAID).replaceAll(/[\w+/=-]{40,}(?:\.[\w+/=-]*)*|eyJ[\w.-]+/g, '***');
}

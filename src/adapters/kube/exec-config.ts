/** The `exec` section of a kubeconfig user: which credential plugin to run, and how. */
import { resolve } from 'node:path';
import type { Problem } from '../../core/problem.ts';
import type { ExecCluster, ExecPlugin } from './connection.ts';
import { fieldsIn, isFields, stringOf, type Fields } from './fields.ts';

const API_VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];

/** Name of the extension of a cluster that is passed on to plugins. */
const EXTENSION = 'client.authentication.k8s.io/exec';

/** `folder` is that of the kubeconfig: a command with a slash is relative to it. `cluster` is told to plugins that ask. */
export function readExecPlugin(
  exec: unknown,
  folder: string,
  cluster: ExecCluster,
): ExecPlugin | Pick<Problem, 'code' | 'message' | 'hint'> {
  if (!isFields(exec)) return wrong('the exec section of the user is not a map', 'see kubectl config view');
  const command = stringOf(exec, 'command');
  if (command === undefined) return wrong('the exec section of the user names no command', 'set its command');
  const apiVersion = stringOf(exec, 'apiVersion') ?? '';
  if (!API_VERSIONS.includes(apiVersion))
    return wrong(
      `the credential plugin speaks ${JSON.stringify(apiVersion)}, which is not known`,
      `use a plugin that speaks one of ${API_VERSIONS.join(', ')}`,
    );
  if (exec['interactiveMode'] === 'Always')
    return wrong(
      'the credential plugin wants to ask a person (interactiveMode: Always)',
      'use one that can do without, or a service account',
    );
  const installHint = stringOf(exec, 'installHint');
  return {
    apiVersion,
    command: command.includes('/') ? resolve(folder, command) : command,
    args: textsOf(exec['args']),
    env: Object.fromEntries(
      fieldsIn(exec['env']).map((entry) => [stringOf(entry, 'name') ?? '', stringOf(entry, 'value') ?? '']),
    ),
    ...(installHint !== undefined && { installHint }),
    ...(exec['provideClusterInfo'] === true && { cluster }),
  };
}

/** What a cluster of the kubeconfig keeps for plugins alone; undefined if nothing. */
export function readExecConfig(cluster: Fields): unknown {
  return fieldsIn(cluster['extensions']).find((entry) => entry['name'] === EXTENSION)?.['extension'];
}

function textsOf(list: unknown): readonly string[] {
  return Array.isArray(list) ? list.filter((item) => typeof item === 'string') : [];
}

function wrong(message: string, hint: string): Pick<Problem, 'code' | 'message' | 'hint'> {
  return { code: 'NoCluster', message, hint };
}

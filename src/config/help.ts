/** What `--help` prints. */
import { DEFAULT_CONFIG_PATH, SETTINGS } from './schema.ts';
import type { Setting } from './setting.ts';

const INDENT = '      ';

/** The help of the controller, from the table of settings. */
export function renderHelp(): string {
  return `${[
    'K8 Highlander keeps singleton workloads running on Kubernetes: exactly one while healthy, never two.',
    '',
    'Usage: k8-highlander [run] [flags]',
    '       k8-highlander validate -f FILE|DIR|-',
    '       k8-highlander store schema [--store postgres|mysql|sqlite]',
    '       k8-highlander uninstall [--dry-run] [--kubeconfig PATH]',
    '       k8-highlander pause|resume NAME|--all [flags]',
    '       k8-highlander restart|run-now NAME [flags]',
    '       k8-highlander failover [--to ID] [flags]',
    '       k8-highlander drain|undrain ID [flags]',
    '       k8-highlander fence node NAME --i-confirm-it-is-off [flags]',
    '',
    'run (or no verb) is the controller. validate checks configuration files and manifests without any server and',
    'prints everything that is wrong with them. store schema prints the tables of the lock store as SQL. uninstall drops',
    'the finalizers that would hold objects back once no controller is there; stop every controller first.',
    '',
    'Each setting can be given as flag, environment variable or key of the configuration file;',
    'a flag wins over the environment, the environment over the file. Workloads stand in the file, under workloads.',
    'Durations: 300ms, 30s, 1m30s, 1h; an integer means seconds.',
    '',
    'Flags:',
    '  --config PATH',
    `${INDENT}Configuration file, YAML or JSON (env HIGHLANDER_CONFIG_FILE)`,
    `${INDENT}default: ${DEFAULT_CONFIG_PATH}, then ~/.k8-highlander/, then the working directory`,
    ...SETTINGS.flatMap((setting) => renderSetting(setting)),
    '  --print-config',
    `${INDENT}Print the effective settings as YAML, each with its origin and without secrets, and stop`,
    '  --version',
    `${INDENT}Print the version and stop`,
    '  --help',
    `${INDENT}Print this text and stop`,
    '',
    'Exit codes: 0 stopped as asked, 1 failed, 2 wrong usage or configuration.',
  ].join('\n')}\n`;
}

function renderSetting(setting: Setting): readonly string[] {
  return [
    `  ${setting.flag}${valueName(setting)}`,
    `${INDENT}${setting.doc} (env ${setting.env}, key ${setting.key})`,
    `${INDENT}default: ${setting.default ?? setting.fallback ?? 'none'}`,
  ];
}

function valueName(setting: Setting): string {
  switch (setting.type) {
    case 'boolean':
      return '';
    case 'integer':
      return ' NUMBER';
    case 'duration':
      return ' DURATION';
    case 'list':
      return ' TEXT,TEXT';
    case 'string':
      return setting.choices === undefined ? ' TEXT' : ` ${setting.choices.join('|')}`;
  }
}

/** What `--version` prints. */
export function renderVersion(version: string, build: string): string {
  return `K8 Highlander ${version} (${build})\n`;
}

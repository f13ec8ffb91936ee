/**
 * The entry: reads the configuration, connects, serves, and turns the way it ended into an exit code: 0 stopped as asked, 1
 * failed, 2 usage or configuration.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { homedir, hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { IdleCollection } from './adapters/idle-collection.ts';
import { openCluster } from './adapters/kube/cluster.ts';
import {
  inClusterConnection,
  isConnectProblem,
  readKubeconfig,
  type Connection,
} from './adapters/kube/connect.ts';
import { createSystem } from './adapters/system.ts';
import { serve, type ServeOptions } from './assembly/serve.ts';
import type { CommandResult } from './cli/result.ts';
import type { Config, LoadResult, Surroundings } from './config/config.ts';
import { renderHelp, renderVersion } from './config/help.ts';
import { loadConfig } from './config/load.ts';
import { describeSettings } from './config/provenance.ts';
import { formatProblem, PROBLEM_CODES, type Problem } from './core/problem.ts';
import { SECOND } from './core/time.ts';
import type { Cluster } from './ports/cluster.ts';
import type { System } from './ports/system.ts';
import { deferredAccess, type Access } from './server/access.ts';
import { listen, type HttpServer, type ListenOptions } from './server/http.ts';
import { Router } from './server/route.ts';
import { startingRoutes } from './server/routes.ts';

/**
 * By then all that a controller runs is loaded. What was compiled is kept now, not only at a graceful end: the next process
 * then starts faster, and without the compiler in its memory (18 MiB), also when this one is killed.
 */
const KEEP_COMPILED_AFTER = 10 * SECOND;
const PRINT_CONFIG = '--print-config';
/** A client of the HTTP API may ask so often. */
const RATE = { perSecond: 50, burst: 100 } as const;

process.exitCode = await main(process.argv.slice(2), readVersion());

async function main(argv: readonly string[], version: string): Promise<number> {
  const [first] = argv;
  if (argv.includes('--version') || first === 'version') {
    process.stdout.write(renderVersion(version, 'source'));
    return 0;
  }
  if (argv.includes('--help') || argv.includes('-h') || first === 'help') {
    process.stdout.write(renderHelp());
    return 0;
  }
  if (first === 'validate') {
    const { validate } = await import('./cli/validate.ts');
    return print(validate(argv.slice(1)));
  }
  if (first === 'store') {
    const { store } = await import('./cli/store.ts');
    return print(await store(argv.slice(1), (flags) => loadConfig(flags, surroundings())));
  }
  if (first === 'uninstall') {
    const { uninstall } = await import('./cli/uninstall.ts');
    const system = createSystem({ level: 'warn', format: 'text', fields: {} });
    const reach = (kubeconfig: string | undefined) => reachAs(kubeconfig, system, version);
    return print(await uninstall(argv.slice(1), reach, system.clock, stopOnSignals(system)));
  }
  const { VERBS } =
    first === undefined || first === 'run' || first.startsWith('-')
      ? { VERBS: {} }
      : await import('./cli/verbs.ts');
  const verb = Object.hasOwn(VERBS, first ?? '') ? VERBS[first ?? ''] : undefined;
  if (verb !== undefined) {
    const { ask } = await import('./cli/asking.ts');
    const system = createSystem({ level: 'warn', format: 'text', fields: {} });
    const parts = {
      reach: (kubeconfig: string | undefined) => reachAs(kubeconfig, system, version),
      system,
      who: userInfo().username,
      env: process.env,
      signal: stopOnSignals(system),
    };
    return print(await ask(argv.slice(1), verb, parts));
  }
  const flags = first === 'run' ? argv.slice(1) : argv;
  if (flags.includes(PRINT_CONFIG)) {
    const { printConfig } = await import('./cli/print-config.ts');
    const others = flags.filter((flag) => flag !== PRINT_CONFIG);
    return print(printConfig(loadConfig(others, surroundings())));
  }
  const loaded = loadConfig(flags, surroundings());
  if ('problems' in loaded) return report(loaded.problems);
  for (const warning of loaded.warnings) process.stderr.write(`${formatProblem(warning)}\n`);
  return run(loaded, version);
}

function print({ stdout, stderr, exit }: CommandResult): number {
  process.stderr.write(stderr);
  process.stdout.write(stdout);
  return exit;
}

function surroundings(): Surroundings {
  return {
    env: process.env,
    readFile: (path) => readFileSync(path, 'utf8'),
    exists: (path) => existsSync(path) && statSync(path).isFile(),
    list: listFolder,
    homedir: homedir(),
    cwd: process.cwd(),
    hostname: hostname(),
  };
}

function listFolder(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** All problems on stderr; the exit code of the worst. */
function report(problems: readonly Problem[]): number {
  for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`);
  return Math.max(...problems.map(({ code }) => PROBLEM_CODES[code].exit));
}

type Loaded = Exclude<LoadResult, { readonly problems: unknown }>;

async function run({ config, provenance, sideFiles }: Loaded, version: string): Promise<number> {
  const fields = { controller: config.id, tenant: config.tenant, cluster: config.cluster.name };
  const system = createSystem({ ...config.log, fields });
  system.log.info('configuration', {
    file: config.file ?? 'none',
    settings: describeSettings(provenance),
  });
  for (const { file, workloads } of sideFiles) system.log.info('workload file', { file, workloads });
  setTimeout(flushCompileCache, KEEP_COMPILED_AFTER).unref();
  const stop = stopOnSignals(system);
  const router = new Router(startingRoutes());
  const access = deferredAccess();
  const servers: HttpServer[] = [];
  try {
    // The ports come first: a process that cannot be seen must not contend.
    for (const port of new Set([config.port, config.metrics.port])) {
      const server = await listen(port, router, system, listenOptions(config, port, access));
      if ('code' in server) return report([server]);
      servers.push(server);
    }
    const connection = await connect(config);
    if (isConnectProblem(connection)) return report([connection]);
    const ports = servers.map((server) => server.port);
    system.log.info('starting', {
      version,
      store: config.store.kind,
      workloads: config.workloads.length,
      ...(config.tenants.length === 0 ? {} : { tenants: config.tenants.map(({ tenant }) => tenant) }),
      ports,
    });
    const options = { config, version, connection, router, access, port: ports[0] ?? 0 };
    return await work(options, system, stop);
  } finally {
    await Promise.all(servers.map((server) => server.close(SECOND)));
  }
}

async function work(
  options: Omit<ServeOptions, 'onEvent'>,
  system: System,
  stop: AbortSignal,
): Promise<number> {
  const idle = new IdleCollection(system.clock);
  try {
    const problem = await serve({ ...options, onEvent: () => idle.touch() }, system, stop);
    if (problem !== undefined) return report([problem]);
    system.log.info('stopped');
    return 0;
  } catch (error) {
    system.log.error('a broken invariant ended this process', {
      err: error instanceof Error ? error.stack : String(error),
    });
    return 1;
  } finally {
    idle.close();
  }
}

/**
 * The first SIGTERM or SIGINT asks for a graceful stop. The second ends the process at once, without releasing the lock:
 * its TTL is the hand-over.
 */
function stopOnSignals({ log }: System): AbortSignal {
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stop.signal.aborted) {
      log.warn('second signal: leaving at once, the lock runs out by itself', { signal });
      process.exit(1);
    }
    log.info('stopping', { signal });
    stop.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return stop.signal;
}

/** The cluster of a person at a terminal, found as kubectl finds it; inside a pod, its own. */
async function reachAs(
  kubeconfig: string | undefined,
  system: System,
  version: string,
): Promise<Cluster | Problem> {
  const usual = join(homedir(), '.kube', 'config');
  const path = kubeconfig ?? process.env['KUBECONFIG'] ?? (existsSync(usual) ? usual : undefined);
  const connection = path === undefined ? await inClusterConnection() : await readKubeconfig(path);
  if (isConnectProblem(connection)) return connection;
  return openCluster(connection, { system, userAgent: `k8-highlander/${version}` });
}

/** In the order of the Go program, so that a mounted kubeconfig keeps winning. */
async function connect({ cluster }: Config): Promise<Connection | Problem> {
  const usual = join(homedir(), '.kube', 'config');
  if (cluster.kubeconfig !== undefined) return readKubeconfig(cluster.kubeconfig, cluster.name);
  if (existsSync(usual)) return readKubeconfig(usual, cluster.name);
  const fromEnv = process.env['KUBECONFIG'];
  if (fromEnv !== undefined && fromEnv !== '') return readKubeconfig(fromEnv, cluster.name);
  return inClusterConnection();
}

/** A port of their own serves probes and metrics: without TLS, and whoever asks, so that a kubelet can. */
function listenOptions(config: Config, port: number, access: Access): ListenOptions {
  if (port !== config.port) return { serves: ['probe', 'metrics'] };
  return { access, rate: RATE, ...(config.tls !== undefined && { tls: config.tls }) };
}

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  if (typeof manifest !== 'object' || manifest === null || !('version' in manifest)) return 'unknown';
  return String(manifest.version);
}

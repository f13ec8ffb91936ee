/** `npm run sandbox`: a local cluster until Ctrl-C. Progress goes to stderr; stdout gets one line of JSON when it is up. */
import { parseArgs } from 'node:util';
import { startSandbox } from './cluster.ts';
import type { Sandbox } from './cluster.ts';
import { startFaultServer } from './fault-server.ts';
import { guardParent } from './parent-guard.ts';
import { createProgress } from './progress.ts';
import { reasonOf } from './reason.ts';

const HELP = `Usage: npm run sandbox -- up [--nodes N] [--simulate] [--dir D]

Starts a Kubernetes cluster on this machine that needs no container runtime: a real control plane, and nodes
that run each container's command as a local process. It ends with Ctrl-C, with SIGTERM, or when the process
that started it is gone; nothing of it stays running.

Options:
  --nodes N    how many nodes (default 2)
  --simulate   nodes run no processes: pods become Ready at once; fast enough for thousands of them
  --dir D      keep everything in D, and go on with the cluster that is there; default: a private folder that
               is removed at the end
  -h, --help   this text

When it is up, one line of JSON is printed on stdout:
  {"kubeconfig": file, "auditLog": file, "faults": address, "nodes": [name, …]}
POST to the faults address breaks things: /nodes/NAME/partition, heal, crash, reboot or slow?ms=N, and
/control-plane/COMPONENT/stop, cont, kill or restart; GET lists them all.

The control plane is taken from the folder in HIGHLANDER_CONTROL_PLANE or KUBEBUILDER_ASSETS, else from the
cache, else it is downloaded (from HIGHLANDER_KUBERNETES_DOWNLOAD and HIGHLANDER_ETCD_DOWNLOAD if set), else
built with Go (1.26 or later). The cache is HIGHLANDER_CACHE, or k8-highlander in XDG_CACHE_HOME or ~/.cache.

Exit codes: 0 ended as asked · 1 failed · 2 wrong usage.
`;

const DONE = 0;
const FAILED = 1;
const USAGE = 2;
const KILLED_BY_CTRL_C = 130;

/** npm passes on the Ctrl-C that the terminal has sent to us already: what comes this soon is the same one. */
const SAME_KEY_PRESS_MS = 500;

/** What the command line asks for. */
interface Arguments {
  readonly nodes: number;
  readonly simulate: boolean;
  readonly dir?: string;
}

/** Reads the command line. Answers a complaint for what is wrong, and `help` when that is wanted. */
function readArguments(args: readonly string[]): Arguments | 'help' | { readonly complaint: string } {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        nodes: { type: 'string', default: '2' },
        simulate: { type: 'boolean', default: false },
        dir: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    return { complaint: reasonOf(error) };
  }
  const { values, positionals } = parsed;
  if (values.help) return 'help';
  const [command, ...rest] = positionals;
  if (command !== 'up')
    return {
      complaint:
        command === undefined ? 'a command is missing: up' : `there is no command ${command}, only up`,
    };
  if (rest.length > 0) return { complaint: `unexpected argument ${rest.join(' ')}` };
  const nodes = Number(values.nodes);
  if (!/^\d+$/.test(values.nodes) || nodes > 100)
    return { complaint: `--nodes ${values.nodes} is not a number from 0 to 100` };
  if (values.dir === '') return { complaint: '--dir is empty' };
  return { nodes, simulate: values.simulate, ...(values.dir === undefined ? {} : { dir: values.dir }) };
}

async function run(args: Arguments): Promise<number> {
  const progress = createProgress(process.stderr);
  const ending = new AbortController();
  let isOrphan = false;
  let firstAt: number | undefined;
  const onSignal = (): void => {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      ending.abort();
    } else if (now - firstAt > SAME_KEY_PRESS_MS) process.exit(KILLED_BY_CTRL_C); // takes its children along
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', onSignal);
  const onGone = (): void => {
    isOrphan = true;
    ending.abort();
  };
  guardParent(onGone, ending.signal);
  // Nobody may be left to read what we say.
  process.stdout.on('error', onGone);
  process.stderr.on('error', onGone);
  let sandbox: Sandbox | undefined;
  try {
    sandbox = await startSandbox({ ...args, progress, signal: ending.signal });
    await serve(sandbox, ending.signal);
  } catch (error) {
    if (!ending.signal.aborted) {
      progress.line(`error: ${reasonOf(error)}`);
      return FAILED;
    }
  } finally {
    if (!isOrphan) progress.line('stopping');
    await sandbox?.stop();
  }
  return DONE;
}

/** Announces the sandbox and resolves when it is to end. */
async function serve(sandbox: Sandbox, signal: AbortSignal): Promise<void> {
  const components = new Map(Object.entries(sandbox.controlPlane));
  const faults = await startFaultServer({ nodes: sandbox.nodes, components });
  const ready = {
    kubeconfig: sandbox.kubeconfig,
    auditLog: sandbox.auditLog,
    faults: faults.address,
    nodes: [...sandbox.nodes.keys()],
  };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
  if (!signal.aborted) {
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
  await faults.close();
}

const args = readArguments(process.argv.slice(2));
if (args === 'help') process.stdout.write(HELP);
else if ('complaint' in args) {
  process.stderr.write(`error: ${args.complaint}\n${HELP.split('\n')[0]}\n`);
  process.exitCode = USAGE;
} else process.exitCode = await run(args);

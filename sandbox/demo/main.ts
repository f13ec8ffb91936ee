/**
 * `npm run demo`: a cluster on this machine, and what this product does in it when things die. A key plays the next
 * scene; `--scene NAME` plays one and leaves; `--once`, for CI, plays the first two and exits 0 only if both held.
 */
import { parseArgs } from 'node:util';
import { createProgress } from '../progress.ts';
import { guardParent } from '../parent-guard.ts';
import { reasonOf } from '../reason.ts';
import { SCENES, type Scene } from './scenes.ts';
import { Stage } from './stage.ts';

const HELP = `Usage: npm run demo -- [--once | --scene NAME]

  --once         for CI: kill the leader, then let the new one restore an instance; exit 0 only if both held
  --scene NAME   play one scene and leave: ${SCENES.map(({ name }) => name).join(', ')}

Without an option: press a key for the next scene, q or Ctrl-C to end.
`;

process.exitCode = await main();

async function main(): Promise<number> {
  const chosen = readArguments();
  if (typeof chosen === 'string') {
    process.stderr.write(chosen);
    return chosen === HELP ? 0 : 2;
  }
  const progress = createProgress(process.stderr);
  const ending = endOnSignals();
  const say = (line: string): void => progress.line(`  ${line}`);
  let stage: Stage | undefined;
  try {
    const began = performance.now();
    stage = await Stage.open(progress, ending);
    introduce(stage, began, (line) => progress.line(line));
    const scenes = chosen.scenes ?? SCENES;
    for (const scene of scenes) {
      if (chosen.scenes === undefined && !(await keyPressed(`press a key: ${scene.title} (q ends)`, ending)))
        break;
      progress.line(`\n${scene.title}`);
      await scene.play(stage, say, ending);
    }
    progress.line('\nAll scenes held: one instance at each moment, never two.');
    return 0;
  } catch (error) {
    if (ending.aborted) return 0;
    progress.line(`error: ${reasonOf(error)}`);
    return 1;
  } finally {
    await stage?.close();
  }
}

function readArguments(): { readonly scenes?: readonly Scene[] } | string {
  try {
    const { values } = parseArgs({
      options: {
        once: { type: 'boolean' },
        scene: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) return HELP;
    if (values.once === true) return { scenes: SCENES.slice(0, 2) };
    if (values.scene === undefined) return process.stdin.isTTY ? {} : { scenes: SCENES };
    const scene = SCENES.find(({ name }) => name === values.scene);
    return scene === undefined ? `error: there is no scene ${values.scene}\n${HELP}` : { scenes: [scene] };
  } catch (error) {
    return `error: ${reasonOf(error)}\n${HELP}`;
  }
}

function introduce(stage: Stage, began: number, line: (text: string) => void): void {
  line(
    `\nTwo nodes, two controllers, singletons of four kinds, up in ${((performance.now() - began) / 1000).toFixed(1)} s.`,
  );
  for (const controller of stage.controllers)
    line(`  ${controller.id}: ${stage.url(controller)}/status and /metrics`);
  line(`  kubectl --kubeconfig ${stage.sandbox.kubeconfig} get pods -o wide`);
}

/** Aborts at the first signal or when our parent is gone; a second signal ends the process and, with it, its children. */
function endOnSignals(): AbortSignal {
  const ending = new AbortController();
  const end = (): void => {
    if (ending.signal.aborted) process.exit(130);
    ending.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  guardParent(() => ending.abort(), ending.signal);
  return ending.signal;
}

/** Resolves with false for q, Ctrl-C or the end of input. */
async function keyPressed(prompt: string, signal: AbortSignal): Promise<boolean> {
  const { stdin } = process;
  process.stderr.write(`\n${prompt}\n`);
  stdin.setRawMode(true);
  stdin.resume();
  try {
    return await new Promise<boolean>((resolve, reject) => {
      stdin.once('data', (key) => resolve(!['q', '\u0003', '\u0004'].includes(key.toString())));
      stdin.once('end', () => resolve(false));
      signal.addEventListener('abort', () => reject(new Error('ended')), { once: true });
    });
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
  }
}

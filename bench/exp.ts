import { readFileSync } from 'node:fs';
import { openWorld } from '../test/e2e/world.ts';
import { watchConverged } from './converged.ts';
import { PROCESSES } from './workload-set.ts';
const [name = 'base', rounds = '1'] = process.argv.slice(2);
for (let i = 0; i < Number(rounds); i++) {
  const world = await openWorld({ nodes: 1, simulate: true });
  const converged = await watchConverged(world.sandbox.kubeconfig);
  const kubeconfig = await world.identity('controller-a');
  const began = performance.now();
  const c = await world.controller('controller-a', { workloads: PROCESSES.section }, { kubeconfig, root: `/tmp/roots/${name}` });
  const took = (await converged.reach(1000, 180_000)) - began;
  const stat = readFileSync(`/proc/${c.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  const cpu = (Number(stat[11]) + Number(stat[12])) / 100;
  const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${c.pid}/status`, 'utf8'))![1];
  await new Promise((r) => setTimeout(r, 500));
  const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${c.pid}/status`, 'utf8'))![1];
  console.log(name, `took ${took.toFixed(0)} cpu ${cpu} peak ${(Number(peak) / 1024).toFixed(0)} rss ${(Number(rss) / 1024).toFixed(0)}`);
  await converged.close(); await world.stop();
}

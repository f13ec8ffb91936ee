/**
 * Plays an election in virtual time from a text of commands and answers its transcript. A line that begins with `>` is a
 * command; what follows it, up to the next command or comment, is what was observed. Lines of `#` are kept.
 *
 *     > ttl 5s                    first, if at all
 *     > start a [follower] [store NAME]
 *     > run 3s                    lets time pass
 *     > pause a | suspend a | resume a | crash a | stop a
 *     > cut a store | cut a cluster | heal a
 *     > subscription a down | subscription a up
 *     > lose data | evict lock | namespace missing | namespace back
 *     > show                      role and term of each process
 */
import type { ElectionEvent } from '../../src/core/election/events.ts';
import { parseDuration } from '../../src/core/time.ts';
import { CALM } from '../model/network.ts';
import { LOCK_NAME, Simulation, type Process } from '../model/simulation.ts';

/** The text with what was observed put in place of what was expected. */
export async function playElection(text: string): Promise<string> {
  const play = new ElectionPlay();
  const output: string[] = [];
  for (const line of text.trimEnd().split('\n')) {
    if (line.startsWith('>')) {
      output.push(line);
      output.push(...(await play.perform(line.slice(1).trim().split(/\s+/))));
    } else if (line === '' || line.startsWith('#')) output.push(line);
  }
  return `${output.join('\n')}\n`;
}

class ElectionPlay {
  readonly #byName = new Map<string, Process>();
  #simulation: Simulation | undefined;
  #ttl = 5000;
  #observed: string[] = [];

  async perform([command = '', subject = '', ...rest]: string[]): Promise<string[]> {
    this.#observed = [];
    await this.#carryOut(command, subject, rest);
    const { violation } = this.#world.referee;
    if (violation !== undefined) throw new Error(`${violation.invariant}: ${violation.message}`);
    return this.#observed;
  }

  get #world(): Simulation {
    this.#simulation ??= new Simulation({
      seed: 1,
      ttl: this.#ttl,
      clockError: 0,
      onEvent: (at, name, event) => this.#observed.push(describe(at, name, event)),
    });
    return this.#simulation;
  }

  async #carryOut(command: string, subject: string, rest: readonly string[]): Promise<void> {
    switch (command) {
      case 'ttl':
        this.#ttl = durationOf(subject);
        return;
      case 'start':
        return this.#start(subject, rest);
      case 'run':
        await this.#world.run(durationOf(subject));
        return;
      case 'pause':
      case 'suspend':
        return this.#find(subject).host.freeze(command === 'suspend');
      case 'resume':
        return this.#world.thaw(this.#find(subject));
      case 'crash':
        return this.#find(subject).host.crash();
      case 'stop':
        return this.#find(subject).stop();
      case 'cut':
      case 'heal':
        return this.#connect(subject, command === 'cut' ? rest[0] : undefined);
      case 'subscription':
        return this.#find(subject).setSubscription(rest[0] === 'up');
      case 'lose':
        return this.#world.referee.loseData();
      case 'evict':
        return this.#world.locks.evict(LOCK_NAME);
      case 'namespace':
        this.#world.cluster.isNamespaceMissing = subject === 'missing';
        return;
      case 'show':
        return this.#show();
      default:
        throw new Error(`unknown command: ${command}`);
    }
  }

  #start(name: string, settings: readonly string[]): void {
    const store = settings.indexOf('store');
    const process = this.#world.start(name, {
      remainsFollower: settings.includes('follower'),
      ...(store === -1 ? {} : { fingerprint: `${settings[store + 1]}|simulated` }),
    });
    this.#byName.set(name, process);
  }

  #connect(name: string, cut: string | undefined): void {
    const { paths } = this.#find(name);
    const down = { ...CALM, dropRequest: 1 };
    paths.store.weather = cut === 'store' ? down : { ...CALM };
    for (const path of [paths.anchor, paths.objects]) path.weather = cut === 'cluster' ? down : { ...CALM };
  }

  #show(): void {
    for (const [name, { elector, host, isDone }] of this.#byName) {
      const { role, epoch } = elector.view();
      this.#observed.push(`  ${name}: ${host.isDead ? 'dead' : isDone ? 'gone' : `${role}, term ${epoch}`}`);
    }
  }

  #find(name: string): Process {
    const process = this.#byName.get(name);
    if (process === undefined) throw new Error(`nobody is called ${name}`);
    return process;
  }
}

function durationOf(text: string): number {
  const duration = parseDuration(text);
  if (duration === undefined) throw new Error(`not a duration: ${text}`);
  return duration;
}

/** `time in ms, name, event, facts`; holders are shortened to their id. */
function describe(at: number, name: string, { kind, ...facts }: ElectionEvent): string {
  const known = Object.entries(facts).map(([key, value]) => ` ${key}=${shorten(String(value))}`);
  return `  ${at.toFixed(0).padStart(6)} ${shorten(name)} ${kind}${known.join('')}`;
}

function shorten(text: string): string {
  return text.replace(/\/host\/\d+$/, '');
}

/** What this process uses of its machine. Linux tells the rest in /proc; elsewhere those facts are unknown. */
import { readdirSync, readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { SECOND } from '../core/time.ts';

/** How often the delay of the event loop is sampled. */
const LAG_RESOLUTION_MS = 50;

export class ProcessUsage {
  readonly #delay = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  readonly #collections: PerformanceObserver;
  #garbageCollections = 0;

  /** Begins to sample the event loop and to count garbage collections, until `close`. */
  constructor() {
    this.#delay.enable();
    this.#collections = new PerformanceObserver((list) => {
      this.#garbageCollections += list.getEntries().length;
    });
    this.#collections.observe({ entryTypes: ['gc'] });
  }

  close(): void {
    this.#delay.disable();
    this.#collections.disconnect();
  }

  get garbageCollections(): number {
    return this.#garbageCollections;
  }

  /** Longest delay since it was asked before, in seconds. */
  takeLoopLag(): number {
    const longest = Math.max(0, this.#delay.max / 1e6 - LAG_RESOLUTION_MS);
    this.#delay.reset();
    return longest / SECOND;
  }

  /** Bytes of the heap in use, and of the whole process in memory. */
  memory(): { readonly heapUsed: number; readonly heapTotal: number; readonly resident: number } {
    const { heapUsed, heapTotal, rss } = process.memoryUsage();
    return { heapUsed, heapTotal, resident: rss };
  }

  /** Open handles, requests and timers: what keeps an event loop busy, as goroutines do in Go. */
  activeResources(): number {
    return process.getActiveResourcesInfo().length;
  }

  load(): number {
    return loadavg()[0] ?? 0;
  }

  cpuSeconds(): number {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }

  startedAt(): number {
    return Math.round(performance.timeOrigin) / SECOND;
  }

  virtualBytes(): number | undefined {
    const kib = /^VmSize:\s+(\d+) kB$/m.exec(readProc('/proc/self/status') ?? '')?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  }

  openFiles(): number | undefined {
    try {
      return readdirSync('/proc/self/fd').length;
    } catch {
      return undefined;
    }
  }

  mostFiles(): number | undefined {
    const most = /^Max open files\s+(\d+)/m.exec(readProc('/proc/self/limits') ?? '')?.[1];
    return most === undefined ? undefined : Number(most);
  }
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * The clock that all processes of one host share: the time since boot (CLOCK_MONOTONIC). Nobody can set it, and it is
 * the clock by which a holder knows until when it may act. It starts anew with each boot, hence its name.
 */
import { readFile, readlink } from 'node:fs/promises';

export interface HostClock {
  /** Names the boot and the time namespace: times of clocks with different names cannot be compared. */
  readonly name: string;
  /** Microseconds. */
  now(): bigint;
}

/** @throws Error where the system does not tell its boots apart. */
export async function openHostClock(): Promise<HostClock> {
  const name = await readName();
  return { name, now: () => process.hrtime.bigint() / 1000n };
}

async function readName(): Promise<string> {
  let boot: string;
  try {
    boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  } catch (error) {
    throw new Error('this system has no boot id: SQLite as a lock store needs Linux', { cause: error });
  }
  // Kernels before 5.6 have no time namespaces: all processes then share one.
  const namespace = await readlink('/proc/self/ns/time').catch(() => '');
  return `${boot.trim()} ${namespace}`.trim();
}

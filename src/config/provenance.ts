/** Effective settings with their origins, for people. */
import type { Provenance } from './config.ts';

/** `blue (env HIGHLANDER_TENANT)`, `9000 (line 3)` by key, for the log, which names the file once. Secrets are masked already. */
export function describeSettings(provenance: readonly Provenance[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    provenance.map((entry) => {
      const { key, value, origin, from } = entry;
      const where = origin === 'file' ? from.replace(/^.*:(\d+)$/s, 'line $1') : describeOrigin(entry);
      return [key, `${value === '' ? '-' : value} (${where})`];
    }),
  );
}

/** Where a value came from: `env HIGHLANDER_PORT`, `/etc/c.yaml:3`, `default`. */
export function describeOrigin({ origin, from }: Provenance): string {
  switch (origin) {
    case 'default':
      return 'default';
    case 'flag':
    case 'env':
      return `${origin} ${from}`;
    case 'file':
      return from;
    case 'derived':
      return `from ${from}`;
  }
}

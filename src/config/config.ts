/** The effective configuration, as everything after the loader sees it: checked, complete, frozen plain data. */
import type { Timing } from '../core/election/timing.ts';
import type { Problem } from '../core/problem.ts';
import type { RedisAddress } from '../core/redis-address.ts';
import type { Duration } from '../core/time.ts';
import type { Workload } from '../core/workload/model.ts';
import type { WorkloadReference } from '../core/workload/reference.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
type LogLevel = (typeof LOG_LEVELS)[number];

export const LOG_FORMATS = ['text', 'json'] as const;
type LogFormat = (typeof LOG_FORMATS)[number];

/** Where the lock's database is. */
export interface DatabaseAddress {
  /** May hold a password: never to be shown. */
  readonly url: string;
  /** A secret: never to be shown. Wins over one in the URL. */
  readonly password?: string;
  /** A file that holds the password; wins over `password`. */
  readonly passwordFile?: string;
}

/** The lock stores, with what each needs. */
export type StoreConfig =
  | { readonly kind: 'lease' }
  | { readonly kind: 'memory' }
  | ({ readonly kind: 'db' } & DatabaseAddress)
  | ({ readonly kind: 'redis' } & RedisAddress);

/** Who may ask the HTTP API for what. */
export interface AuthConfig {
  readonly mode: 'none' | 'token' | 'proxy';
  /** What a caller may do who is not known. */
  readonly anonymous: 'reader' | 'none';
  /** For mode token; absent: that of the API server. */
  readonly audience?: string;
  /** For mode proxy: addresses and blocks. */
  readonly trustedProxies: readonly string[];
}

/** PEM files. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Config {
  /** The file that was read; absent if none was found. */
  readonly file?: string;
  /** For people: the configured id of this instance. It never proves ownership. */
  readonly id: string;
  /** One lock, one leader and one set of objects per tenant. */
  readonly tenant: string;
  /** 0: any free port. */
  readonly port: number;
  /** Where workloads run that name no namespace. */
  readonly namespace: string;
  /** Where the lock, the fence anchor and the registry live. All instances of a tenant must agree on it. */
  readonly controllerNamespace: string;
  readonly remainsFollower: boolean;
  readonly store: StoreConfig;
  /** Where a lock of the Go program is looked for before the first term of all. */
  readonly oldLock: RedisAddress;
  readonly cluster: {
    readonly name: string;
    /** The configured kubeconfig, with `~` expanded; absent: look in the usual places. */
    readonly kubeconfig?: string;
  };
  /** The budget of the whole shutdown. */
  readonly terminationGracePeriod: Duration;
  readonly timing: Timing;
  readonly metrics: {
    /** Equal to `port`: metrics are served there alone. */
    readonly port: number;
    readonly path: string;
  };
  readonly auth: AuthConfig;
  /** Absent: no TLS. */
  readonly tls?: TlsFiles;
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  readonly workloads: readonly Workload[];
  /** Entries that stand for a custom resource. */
  readonly references: readonly WorkloadReference[];
  /** Served by the same process beside `tenant`. */
  readonly tenants: readonly TenantConfig[];
}

/** What one tenant has of its own; everything else it shares with the others of its process. */
export interface TenantConfig {
  readonly tenant: string;
  /** Where workloads run that name no namespace. */
  readonly namespace: string;
  readonly workloads: readonly Workload[];
  /** Entries that stand for a custom resource. */
  readonly references: readonly WorkloadReference[];
}

/** Where an effective value came from; the first of these that has one wins. */
export type Origin = 'flag' | 'env' | 'file' | 'derived' | 'default';

export interface Provenance {
  /** The setting's key in the file. */
  readonly key: string;
  /** The effective value as text. Secrets are masked. */
  readonly value: string;
  readonly origin: Origin;
  /** `--port`, `HIGHLANDER_PORT`, `config.yaml:3`, or what a derived value was derived from; empty for a default. */
  readonly from: string;
}

/** A file beside the configuration that holds workloads, and how many of them can be used. */
export interface SideFile {
  readonly file: string;
  readonly workloads: number;
}

export type LoadResult =
  | {
      readonly config: Config;
      /** One entry for each setting, in the order of the table. */
      readonly provenance: readonly Provenance[];
      readonly sideFiles: readonly SideFile[];
      readonly warnings: readonly Problem[];
    }
  /** At least one of them is an error; warnings are among them. */
  | { readonly problems: readonly Problem[] };

/** The world as the loader sees it. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file. @throws when it cannot be read. */
  readonly readFile: (path: string) => string;
  /** Whether there is a regular file (or a link to one) at the path. */
  readonly exists: (path: string) => boolean;
  /** The names in a folder; empty where it cannot be read. */
  readonly list: (folder: string) => readonly string[];
  readonly homedir: string;
  readonly cwd: string;
  readonly hostname: string;
}

/** What other rooms tell the metrics that is no domain event: too frequent, or about requests instead of state. */
import type { Duration } from '../core/time.ts';

/** Why an operation of the store had no answer. */
export type StoreError = 'timeout' | 'canceled' | 'connection_refused' | 'network' | 'unknown';

/** One operation of the lock store. */
export interface StoreOperation {
  readonly operation: 'acquire' | 'renew' | 'release' | 'read';
  readonly duration: Duration;
  /** After which it is given up. */
  readonly budget: Duration;
  /** The kind of the reply. */
  readonly result: string;
  /** For how long the lock is held from now on; 0 when it is free. Absent where the reply does not say. */
  readonly remaining?: Duration;
  readonly error?: StoreError;
}

/** One request to the API server: verb and resource as the audit log names them, HTTP status or `failed`. */
export interface KubeRequest {
  readonly verb: string;
  readonly resource: string;
  readonly code: string;
}

/** One answered HTTP request; `route` is the pattern, never the path. */
export interface HttpAnswer {
  readonly route: string;
  readonly method: string;
  readonly code: number;
  readonly duration: Duration;
}

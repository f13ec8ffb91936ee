/**
 * The audit log: what reached the API server, from whom, and how it answered. The referee of tests and benchmarks.
 *
 * Every write of every user is in it; of pods, leases and config maps with the object that was sent. Reads are in it
 * for everybody but the control plane's own components, whose reads would drown the rest.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

const CONTROL_PLANE_USERS = ['system:apiserver', 'system:kube-controller-manager', 'system:kube-scheduler'];
const READS = ['get', 'list', 'watch'];

/** The policy, as kube-apiserver reads it (audit.k8s.io/v1; JSON is YAML). */
export function auditPolicy(): string {
  return JSON.stringify({
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [
      { level: 'None', nonResourceURLs: ['/livez*', '/readyz*', '/healthz*'] },
      { level: 'None', users: CONTROL_PLANE_USERS, verbs: READS },
      { level: 'None', userGroups: ['system:serviceaccounts:kube-system'], verbs: READS },
      {
        level: 'Request',
        verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'],
        resources: [
          { group: '', resources: ['pods', 'pods/*', 'configmaps'] },
          { group: 'coordination.k8s.io', resources: ['leases'] },
        ],
      },
      { level: 'Metadata' },
    ],
  });
}

/** One line of the log (audit.k8s.io/v1 Event), as far as it is used here. */
export interface AuditEvent {
  readonly auditID: string;
  /** `ResponseStarted` appears for watches only, before their `ResponseComplete`. */
  readonly stage: 'ResponseStarted' | 'ResponseComplete' | 'Panic';
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string; readonly groups?: readonly string[] };
  readonly userAgent?: string;
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly uid?: string;
    readonly apiGroup?: string;
    readonly apiVersion?: string;
    /** The precondition the client sent, if any. */
    readonly resourceVersion?: string;
  };
  readonly responseStatus?: { readonly code?: number; readonly reason?: string; readonly message?: string };
  readonly requestObject?: unknown;
  /** RFC 3339 with microseconds, by the API server's clock. */
  readonly requestReceivedTimestamp: string;
  /** When the answer was complete (`ResponseComplete`). */
  readonly stageTimestamp: string;
}

/** All given fields must match. */
export interface AuditFilter {
  readonly user?: string;
  readonly verbs?: readonly string[];
  readonly resource?: string;
  readonly namespace?: string;
  readonly name?: string;
  /** Requests received at or after this wall time. */
  readonly since?: Date;
  /** Requests received before this wall time. */
  readonly until?: Date;
}

function isMatch(event: AuditEvent, filter: AuditFilter): boolean {
  const at = Date.parse(event.requestReceivedTimestamp);
  return (
    (filter.user === undefined || event.user.username === filter.user) &&
    (filter.verbs === undefined || filter.verbs.includes(event.verb)) &&
    (filter.resource === undefined || event.objectRef?.resource === filter.resource) &&
    (filter.namespace === undefined || event.objectRef?.namespace === filter.namespace) &&
    (filter.name === undefined || event.objectRef?.name === filter.name) &&
    (filter.since === undefined || at >= filter.since.getTime()) &&
    (filter.until === undefined || at < filter.until.getTime())
  );
}

/**
 * Reads the log from its start and yields what matches, in the order in which answers were completed. An event is in
 * the log at the latest some milliseconds after its client has the answer. A line still being written is left out.
 */
export async function* readAudit(file: string, filter: AuditFilter = {}): AsyncGenerator<AuditEvent> {
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity });
  for await (const line of lines) {
    if (!line.endsWith('}')) continue;
    let event: AuditEvent;
    try {
      event = JSON.parse(line);
    } catch {
      continue; // cut at an inner brace
    }
    if (isMatch(event, filter)) yield event;
  }
}

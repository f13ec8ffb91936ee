/** What carrying out a plan needs: the term with its guarded writer, and where answers are put for the next decision. */
import type { Pod } from '../core/manifests/pod.ts';
import type { RenderIdentity } from '../core/manifests/pod-template.ts';
import type { DomainEvent } from '../core/projection.ts';
import type { LeaderMark } from '../core/reconcile/patches.ts';
import type { Cache, ClusterReader } from '../ports/cluster.ts';
import type { Clock } from '../ports/system.ts';
import type { Controls } from './controls.ts';
import type { GuardedWriter } from './guarded-writer.ts';
import type { ManagedObjects } from './managed-objects.ts';
import type { Records } from './records.ts';
import type { Sources } from './sources.ts';
import type { Term } from './term.ts';
import type { WorkloadNotes } from './workload-notes.ts';

export interface ApplyContext {
  readonly term: Term;
  readonly leader: LeaderMark;
  readonly render: RenderIdentity;
  readonly clock: Clock;
  readonly reader: ClusterReader;
  readonly writer: GuardedWriter;
  readonly pods: Cache<Pod>;
  /** Pods that may be of the Go program. */
  readonly goPods: Cache<Pod>;
  readonly objects: ManagedObjects;
  readonly records: Records;
  readonly notes: WorkloadNotes;
  readonly sources: Sources;
  readonly controls: Controls;
  readonly nextToken: () => number;
  /** See `Observations.proven`. */
  readonly proven: (uid: string) => void;
  readonly emit: (event: DomainEvent) => void;
}

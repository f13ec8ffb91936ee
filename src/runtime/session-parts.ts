/** What a term's work needs, and as whom it is done. */
import type { Pod } from '../core/manifests/pod.ts';
import type { Cache, Cluster } from '../ports/cluster.ts';
import type { System } from '../ports/system.ts';
import type { Controls } from './controls.ts';
import type { Hub } from './hub.ts';
import type { ManagedObjects } from './managed-objects.ts';
import type { Observations } from './observations.ts';
import type { Sources } from './sources.ts';
import type { Duration } from '../core/time.ts';

export interface SessionDependencies {
  readonly system: System;
  readonly cluster: Cluster;
  readonly pods: Cache<Pod>;
  /** Pods that may be of the Go program. */
  readonly goPods: Cache<Pod>;
  readonly observations: Observations;
  /** What stands around the pods. */
  readonly objects: ManagedObjects;
  readonly sources: Sources;
  readonly controls: Controls;
  readonly hub: Hub;
  /** Told how long each look at a workload took. */
  readonly onReconciled?: (duration: Duration) => void;
}

export interface SessionIdentity {
  readonly tenant: string;
  readonly controllerNamespace: string;
  /** The configured id and cluster name, as written on live objects. */
  readonly id: string;
  readonly clusterName: string;
  /** Names store, lock and anchor: what our objects carry. */
  readonly fingerprint: string;
}

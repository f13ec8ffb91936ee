/** What is known of a node. */
import type { Instant } from '../time.ts';

/** What is known of the node that a pod is bound to. */
export type NodeFacts =
  /** No Node object of that name (deleted, or never seen). */
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'present';
      readonly ready: boolean;
      /** Since when it has not been ready, by local observation. */
      readonly notReadySince?: Instant;
      /** It carries a taint that says its kubelet is not to be trusted to report: not-ready, unreachable or out-of-service. */
      readonly suspect: boolean;
      /** The operator's (or a fencing tool's) word that the machine is off: taint `node.kubernetes.io/out-of-service`. */
      readonly outOfService: boolean;
      readonly uid?: string;
      /** Another one with each boot of the machine. */
      readonly bootId?: string;
      /** When its kubelet reported last, as it wrote it. */
      readonly heartbeat?: string;
    };

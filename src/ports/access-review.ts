/** Whose a token is, and who may do what, as the cluster sees it. Nothing is remembered here. */

/** Somebody, as Kubernetes describes users. */
export interface Subject {
  readonly user: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  /** What authenticators add, for authorizers. */
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** What somebody wants to do: to objects, or with a path of its own. */
export type Right =
  | {
      readonly verb: string;
      readonly group: string;
      /** Plural. */
      readonly resource: string;
      /** All namespaces when absent. */
      readonly namespace?: string;
      /** All names when absent. */
      readonly name?: string;
    }
  | { readonly verb: string; readonly path: string };

/** Nobody knows: never to be taken for yes. */
interface Unavailable {
  readonly kind: 'unavailable';
  /** For people; free of secrets. */
  readonly cause: string;
}

export type TokenVerdict =
  | { readonly kind: 'known'; readonly subject: Subject }
  | { readonly kind: 'unknown' }
  | Unavailable;

export type RightVerdict = { readonly kind: 'allowed' } | { readonly kind: 'denied' } | Unavailable;

export interface AccessReview {
  /** Whose token it is. The token appears in no log, cause or metric. Never rejects. */
  identify(token: string, signal: AbortSignal): Promise<TokenVerdict>;
  /** Whether they may. Never rejects. */
  authorize(subject: Subject, right: Right, signal: AbortSignal): Promise<RightVerdict>;
  close(): Promise<void>;
}

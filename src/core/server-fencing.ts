/** Whether the API server itself refuses what a former leader might still write, because the shipped admission policies are in force. */
export type ServerFencing =
  | { readonly state: 'true' | 'false' }
  | { readonly state: 'unknown'; readonly because: string };

/** What is known outside a term, and at the start of one. */
export const FENCING_NOT_ASKED: ServerFencing = {
  state: 'unknown',
  because: 'the leader asks once in each term',
};

/** What to apply where it is missing. */
export const POLICY_MANIFEST = 'deploy/kubernetes/admission-policy.yaml';

/** One condition taken out of the source, which the tests beside the rules must notice. `find` must occur exactly once in `file`. */
export interface ConditionMutant {
  /** What is not asked any more. */
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

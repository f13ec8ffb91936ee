/** What a command leaves behind. The entry writes it: stdout carries data only, everything said to people is stderr. */
export interface CommandResult {
  /**
   * 0 done · 1 failed · 2 usage or validation · 4 no answer from the cluster · 5 not authenticated or forbidden · 6 outcome
   * unknown · 124 `--timeout` passed · 130 interrupted.
   */
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

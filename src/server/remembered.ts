/** Answers of somebody slow, kept for a short time; the same question is asked once at a time. Bounded. */
import type { Duration, Instant } from '../core/time.ts';
import type { Clock } from '../ports/system.ts';

interface Entry<T> {
  readonly answer: Promise<T>;
  /** Infinity while it is being answered. */
  until: Instant;
}

export class Remembered<T> {
  readonly #entries = new Map<string, Entry<T>>();
  readonly #clock: Clock;
  readonly #most: number;
  readonly #keep: (answer: T) => Duration;

  /** `keep`: for how long an answer counts. The least recently used of more than `most` is forgotten. */
  constructor(clock: Clock, most: number, keep: (answer: T) => Duration) {
    this.#clock = clock;
    this.#most = most;
    this.#keep = keep;
  }

  /** `ask` must not reject. */
  get(question: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#entries.get(question);
    if (known !== undefined) this.#entries.delete(question);
    if (known !== undefined && this.#clock.now() < known.until) {
      this.#entries.set(question, known);
      return known.answer;
    }
    const answer = ask();
    const entry: Entry<T> = { answer, until: Infinity };
    this.#entries.set(question, entry);
    void answer.then((given) => (entry.until = this.#clock.now() + this.#keep(given)));
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#most) break;
      this.#entries.delete(oldest);
    }
    return answer;
  }
}

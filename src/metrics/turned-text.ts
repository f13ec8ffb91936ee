/**
 * A long text that is made in turns of the event loop, so that a scrape never keeps the renewal of a lock waiting. It is
 * encoded piece by piece: joining, encoding and sending megabytes at once would be the longest turn of all.
 */
import { setImmediate } from 'node:timers/promises';

/** How much is done in one turn: lines made, or so many times as many that were there already. Below a millisecond. */
const LINES_PER_TURN = 250;
const READY_LINES_PER_LINE = 25;

export class TurnedText {
  readonly #chunks: Buffer[] = [];
  #parts: string[] = [];
  #work = 0;

  /** Lines that had to be made, without the end of the last one. Something to wait for: the turn is over. */
  add(text: string, lines: number): Promise<void> | undefined {
    this.#parts.push(text);
    this.#work += lines;
    return this.#work < LINES_PER_TURN ? undefined : this.#turn();
  }

  /** Lines that were there already. */
  addReady(text: string, lines: number): Promise<void> | undefined {
    return this.add(text, lines / READY_LINES_PER_LINE);
  }

  /** All of it, encoded. */
  async finish(): Promise<Buffer> {
    await this.#turn();
    return Buffer.concat(this.#chunks);
  }

  async #turn(): Promise<void> {
    if (this.#parts.length > 0) this.#chunks.push(Buffer.from(`${this.#parts.join('\n')}\n`));
    this.#parts = [];
    this.#work = 0;
    await setImmediate();
  }
}

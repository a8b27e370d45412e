/**
 * What is said on standard error: lines that stay, and one live line below them that is drawn over.
 *
 * Both go through here, so that an error that is printed while the live line is on does not end up in the middle of it.
 */
const CLEAR_LINE = '\r\x1b[2K';

/** What of `process.stderr` this needs. */
export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

export class Messages {
  readonly #sink: TextSink;
  #live = '';

  constructor(sink: TextSink) {
    this.#sink = sink;
  }

  /** Whether a live line can be shown. */
  get isTerminal(): boolean {
    return this.#sink.isTTY === true;
  }

  get columns(): number {
    // 0 is what a terminal without a size says.
    return this.#sink.columns || 80;
  }

  /** A line that stays, with the name of the program in front. */
  say(text: string): void {
    this.raw(`bowline: ${text}`);
  }

  /** A line that stays, as it is. */
  raw(text: string): void {
    if (this.#live === '') this.#sink.write(`${text}\n`);
    else this.#sink.write(`${CLEAR_LINE}${text}\n${this.#live}`);
  }

  /** Draws the live line; an empty text takes it away. Nothing happens where there is no terminal. */
  live(text: string): void {
    if (!this.isTerminal || text === this.#live) return;
    this.#live = text;
    this.#sink.write(`${CLEAR_LINE}${text}`);
  }
}

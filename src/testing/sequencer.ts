/**
 * Sequencer: make concurrent tasks do things in an order that the test fixes.
 *
 *     const sequencer = new Sequencer();
 *     // in one task                                        // in another
 *     await sequencer.run(0, async () => …);                await sequencer.run(1, async () => …);
 *     await sequencer.run(2, async () => …);
 *
 * Each position is used once. Position 0 runs at once, every other when the one before has ended, whatever its outcome.
 *
 * Source: Trio `Sequencer`.
 */
import { MisuseError } from '../core/errors.ts';
import { Cancelled } from '../tasks/cancelled.ts';
import { suspend } from '../tasks/waiter.ts';
import type { Waiter } from '../tasks/waiter.ts';

export class Sequencer {
  readonly #claimed = new Set<number>();
  readonly #ended = new Set<number>([-1]);
  readonly #waiting = new Map<number, Waiter<void>>();
  #broken = false;

  /**
   * Runs `body` when position `position - 1` has ended.
   *
   * @param position 0 or more
   * @throws MisuseError the position was used before; or a wait in this sequencer was cancelled, which breaks it for all
   */
  async run<T>(position: number, body: () => Promise<T>): Promise<T> {
    if (!Number.isInteger(position)) throw new TypeError('a position is an integer');
    if (position < 0) throw new RangeError(`a position is 0 or more, not ${position}`);
    if (this.#claimed.has(position)) throw new MisuseError(`position ${position} of the sequence was used before`);
    this.#claimed.add(position);
    await this.#waitFor(position);
    try {
      return await body();
    } finally {
      this.#ended.add(position);
      this.#waiting.get(position + 1)?.resolve();
    }
  }

  async #waitFor(position: number): Promise<void> {
    if (!this.#broken && !this.#ended.has(position - 1)) {
      try {
        await suspend<void>((waiter) => this.#park(position, waiter), { kind: 'virtual' });
      } catch (error) {
        if (!(error instanceof Cancelled)) throw error;
        this.#break();
        throw new MisuseError('a wait in the sequencer was cancelled: the sequence is broken', { cause: error });
      } finally {
        this.#waiting.delete(position);
      }
    }
    if (this.#broken) throw new MisuseError('the sequence is broken: a wait in it was cancelled');
  }

  #park(position: number, waiter: Waiter<void>): () => void {
    this.#waiting.set(position, waiter);
    return () => undefined;
  }

  #break(): void {
    this.#broken = true;
    for (const waiter of [...this.#waiting.values()]) waiter.resolve();
  }
}

/**
 * A queue in an array. `Array.prototype.shift` moves everything behind it once the array is large, which makes draining a
 * long queue quadratic; this one moves a head index, and drops what was taken when that is half of the array.
 */
export class Fifo<T> {
  #values: (T | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#values.length - this.#head;
  }

  push(value: T): void {
    this.#values.push(value);
  }

  /** Takes out the oldest; only while `size` > 0. */
  shift(): T {
    const value = this.#values[this.#head] as T;
    // Not kept alive until the next clean-up.
    this.#values[this.#head++] = undefined;
    if (this.#head === this.#values.length) this.clear();
    else if (this.#head >= 64 && this.#head * 2 >= this.#values.length) {
      this.#values = this.#values.slice(this.#head);
      this.#head = 0;
    }
    return value;
  }

  clear(): void {
    this.#values = [];
    this.#head = 0;
  }
}

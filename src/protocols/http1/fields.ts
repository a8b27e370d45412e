/**
 * The fields of a head or of trailers, in their order.
 *
 * Names are kept in lower case, which is how they are compared (RFC 9110 §5.1); values are what stood on the wire without the white
 * space around them, bytes beyond ASCII as U+0080 to U+00FF. Several lines of one name stay several lines: joining them
 * with commas is right for lists and wrong for Set-Cookie, so it is left to whoever asks (`combined`).
 *
 * Two arrays and a linear search, not a Map: a request has a dozen fields, of which a server looks at two.
 */
export class Fields implements Iterable<readonly [name: string, value: string]> {
  readonly #names: readonly string[];
  readonly #values: readonly string[];

  /** @param names in lower case */
  constructor(names: readonly string[], values: readonly string[]) {
    this.#names = names;
    this.#values = values;
  }

  get count(): number {
    return this.#names.length;
  }

  /** How many lines have this name. @param name in lower case */
  countOf(name: string): number {
    let count = 0;
    for (const one of this.#names) if (one === name) count++;
    return count;
  }

  has(name: string): boolean {
    return this.#names.includes(name);
  }

  /** The first value. @param name in lower case */
  get(name: string): string | undefined {
    const at = this.#names.indexOf(name);
    return at === -1 ? undefined : this.#values[at];
  }

  /** All values, line by line. @param name in lower case */
  all(name: string): string[] {
    return this.#values.filter((_, i) => this.#names[i] === name);
  }

  /** The values as one list (RFC 9110 §5.3), or `undefined`. Not for Set-Cookie. @param name in lower case */
  combined(name: string): string | undefined {
    const first = this.#names.indexOf(name);
    if (first === -1) return undefined;
    if (this.#names.indexOf(name, first + 1) === -1) return this.#values[first];
    return this.all(name).join(', ');
  }

  /** Whether a comma-separated list has this member, in any case. @param name in lower case @param member in lower case */
  lists(name: string, member: string): boolean {
    const first = this.#names.indexOf(name);
    if (first === -1) return false;
    return this.all(name).some((value) => value.split(',').some((one) => one.trim().toLowerCase() === member));
  }

  *[Symbol.iterator](): Generator<readonly [name: string, value: string], undefined> {
    for (let i = 0; i < this.#names.length; i++) yield [this.#names[i] as string, this.#values[i] as string];
  }
}

export const NO_FIELDS: Fields = new Fields([], []);

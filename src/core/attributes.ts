/**
 * Typed facts that pass through wrappers.
 *
 * A stream is often a stack: TLS over a SOCKS tunnel over TCP. "Who is the peer?" must be answerable from the top of the
 * stack without knowing how it is built. So a resource may answer questions by key (`[attributes]`), and a wrapper names
 * what it wraps (`[wrapped]`). `attributeOf` asks from the outside in, and the first answer wins: a PROXY protocol
 * wrapper that knows the real client address answers before the TCP stream below it, which knows the balancer's.
 *
 * Keys are objects, not strings, so two modules cannot collide and the value's type comes with the key. A key lives with
 * the module that owns the fact.
 *
 * Source: anyio `TypedAttributeProvider`; outermost-wins is the same rule.
 */
export interface AttributeKey<out T> {
  /** For error messages and tables; not an identity. */
  readonly name: string;
  /** Never set: carries the type. */
  readonly valueType?: T;
}

/** Method by which a resource answers an attribute question; `undefined` means "I do not know". */
export const attributes: unique symbol = Symbol.for('bowline.attributes');
/** Property by which a wrapper names what it wraps, outermost first where there are several. */
export const wrapped: unique symbol = Symbol.for('bowline.wrapped');

export interface AttributeSource {
  [attributes]?(key: AttributeKey<unknown>): unknown;
  readonly [wrapped]?: unknown;
}

export function attributeKey<T>(name: string): AttributeKey<T> {
  return Object.freeze({ name });
}

/**
 * The value of an attribute, from the outermost layer that knows it, or `undefined` where none does.
 *
 * @param resource any object; one without attributes answers nothing
 */
export function attributeOf<T>(resource: object, key: AttributeKey<T>): T | undefined {
  const visited = new Set<object>();
  const pending: object[] = [resource];
  while (pending.length > 0) {
    const layer = pending.pop() as AttributeSource;
    if (visited.has(layer)) continue;
    visited.add(layer);
    const value = layer[attributes]?.(key);
    if (value !== undefined) return value as T;
    const below = layer[wrapped];
    const inner = Array.isArray(below) ? below : [below];
    for (let i = inner.length - 1; i >= 0; i--) {
      const next: unknown = inner[i];
      if (typeof next === 'object' && next !== null) pending.push(next);
    }
  }
  return undefined;
}

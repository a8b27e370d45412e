/**
 * The valid policy graph (RFC 9618 §3, replacing the tree of RFC 5280 §6.1.2): which policies hold from the anchor down to a
 * certificate.
 *
 * The tree of RFC 5280 has a copy of a node for every way to reach it, and mappings make those exponential (CVE-2023-0464). In the
 * graph a policy is at most once on each level, so its size is bounded by what the certificates list.
 */
import { ANY_POLICY } from '../extensions/certificate-policies.ts';

interface PolicyNode {
  readonly policy: string;
  /** Policies of the next certificate that continue this one: itself, unless mapped. */
  expected: ReadonlySet<string>;
  readonly parents: readonly PolicyNode[];
  children: number;
}

type Level = Map<string, PolicyNode>;

export class PolicyGraph {
  readonly #levels: Level[] = [
    new Map([[ANY_POLICY, { policy: ANY_POLICY, expected: new Set([ANY_POLICY]), parents: [], children: 0 }]]),
  ];

  /** Whether nothing is left: RFC 9618's NULL. */
  get isEmpty(): boolean {
    return this.#last.size === 0;
  }

  /** No certificate policies: no policy holds. */
  clear(): void {
    this.#levels.push(new Map());
  }

  /**
   * Goes down to a certificate with these policies (§6.1.3 (d)).
   *
   * @param allowAny whether anyPolicy among them counts
   */
  descend(policies: ReadonlySet<string>, allowAny: boolean): void {
    const above = this.#last;
    const continuing = byExpectedPolicy(above);
    const level: Level = new Map();
    const add = (policy: string, parents: readonly PolicyNode[]): void => {
      for (const parent of parents) parent.children += 1;
      level.set(policy, { policy, expected: new Set([policy]), parents, children: 0 });
    };
    const any = above.get(ANY_POLICY);
    for (const policy of policies) {
      if (policy === ANY_POLICY) continue;
      const parents = continuing.get(policy) ?? (any === undefined ? undefined : [any]);
      if (parents !== undefined) add(policy, parents);
    }
    if (allowAny && policies.has(ANY_POLICY))
      for (const [policy, parents] of continuing) if (!level.has(policy)) add(policy, parents);
    this.#levels.push(level);
    this.#prune();
  }

  /** Renames a policy for the certificates below (§6.1.4 (b)). */
  map(policy: string, expected: ReadonlySet<string>): void {
    const node = this.#last.get(policy);
    if (node !== undefined) {
      node.expected = expected;
      return;
    }
    const above = this.#levels.at(-2)?.get(ANY_POLICY);
    if (!this.#last.has(ANY_POLICY) || above === undefined) return;
    above.children += 1;
    this.#last.set(policy, { policy, expected, parents: [above], children: 0 });
  }

  /** Drops policies that would have to be mapped where mapping is inhibited. */
  drop(policies: Iterable<string>): void {
    for (const policy of policies) {
      const node = this.#last.get(policy);
      if (node === undefined) continue;
      this.#last.delete(policy);
      for (const parent of node.parents) parent.children -= 1;
    }
    this.#prune();
  }

  /** The policies of the anchor's domain that hold for the whole path (§6.1.5 (g) (1) to (4)); anyPolicy may be one. */
  authorityConstrained(): Set<string> {
    const found = new Set<string>();
    if (this.isEmpty) return found;
    for (const level of this.#levels)
      for (const { policy, parents } of level.values())
        if (policy !== ANY_POLICY && parents.length === 1 && parents[0]?.policy === ANY_POLICY) found.add(policy);
    if (this.#last.has(ANY_POLICY)) found.add(ANY_POLICY);
    return found;
  }

  get #last(): Level {
    return this.#levels.at(-1) as Level;
  }

  /** Removes what leads nowhere, from the last level but one upwards. */
  #prune(): void {
    for (const level of this.#levels.slice(0, -1).reverse()) {
      for (const [policy, node] of level) {
        if (node.children > 0) continue;
        level.delete(policy);
        for (const parent of node.parents) parent.children -= 1;
      }
    }
  }
}

function byExpectedPolicy(level: Level): Map<string, PolicyNode[]> {
  const found = new Map<string, PolicyNode[]>();
  for (const node of level.values()) {
    for (const policy of node.expected) {
      const others = found.get(policy);
      if (others === undefined) found.set(policy, [node]);
      else others.push(node);
    }
  }
  return found;
}

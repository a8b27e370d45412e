/**
 * Certificate policies along a path (RFC 5280 §6.1, with the graph of RFC 9618).
 *
 * Nearly no program cares under which policy it was talked to, so by default every policy is acceptable and none is required. But an
 * issuer may require one below it (policyConstraints), and that extension is critical: it has to be obeyed, and so mappings and
 * inhibitAnyPolicy have to be as well. A program that does care gives the policies that it accepts; then the path needs one of
 * them (`initial-explicit-policy`). Mappings are always allowed at the start, and so is anyPolicy.
 *
 * Policies of an anchor's own certificate are not part of the path (§6.1: "the trust anchor is not").
 */
import { isSelfIssued } from '../certificate.ts';
import type { Certificate } from '../certificate.ts';
import { ANY_POLICY } from '../extensions/certificate-policies.ts';
import type { PolicyMapping } from '../extensions/policy-constraints.ts';
import { PolicyGraph } from './policy-graph.ts';
import { finding } from './refusal.ts';
import type { Finding } from './refusal.ts';

/** The policies that hold, or which certificate left none. */
export type PolicyOutcome =
  | { readonly policies: ReadonlySet<string>; readonly finding?: undefined }
  | { readonly finding: Finding; readonly depth: number };

/**
 * @param path the end entity's certificate first; without the anchor's
 * @param accepted policies of which one has to hold; undefined: any or none
 */
export function checkPolicies(path: readonly Certificate[], accepted: ReadonlySet<string> | undefined): PolicyOutcome {
  const graph = new PolicyGraph();
  // Certificates that may follow before each rule bites (§6.1.2 (d) to (f)); n + 1 is never.
  const never = path.length + 1;
  const left = { explicitPolicy: accepted === undefined ? never : 0, anyPolicy: never, mapping: never };
  for (const [depth, certificate] of [...path.entries()].reverse()) {
    const { certificatePolicies, policyConstraints, policyMappings, inhibitAnyPolicy } = certificate.extensions;
    const selfIssued = isSelfIssued(certificate);
    if (certificatePolicies === undefined) graph.clear();
    else if (!graph.isEmpty) graph.descend(certificatePolicies, left.anyPolicy > 0 || (depth > 0 && selfIssued));
    if (left.explicitPolicy === 0 && graph.isEmpty)
      return { finding: finding('policy', 'it leaves no policy that is valid, where one is required'), depth };
    if (depth === 0) {
      // §6.1.5 (a), (b).
      left.explicitPolicy = Math.max(0, left.explicitPolicy - 1);
      if (policyConstraints?.requireExplicitPolicy === 0) left.explicitPolicy = 0;
      break;
    }
    if (policyMappings !== undefined) applyMappings(graph, policyMappings, left.mapping > 0);
    if (!selfIssued) {
      left.explicitPolicy = Math.max(0, left.explicitPolicy - 1);
      left.anyPolicy = Math.max(0, left.anyPolicy - 1);
      left.mapping = Math.max(0, left.mapping - 1);
    }
    left.explicitPolicy = Math.min(left.explicitPolicy, policyConstraints?.requireExplicitPolicy ?? never);
    left.mapping = Math.min(left.mapping, policyConstraints?.inhibitPolicyMapping ?? never);
    left.anyPolicy = Math.min(left.anyPolicy, inhibitAnyPolicy ?? never);
  }
  const policies = userConstrained(graph.authorityConstrained(), accepted);
  if (left.explicitPolicy > 0 || policies.size > 0) return { policies };
  return { finding: finding('policy', 'none of the policies that hold for it is accepted'), depth: 0 };
}

function applyMappings(graph: PolicyGraph, mappings: readonly PolicyMapping[], allowed: boolean): void {
  const bySource = new Map<string, Set<string>>();
  for (const { issuerDomainPolicy, subjectDomainPolicy } of mappings) {
    const known = bySource.get(issuerDomainPolicy);
    if (known === undefined) bySource.set(issuerDomainPolicy, new Set([subjectDomainPolicy]));
    else known.add(subjectDomainPolicy);
  }
  if (allowed) for (const [policy, expected] of bySource) graph.map(policy, expected);
  else graph.drop(bySource.keys());
}

/** §6.1.5 (g) (5), (6). */
function userConstrained(
  authority: ReadonlySet<string>,
  accepted: ReadonlySet<string> | undefined,
): ReadonlySet<string> {
  if (accepted === undefined || accepted.has(ANY_POLICY)) return authority;
  if (authority.has(ANY_POLICY)) return accepted;
  return new Set([...authority].filter((policy) => accepted.has(policy)));
}

/**
 * Applying an issuer's name constraints to everything below it (RFC 5280 §4.2.1.10, §6.1.3 (b) and (c)).
 *
 * RFC 5280 walks down from the anchor and carries permitted and excluded subtrees along. Walking up, as the builder does, it is
 * the same to check each issuer's own constraints against all names below it: intersecting permitted subtrees means satisfying each
 * issuer's list, and the union of excluded ones means matching none.
 *
 * Which names: of the end entity's certificate and of every intermediate that is not self-issued, the subject alternative names, the
 * subject itself unless it is empty, and, only where there are no alternative names, email addresses in the subject. The common
 * name is no DNS name to anybody here, so it is not constrained as one.
 */
import { isSelfIssued } from '../certificate.ts';
import type { Certificate } from '../certificate.ts';
import type { GeneralName } from '../extensions/general-name.ts';
import { attributeTexts, attributeTypes } from '../name.ts';
import type { WorkBudget } from './limits.ts';
import { matchName } from './name-matching.ts';
import type { Side } from './name-matching.ts';
import { finding } from './refusal.ts';
import type { Finding } from './refusal.ts';

/**
 * @param below the path from the end entity's certificate up to, but without, `issuer`
 * @returns the finding is about `below[depth]`
 */
export function checkNameConstraints(
  issuer: Certificate,
  below: readonly Certificate[],
  budget: WorkBudget,
): (Finding & { readonly depth: number }) | undefined {
  const constraints = issuer.extensions.nameConstraints;
  if (constraints === undefined) return undefined;
  for (const [depth, certificate] of below.entries()) {
    if (depth > 0 && isSelfIssued(certificate)) continue;
    const names = namesOf(certificate);
    const found =
      checkSide(names, constraints.excluded, 'excluded', budget) ??
      checkSide(names, constraints.permitted, 'permitted', budget);
    if (found !== undefined) return { ...found, depth };
  }
  return undefined;
}

function checkSide(
  names: readonly GeneralName[],
  constraints: readonly GeneralName[],
  side: Side,
  budget: WorkBudget,
): Finding | undefined {
  const byKind = new Map<GeneralName['kind'], GeneralName[]>();
  for (const constraint of constraints) {
    const sameKind = byKind.get(constraint.kind);
    if (sameKind === undefined) byKind.set(constraint.kind, [constraint]);
    else sameKind.push(constraint);
  }
  for (const name of names) {
    const relevant = byKind.get(name.kind);
    if (relevant === undefined) continue;
    budget.spendNameComparisons(relevant.length);
    const matches = relevant.map((constraint) => matchName(name, constraint, side));
    if (matches.includes('malformed'))
      return finding(
        'name-constraint',
        `a ${name.kind} name or an issuer's constraint on such names cannot be understood`,
      );
    if (side === 'excluded' && matches.includes(true))
      return finding('name-constraint', `its ${name.kind} name is one that an issuer's name constraints exclude`);
    if (side === 'permitted' && !matches.includes(true))
      return finding(
        'name-constraint',
        `its ${name.kind} name is not among those that an issuer's name constraints permit`,
      );
  }
  return undefined;
}

function namesOf({ subject, extensions }: Certificate): GeneralName[] {
  const names: GeneralName[] = [...(extensions.subjectAlternativeName ?? [])];
  if (subject.rdns.length > 0) names.push({ kind: 'directory', name: subject });
  if (extensions.subjectAlternativeName === undefined)
    for (const address of attributeTexts(subject, attributeTypes.emailAddress)) names.push({ kind: 'email', address });
  return names;
}

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
 *
 * One checker serves one search: what it has read of a certificate it keeps, since paths meet the same certificates again and
 * again.
 */
import { isSelfIssued } from '../certificate.ts';
import type { Certificate } from '../certificate.ts';
import type { GeneralName } from '../extensions/general-name.ts';
import { attributeTexts, attributeTypes } from '../name.ts';
import type { WorkBudget } from './limits.ts';
import { matches, readConstraint, readName } from './name-matching.ts';
import type { ReadConstraint, ReadName, Side } from './name-matching.ts';
import { finding } from './refusal.ts';
import type { Finding } from './refusal.ts';

type Kind = GeneralName['kind'];
type ConstraintsByKind = ReadonlyMap<Kind, readonly ReadConstraint[]>;

export class NameConstraintChecker {
  readonly #budget: WorkBudget;
  readonly #names = new Map<Certificate, readonly { readonly kind: Kind; readonly name: ReadName }[]>();
  readonly #constraints = new Map<readonly GeneralName[], ConstraintsByKind>();

  constructor(budget: WorkBudget) {
    this.#budget = budget;
  }

  /**
   * @param below the path from the end entity's certificate up to, but without, `issuer`
   * @returns the finding is about `below[depth]`
   */
  check(issuer: Certificate, below: readonly Certificate[]): (Finding & { readonly depth: number }) | undefined {
    const constraints = issuer.extensions.nameConstraints;
    if (constraints === undefined) return undefined;
    for (const [depth, certificate] of below.entries()) {
      if (depth > 0 && isSelfIssued(certificate)) continue;
      const found =
        this.#checkSide(certificate, constraints.excluded, 'excluded') ??
        this.#checkSide(certificate, constraints.permitted, 'permitted');
      if (found !== undefined) return { ...found, depth };
    }
    return undefined;
  }

  #checkSide(certificate: Certificate, constraints: readonly GeneralName[], side: Side): Finding | undefined {
    const byKind = this.#constraintsByKind(constraints);
    const names = this.#namesOf(certificate);
    this.#budget.spendNameComparisons(names.length);
    for (const { kind, name } of names) {
      const relevant = byKind.get(kind);
      if (relevant === undefined) continue;
      this.#budget.spendNameComparisons(relevant.length);
      let within = false;
      for (const constraint of relevant) {
        const match = matches(name, constraint, side);
        if (match === 'malformed')
          return violation(`a ${kind} name in it, or an issuer's constraint on such names, cannot be understood`);
        within ||= match;
      }
      if (within === (side === 'excluded'))
        return violation(
          `its ${kind} name is ${within ? 'excluded' : 'not permitted'} by an issuer's name constraints`,
        );
    }
    return undefined;
  }

  #namesOf(certificate: Certificate): readonly { readonly kind: Kind; readonly name: ReadName }[] {
    const known = this.#names.get(certificate);
    if (known !== undefined) return known;
    const names = namesOf(certificate).map((name) => ({ kind: name.kind, name: readName(name) }));
    this.#names.set(certificate, names);
    return names;
  }

  #constraintsByKind(constraints: readonly GeneralName[]): ConstraintsByKind {
    const known = this.#constraints.get(constraints);
    if (known !== undefined) return known;
    const byKind = new Map<Kind, ReadConstraint[]>();
    for (const constraint of constraints) {
      const sameKind = byKind.get(constraint.kind);
      if (sameKind === undefined) byKind.set(constraint.kind, [readConstraint(constraint)]);
      else sameKind.push(readConstraint(constraint));
    }
    this.#constraints.set(constraints, byKind);
    return byKind;
  }
}

function violation(problem: string): Finding {
  return finding('name-constraint', problem);
}

function namesOf({ subject, extensions }: Certificate): GeneralName[] {
  const names: GeneralName[] = [...(extensions.subjectAlternativeName ?? [])];
  if (subject.rdns.length > 0) names.push({ kind: 'directory', name: subject });
  if (extensions.subjectAlternativeName === undefined)
    for (const address of attributeTexts(subject, attributeTypes.emailAddress)) names.push({ kind: 'email', address });
  return names;
}

/**
 * Where the CRLs of a certificate are (RFC 5280 §4.2.1.13), and the type that the CRL's own scope uses (§5.2.5). bowline fetches
 * none; the names tell whether a CRL that was given is one that speaks for the certificate.
 */
import type { Bytes } from '../../../core/bytes.ts';
import type { DerReader } from '../der-reader.ts';
import { contextConstructed, contextPrimitive } from '../der-tag.ts';
import { readRelativeName } from '../name.ts';
import type { RelativeName } from '../name.ts';
import { readValue } from './extension.ts';
import { readGeneralNames } from './general-name.ts';
import type { GeneralName } from './general-name.ts';

export type DistributionPointName =
  | { readonly kind: 'full'; readonly names: readonly GeneralName[] }
  /** Relative to the name of the CRL's issuer. */
  | { readonly kind: 'relative'; readonly name: RelativeName };

export interface DistributionPoint {
  readonly name: DistributionPointName | undefined;
  /** Indexed as `revocationReasons`; undefined: all reasons. */
  readonly reasons: readonly boolean[] | undefined;
  /** Somebody other than the certificate's issuer: an indirect CRL. */
  readonly crlIssuer: readonly GeneralName[] | undefined;
}

export const CRL_DISTRIBUTION_POINTS = '2.5.29.31';

/** ReasonFlags has nine bits; the first is unused. */
export const REASON_FLAGS = 9;

export function parseDistributionPoints(value: Bytes): readonly DistributionPoint[] {
  return readValue(value, 'RFC 5280 §4.2.1.13', (reader) =>
    reader.sequence().items((list) => {
      const point = list.sequence();
      const name = readDistributionPointName(point);
      const reasons =
        point.nextTag === contextPrimitive(1) ? point.namedBits(REASON_FLAGS, contextPrimitive(1)) : undefined;
      const issuer = point.optionalInside(contextConstructed(2));
      const crlIssuer = issuer === undefined ? undefined : readGeneralNames(issuer);
      point.expectEnd();
      // "A DistributionPoint MUST NOT consist of only the reasons field."
      if (name === undefined && crlIssuer === undefined) list.fail('a distribution point without a name or an issuer');
      return { name, reasons, crlIssuer };
    }, 1),
  );
}

/** `[0] DistributionPointName`, a CHOICE and so explicit; undefined where it is absent. */
export function readDistributionPointName(fields: DerReader): DistributionPointName | undefined {
  const choice = fields.explicit(0);
  if (choice === undefined) return undefined;
  const full = choice.optionalInside(contextConstructed(0));
  const name: DistributionPointName =
    full === undefined
      ? { kind: 'relative', name: readRelativeName(choice.inside(contextConstructed(1))) }
      : { kind: 'full', names: readGeneralNames(full) };
  choice.expectEnd();
  return name;
}

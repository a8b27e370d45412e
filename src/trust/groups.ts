/**
 * Key exchange groups by their IANA names ("TLS Supported Groups"), with OpenSSL's names and the code points.
 *
 * The NIST curves, the two of RFC 7748, and the hybrid of X25519 with ML-KEM-768, which needs OpenSSL 3.5. Finite fields,
 * Brainpool and secp256k1 are left out: nobody needs them who does not also need the advice not to.
 */
import { quoteText } from '../core/quote.ts';

export interface KeyExchangeGroup {
  /** IANA name. */
  readonly name: string;
  readonly id: number;
  readonly openssl: string;
  /** Whether every OpenSSL that runs this library has it; else the shell has to ask first. */
  readonly isCommon: boolean;
}

/** In order of preference. */
const keyExchangeGroups: readonly KeyExchangeGroup[] = Object.freeze(
  [
    { name: 'X25519MLKEM768', id: 0x11ec, openssl: 'X25519MLKEM768', isCommon: false },
    { name: 'x25519', id: 0x001d, openssl: 'X25519', isCommon: true },
    { name: 'secp256r1', id: 0x0017, openssl: 'prime256v1', isCommon: true },
    { name: 'secp384r1', id: 0x0018, openssl: 'secp384r1', isCommon: true },
    { name: 'secp521r1', id: 0x0019, openssl: 'secp521r1', isCommon: true },
    { name: 'x448', id: 0x001e, openssl: 'X448', isCommon: true },
  ].map((group) => Object.freeze(group)),
);

/**
 * The groups of these names, in their order.
 *
 * @throws TypeError not an array of strings
 * @throws RangeError the list is empty, or a name is unknown or there twice
 */
export function keyExchangeGroupsOf(names: readonly string[]): readonly KeyExchangeGroup[] {
  if (!Array.isArray(names) || names.some((name) => typeof name !== 'string'))
    throw new TypeError('groups must be an array of IANA names, such as x25519');
  if (names.length === 0) throw new RangeError('groups must not be empty: no keys could be agreed on');
  if (new Set(names).size !== names.length) throw new RangeError('groups has a name twice');
  return Object.freeze(
    (names as readonly string[]).map((name) => {
      const known = keyExchangeGroups.find((group) => group.name === name);
      if (known !== undefined) return known;
      const all = keyExchangeGroups.map((group) => group.name).join(', ');
      throw new RangeError(`the group ${quoteText(name)} is not one of ${all}`);
    }),
  );
}

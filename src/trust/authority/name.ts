/**
 * Names in certificates: distinguished names (RFC 5280 §4.1.2.4) for issuer and subject, and general names (§4.2.1.6), by
 * which a server or a person is known.
 *
 * A general name is written as people write it: `example.org`, `*.example.org`, `192.0.2.1`, `::1`. A prefix says which kind
 * it is where that is not plain: `email:`, `uri:`, and `dns:`, which takes the name as it stands, for a test that needs a bad one.
 */
import { domainToASCII } from 'node:url';

import type { Bytes } from '../../core/bytes.ts';
import { parseCidr } from '../../core/cidr.ts';
import { tryParseIpAddress } from '../../core/ip-address.ts';
import { quoteText } from '../../core/quote.ts';
import { contextPrimitive } from '../../protocols/x509/der-tag.ts';
import { ia5String, implicit, oid, sequence, setOf, utf8String } from '../../protocols/x509/der-writer.ts';

export interface NameParts {
  readonly commonName?: string | undefined;
  readonly organization?: string | undefined;
  readonly unit?: string | undefined;
}

/** A Name, from its parts. @throws RangeError a part has 0 or more than 64 characters (RFC 5280 appendix A.1) */
export function distinguishedName({ organization, unit, commonName }: NameParts): Bytes {
  const attributes = [
    ['2.5.4.10', organization],
    ['2.5.4.11', unit],
    ['2.5.4.3', commonName],
  ] as const;
  return sequence(
    ...attributes.flatMap(([type, value]) => {
      if (value === undefined) return [];
      if (value === '' || [...value].length > 64) {
        throw new RangeError(`a part of a name has 1 to 64 characters, not ${[...value].length}`);
      }
      return [setOf(sequence(oid(type), utf8String(value)))];
    }),
  );
}

/** A GeneralName. @throws RangeError the text is no name */
export function generalName(text: string): Bytes {
  const [kind, value] = kindOf(text);
  if (kind === 'ip') return implicit(7, value);
  return ia5String(value, contextPrimitive(kindTags[kind]));
}

/**
 * The base of a GeneralSubtree (RFC 5280 §4.2.1.10): like a name, but an IP address is a block, `192.0.2.0/24`.
 *
 * @throws RangeError the text is no name; AddressError the text is a bad block
 */
export function nameConstraint(text: string): Bytes {
  const address = text.split('/')[0] ?? '';
  if (tryParseIpAddress(address) === undefined) return generalName(text);
  const { bytes, prefixLength } = parseCidr(text);
  const mask = bytes.map((_, i) => 0xff & ~(0xff >> Math.min(8, Math.max(0, prefixLength - 8 * i))));
  return implicit(7, Uint8Array.of(...bytes, ...mask));
}

const kindTags = { email: 1, dns: 2, uri: 6 } as const;

type Kind = readonly ['ip', Bytes] | readonly [keyof typeof kindTags, string];

function kindOf(text: string): Kind {
  const address = tryParseIpAddress(text);
  if (address !== undefined) {
    if (address.scopeId !== undefined)
      throw new RangeError(`${quoteText(text)}: a zone means nothing in a certificate`);
    return ['ip', address.bytes];
  }
  const prefix = /^(email|uri|dns):(.*)$/s.exec(text);
  if (prefix !== null) return [prefix[1] as keyof typeof kindTags, prefix[2] ?? ''];
  const [, front = '', host = ''] = /^(\*\.|\.)?(.*)$/s.exec(text) ?? [];
  // domainToASCII reads like a URL: it would stop at a slash, and turn an escape into what it stands for.
  const ascii = /^(?:[0-9A-Za-z._-]|[^\0-\x7f])+$/.test(host) ? domainToASCII(host) : '';
  if (ascii === '') throw new RangeError(`${quoteText(text)} is not the name of a host`);
  return ['dns', `${front}${ascii}`];
}

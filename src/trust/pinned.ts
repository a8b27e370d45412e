/**
 * Pins: the peer is whoever has one of these keys.
 *
 * A pin is the SHA-256 of the SubjectPublicKeyInfo, in base64, as in RFC 7469 §2.4. It is compared with the key that the
 * peer itself has and has proved to hold, not with those of the issuers it sent along: anybody can send a certificate of
 * somebody else. Names, dates and issuers are not looked at, so a pin does without a server name, and works for raw public
 * keys; `allOf(pki(), pinned(…))` checks both.
 *
 * Give two pins, the second of a key that is kept safe and not in use: else the day the first is lost is the day that
 * nobody can connect any more.
 */
import { createHash } from 'node:crypto';

import type { Bytes } from '../core/bytes.ts';
import type { CertificateErrorDetails } from '../core/errors.ts';
import { CertificateError } from '../core/errors.ts';
import type { Verifier } from './verifier.ts';

/** The key of the peer is not one that was expected. */
export class PinError extends CertificateError {
  override readonly code = 'ERR_BOWLINE_PIN';
  /** The pins that would have been accepted. */
  readonly expectedPins: readonly string[];
  /** The pin of the key that the peer has. */
  readonly presentedPin: string;
  constructor(
    message: string,
    expectedPins: readonly string[],
    presentedPin: string,
    details: CertificateErrorDetails = { reason: 'pin-mismatch' },
  ) {
    super(message, details);
    this.expectedPins = expectedPins;
    this.presentedPin = presentedPin;
  }
}

/**
 * A verifier that accepts exactly the peers with one of these keys.
 *
 * @param pins each the base64 of 32 bytes, with or without `sha256/` in front (as curl writes it); at least one
 * @throws TypeError, RangeError a pin is not one, or there is none
 */
export function pinned(pins: readonly string[]): Verifier {
  if (!Array.isArray(pins) || pins.some((pin) => typeof pin !== 'string'))
    throw new TypeError('pins must be an array of strings');
  if (pins.length === 0) throw new RangeError('there must be at least one pin: none would refuse everybody');
  const expected = Object.freeze(pins.map(normalPin));
  const verify = (peer: Parameters<Verifier>[0]): void => {
    const presented = pinOf(peer.publicKeyInfo);
    if (!expected.includes(presented))
      throw new PinError(`the key of the peer has the pin ${presented}, which is not expected`, expected, presented);
  };
  return Object.freeze(Object.assign(verify, { needsName: false }));
}

/** The pin of a public key: base64 of the SHA-256 of its SubjectPublicKeyInfo (DER). */
export function pinOf(publicKeyInfo: Uint8Array): string {
  return createHash('sha256').update(publicKeyInfo).digest('base64');
}

function normalPin(text: string): string {
  const pin = text.replace(/^sha256\//, '');
  const bytes: Bytes = new Uint8Array(Buffer.from(pin, 'base64'));
  if (bytes.length !== 32 || Buffer.from(bytes).toString('base64') !== pin)
    throw new RangeError('a pin must be the base64 of the SHA-256 of a public key: 44 characters');
  return pin;
}

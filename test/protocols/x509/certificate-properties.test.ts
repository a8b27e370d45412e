import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { parseCertificate } from '#src/protocols/x509/certificate.js';
import * as der from '#src/protocols/x509/der-writer.js';
import { hexOf } from '#src/protocols/x509/hex.js';
import { attributeTexts, attributeTypes, formatName } from '#src/protocols/x509/name.js';
import { parseRevocationList } from '#src/protocols/x509/revocation/revocation-list.js';
import { DAY, extension, issueDer, nameOf, NOW } from './issuing.js';
import { crlNumber, revocationList } from './revocation-issuing.js';

const second = fc
  .integer({ min: Date.UTC(1950, 0, 1) / 1000, max: Date.UTC(9999, 11, 31) / 1000 })
  .map((s) => s * 1000);
const serial = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((octets) => der.integer(octets).subarray(2));
const unknownExtension = fc
  .tuple(fc.integer({ min: 1000, max: 9999 }), fc.boolean(), fc.uint8Array({ maxLength: 300 }))
  .map(([arc, critical, value]) => ({ oid: `1.3.6.1.4.1.${arc}`, critical, value }));

test('what is put into a certificate comes out of it', () => {
  fc.assert(
    fc.property(
      serial,
      second,
      second,
      fc.string({ maxLength: 40, unit: 'binary' }),
      fc.uniqueArray(unknownExtension, { maxLength: 5, selector: ({ oid }) => oid }),
      (number, notBefore, notAfter, subject, unknown) => {
        const whole = issueDer({
          serial: number,
          notBefore,
          notAfter,
          subjectName: nameOf(subject),
          signature: () => new Uint8Array(8),
          extensions: unknown.map(({ oid, critical, value }) => extension(oid, critical, value)),
        });
        const certificate = parseCertificate(whole);
        assert.deepEqual(certificate.raw, whole);
        assert.equal(hexOf(certificate.serial), hexOf(number));
        assert.equal(certificate.notBefore, notBefore);
        assert.equal(certificate.notAfter, notAfter);
        assert.deepEqual(
          attributeTexts(certificate.subject, attributeTypes.commonName),
          subject === '' ? [] : [new TextDecoder().decode(new TextEncoder().encode(subject))],
        );
        assert.match(formatName(certificate.subject), /^[^\p{C}]*$/u);
        assert.deepEqual(
          certificate.extensions.list.map(({ oid, critical, value }) => [oid, critical, hexOf(value)]),
          unknown.map(({ oid, critical, value }) => [oid, critical, hexOf(value)]),
        );
      },
    ),
    { numRuns: 200 },
  );
});

test('what is put on a revocation list is found there, and nothing else is', () => {
  fc.assert(
    fc.property(fc.uniqueArray(serial, { maxLength: 20, selector: hexOf }), serial, (revoked, other) => {
      const list = parseRevocationList(
        revocationList({ revoked: revoked.map((number) => ({ serial: number })), extensions: [crlNumber] }),
      );
      assert.equal(list.size, revoked.length);
      for (const number of revoked) assert.equal(list.find(number)?.revokedAt, NOW - 2 * DAY);
      assert.equal(list.find(other) === undefined, !revoked.some((number) => hexOf(number) === hexOf(other)));
    }),
    { numRuns: 50 },
  );
});

test('names are equal by RFC 5280 §7.1 whatever their string type, case and white space', () => {
  const subject = (element: Uint8Array): string =>
    parseCertificate(
      issueDer({
        subjectName: der.sequence(der.setOf(der.sequence(der.oid('2.5.4.3'), element))),
        signature: () => new Uint8Array(8),
      }),
    ).subject.key;
  const utf16 = (text: string): Uint8Array => der.element(0x1e, Buffer.from(text, 'utf16le').swap16());
  const expected = subject(der.utf8String('Straße am Café'));
  assert.equal(subject(der.utf8String('  straße  AM cafe\u0301 ')), expected);
  assert.equal(subject(utf16('Straße am Café')), expected);
  assert.equal(subject(der.element(0x14, Buffer.from('Straße am Café', 'latin1'))), expected);
  assert.notEqual(subject(der.utf8String('Straße am Cafe')), expected);
  assert.equal(subject(der.printableString('Root CA')), subject(der.utf8String('root ca')));
  assert.notEqual(subject(der.octetString(new Uint8Array([1]))), subject(der.octetString(new Uint8Array([2]))));
});

test('a name cannot be made equal to another by what is in its values', () => {
  const key = (...values: string[]): string =>
    parseCertificate(
      issueDer({
        subjectName: der.sequence(
          ...values.map((text) => der.setOf(der.sequence(der.oid('2.5.4.3'), der.utf8String(text)))),
        ),
        signature: () => new Uint8Array(8),
      }),
    ).subject.key;
  assert.notEqual(key('a"]\n["2.5.4.3=b'), key('a', 'b'));
  assert.notEqual(key('a\n2.5.4.3=b'), key('a', 'b'));
});

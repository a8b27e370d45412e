import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ProtocolError } from 'bowline/core';
import * as der from '#src/protocols/x509/der-writer.js';
import { isCritical, unknownCritical } from '#src/protocols/x509/certificate-extensions.js';
import {
  alternativeNames,
  basicConstraints,
  directory,
  dns,
  extendedKeyUsage,
  extension,
  ip,
  issue,
  keyUsage,
  nameConstraints,
  nameOf,
  otherName,
  SERVER_AUTH,
  uri,
} from './issuing.js';

const list = (...elements: Uint8Array[]): Uint8Array => der.sequence(...elements);
const small = (value: number, number: number): Uint8Array => der.integer(value, 0x80 | number);

const malformed: [what: string, extension: Uint8Array, rule: string][] = [
  ['basic constraints that say FALSE', extension('2.5.29.19', true, list(der.boolean(false))), '§4.2.1.9'],
  ['a negative path length', extension('2.5.29.19', true, list(der.boolean(true), der.integer(-1))), '§4.2.1.9'],
  [
    'a third field of basic constraints',
    extension('2.5.29.19', true, list(der.boolean(true), der.integer(1), der.nullValue())),
    '§4.2.1.9',
  ],
  ['basic constraints that are no sequence', extension('2.5.29.19', true, der.boolean(true)), '§4.2.1.9'],
  [
    'something after basic constraints',
    extension('2.5.29.19', true, Buffer.concat([list(), der.nullValue()])),
    '§4.2.1.9',
  ],
  ['a key usage without a bit', extension('2.5.29.15', true, der.namedBits([])), '§4.2.1.3'],
  [
    'a key usage with a tenth bit',
    extension('2.5.29.15', true, der.namedBits(new Array<boolean>(10).fill(true))),
    '§4.2.1.3',
  ],
  ['an extended key usage without a purpose', extension('2.5.29.37', false, list()), '§4.2.1.12'],
  ['an extended key usage of texts', extension('2.5.29.37', false, list(der.utf8String('server'))), '§4.2.1.12'],
  ['alternative names without a name', extension('2.5.29.17', false, list()), '§4.2.1.6'],
  ['an alternative name of an unknown kind', alternativeNames(der.implicit(9, new Uint8Array(1))), '§4.2.1.6'],
  ['a DNS name with an umlaut', alternativeNames(der.implicit(2, Buffer.from('bücher.example'))), '§4.2.1.6'],
  ['an address of five octets', alternativeNames(ip(1, 2, 3, 4, 5)), '§4.2.1.6'],
  ['an address of none', alternativeNames(ip()), '§4.2.1.6'],
  ['a directory name without its tag', alternativeNames(der.retagged(0xa4, nameOf('a'))), '§4.2.1.6'],
  ['another name without a value', alternativeNames(der.explicit(0, der.oid('1.2.3'))), '§4.2.1.6'],
  ['name constraints without a subtree', nameConstraints([]), '§4.2.1.10'],
  ['an empty list of subtrees', extension('2.5.29.30', true, list(der.explicit(0))), '§4.2.1.10'],
  ['an address constraint without a mask', nameConstraints([ip(10, 0, 0, 0)]), '§4.2.1.10'],
  [
    'a subtree with a minimum',
    extension('2.5.29.30', true, list(der.explicit(0, list(dns('a'), small(1, 0))))),
    '§4.2.1.10',
  ],
  [
    'a subtree with a maximum',
    extension('2.5.29.30', true, list(der.explicit(0, list(dns('a'), small(1, 1))))),
    '§4.2.1.10',
  ],
  [
    'an authority key identifier with an issuer alone',
    extension('2.5.29.35', false, list(der.explicit(1, dns('a')))),
    '§4.2.1.1',
  ],
  [
    'an authority key identifier with a serial number alone',
    extension('2.5.29.35', false, list(small(1, 2))),
    '§4.2.1.1',
  ],
  ['an empty subject key identifier', extension('2.5.29.14', false, der.octetString()), '§4.2.1.2'],
  ['access information without a description', extension('1.3.6.1.5.5.7.1.1', false, list()), '§4.2.2.1'],
  [
    'access information without a location',
    extension('1.3.6.1.5.5.7.1.1', false, list(list(der.oid('1.3.6.1.5.5.7.48.1')))),
    '§4.2.2.1',
  ],
  ['policies without one', extension('2.5.29.32', false, list()), '§4.2.1.4'],
  ['one policy twice', extension('2.5.29.32', false, list(list(der.oid('1.2.3')), list(der.oid('1.2.3')))), '§4.2.1.4'],
  ['qualifiers that are none', extension('2.5.29.32', false, list(list(der.oid('1.2.3'), list()))), '§4.2.1.4'],
  ['policy constraints without a constraint', extension('2.5.29.36', true, list()), '§4.2.1.11'],
  ['a negative policy constraint', extension('2.5.29.36', true, list(small(-1, 0))), '§4.2.1.11'],
  ['mappings without one', extension('2.5.29.33', true, list()), '§4.2.1.5'],
  [
    'a mapping of anyPolicy',
    extension('2.5.29.33', true, list(list(der.oid('2.5.29.32.0'), der.oid('1.2.3')))),
    '§4.2.1.5',
  ],
  ['a negative inhibitAnyPolicy', extension('2.5.29.54', true, der.integer(-1)), '§4.2.1.14'],
  ['distribution points without one', extension('2.5.29.31', false, list()), '§4.2.1.13'],
  [
    'a distribution point of reasons alone',
    extension('2.5.29.31', false, list(list(der.namedBits([false, true], 0x81)))),
    '§4.2.1.13',
  ],
  ['TLS features that are texts', extension('1.3.6.1.5.5.7.1.24', false, list(der.utf8String('x'))), 'RFC 7633'],
  ['a TLS feature above 16 bits', extension('1.3.6.1.5.5.7.1.24', false, list(der.integer(65_536))), 'RFC 7633'],
  [
    'one extension twice',
    Buffer.concat([extension('1.2.3', false, new Uint8Array()), extension('1.2.3', false, new Uint8Array())]),
    '§4.1',
  ],
  ['an extension that says it is not critical', list(der.oid('1.2.3'), der.boolean(false), der.octetString()), '§4.1'],
  [
    '101 extensions',
    Buffer.concat(Array.from({ length: 101 }, (_, i) => extension(`1.2.${i}`, false, new Uint8Array()))),
    '§4.1',
  ],
  ['an extension without a value', list(der.oid('1.2.3')), '§4.1'],
];
for (const [what, wrong, rule] of malformed) {
  test(`a certificate with ${what} is malformed, by ${rule}`, () => {
    assert.throws(
      () => issue({ extensions: [wrong] }),
      (error) => error instanceof ProtocolError && error.rule.includes(rule),
    );
  });
}

const malformedCertificates: [string, () => unknown][] = [
  ['version 4', () => issue({ version: 4 })],
  ['extensions in version 2', () => issue({ version: 2, extensions: [basicConstraints(true)] })],
  ['parameters of ECDSA', () => issue({ outerAlgorithm: list(der.oid('1.2.840.10045.4.3.2'), der.nullValue()) })],
  ['parameters of Ed25519', () => issue({ outerAlgorithm: list(der.oid('1.3.101.112'), der.nullValue()) })],
  [
    'parameters of RSA other than NULL',
    () => issue({ outerAlgorithm: list(der.oid('1.2.840.113549.1.1.11'), der.oid('1.2.3')) }),
  ],
  ['RSASSA-PSS without parameters', () => issue({ outerAlgorithm: list(der.oid('1.2.840.113549.1.1.10')) })],
  [
    'RSASSA-PSS with a trailer of 2',
    () => issue({ outerAlgorithm: list(der.oid('1.2.840.113549.1.1.10'), list(der.explicit(3, der.integer(2)))) }),
  ],
  [
    'RSASSA-PSS with an unknown hash',
    () =>
      issue({ outerAlgorithm: list(der.oid('1.2.840.113549.1.1.10'), list(der.explicit(0, list(der.oid('1.2.3'))))) }),
  ],
  [
    'a UTF8String that is not UTF-8',
    () => issue({ subjectName: list(der.setOf(list(der.oid('2.5.4.3'), der.element(0x0c, new Uint8Array([0xff]))))) }),
  ],
  [
    'half a BMPString',
    () => issue({ subjectName: list(der.setOf(list(der.oid('2.5.4.3'), der.element(0x1e, new Uint8Array(3))))) }),
  ],
  [
    'a surrogate in a BMPString',
    () =>
      issue({ subjectName: list(der.setOf(list(der.oid('2.5.4.3'), der.element(0x1e, new Uint8Array([0xd8, 0]))))) }),
  ],
  ['a level of its name without an attribute', () => issue({ subjectName: list(der.setOf()) })],
  ['a serial number that is not minimal', () => issue({ serial: new Uint8Array([0, 1]) })],
];
for (const [what, make] of malformedCertificates) {
  test(`a certificate with ${what} is malformed`, () => assert.throws(make, ProtocolError));
}

const keyWith = (algorithm: Uint8Array, bits: Uint8Array) => () =>
  issue({
    key: {
      spki: list(algorithm, der.bitString(bits)) as Uint8Array<ArrayBuffer>,
      id: new Uint8Array(),
      privateKey: undefined as never,
    },
  });
const RSA = list(der.oid('1.2.840.113549.1.1.1'), der.nullValue());
const P256 = list(der.oid('1.2.840.10045.2.1'), der.oid('1.2.840.10045.3.1.7'));
const odd = Buffer.concat([new Uint8Array([0x80]), new Uint8Array(254), new Uint8Array([1])]);
const malformedKeys: [string, () => unknown][] = [
  ['an even modulus', keyWith(RSA, list(der.integer(new Uint8Array(256).fill(2)), der.integer(65_537)))],
  ['a negative modulus', keyWith(RSA, list(der.integer(-5), der.integer(65_537)))],
  ['the exponent 1', keyWith(RSA, list(der.integer(odd), der.integer(1)))],
  ['an even exponent', keyWith(RSA, list(der.integer(odd), der.integer(65_536)))],
  ['an exponent of 72 bits', keyWith(RSA, list(der.integer(odd), der.integer(2n ** 71n + 1n)))],
  [
    'something after the RSA key',
    keyWith(RSA, Buffer.concat([list(der.integer(odd), der.integer(3)), der.nullValue()])),
  ],
  ['a point that is too short', keyWith(P256, new Uint8Array([4, ...new Uint8Array(63)]))],
  ['a point of an unknown form', keyWith(P256, new Uint8Array([5, ...new Uint8Array(64)]))],
  ['the point at infinity', keyWith(P256, new Uint8Array([0]))],
  ['an Ed25519 key of 31 octets', keyWith(list(der.oid('1.3.101.112')), new Uint8Array(31))],
  ['an Ed25519 key with parameters', keyWith(list(der.oid('1.3.101.112'), der.nullValue()), new Uint8Array(32))],
];
for (const [what, make] of malformedKeys) {
  test(`a public key with ${what} is malformed`, () =>
    assert.throws(make, /§4\.1\.2\.7|RFC|modulus|exponent|point|EdDSA|elements|negative/));
}

test('the size of an RSA key is that of its modulus, leading zeros left out', () => {
  const certificate = keyWith(
    RSA,
    list(
      der.integer(Buffer.concat([new Uint8Array([0, 0, 0x01]), new Uint8Array(254), new Uint8Array([1])])),
      der.integer(3),
    ),
  )();
  assert.deepEqual(certificate.publicKey.key, { kind: 'rsa', modulusBits: 2041, exponent: 3n, pssOnly: false });
});

test('extensions are read for what they say', () => {
  const { extensions } = issue({
    extensions: [
      basicConstraints(true, 3),
      keyUsage('keyCertSign', 'cRLSign', 'decipherOnly'),
      extendedKeyUsage(SERVER_AUTH),
      alternativeNames(
        dns('a.example'),
        ip(10, 0, 0, 1),
        uri('https://a.example/'),
        directory(nameOf('A')),
        otherName(),
      ),
      nameConstraints([dns('example')], [ip(10, 0, 0, 0, 255, 0, 0, 0)]),
      extension('1.3.6.1.5.5.7.1.1', false, list(list(der.oid('1.3.6.1.5.5.7.48.1'), uri('http://ocsp.example')))),
      extension('2.5.29.31', false, list(list(der.explicit(0, der.explicit(0, uri('http://crl.example')))))),
      extension('1.3.6.1.5.5.7.1.24', false, list(der.integer(5))),
      extension('1.2.3', true, new Uint8Array([1])),
    ],
  });
  assert.deepEqual(extensions.basicConstraints, { ca: true, pathLength: 3 });
  assert.deepEqual(extensions.keyUsage, new Set(['keyCertSign', 'cRLSign', 'decipherOnly']));
  assert.deepEqual(extensions.extendedKeyUsage, new Set([SERVER_AUTH]));
  assert.deepEqual(
    extensions.subjectAlternativeName?.map(({ kind }) => kind),
    ['dns', 'ip', 'uri', 'directory', 'other'],
  );
  assert.deepEqual(extensions.nameConstraints?.permitted, [{ kind: 'dns', name: 'example' }]);
  assert.equal(extensions.nameConstraints?.excluded[0]?.kind, 'ip');
  assert.deepEqual(extensions.authorityInformationAccess, [
    { method: '1.3.6.1.5.5.7.48.1', location: { kind: 'uri', uri: 'http://ocsp.example' } },
  ]);
  assert.deepEqual(extensions.crlDistributionPoints?.[0]?.name, {
    kind: 'full',
    names: [{ kind: 'uri', uri: 'http://crl.example' }],
  });
  assert.deepEqual(extensions.tlsFeature, new Set([5]));
  assert.equal(isCritical(extensions, '2.5.29.19'), true);
  assert.equal(isCritical(extensions, '2.5.29.17'), false);
  assert.deepEqual(
    unknownCritical(extensions).map(({ oid }) => oid),
    ['1.2.3'],
  );
});

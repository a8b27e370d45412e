import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ProtocolError } from 'bowline/core';
import type { Certificate } from '#src/protocols/x509/certificate.js';
import * as der from '#src/protocols/x509/der-writer.js';
import { parseOcspResponse } from '#src/protocols/x509/revocation/ocsp-response.js';
import {
  authority,
  DAY,
  extendedKeyUsage,
  extension,
  issue,
  key,
  keyUsage,
  nameOf,
  NOW,
  OCSP_SIGNING,
  refused,
  server,
  SERVER_AUTH,
  verify,
} from './issuing.js';
import type { Plan } from './issuing.js';
import {
  good,
  ocspResponse,
  responderByKey,
  revokedStatus,
  singleResponse,
  unknownStatus,
} from './revocation-issuing.js';
import type { ResponsePlan } from './revocation-issuing.js';

const root = authority('root', 'root');
const leaf = server('root');
const mustStaple = extension('1.3.6.1.5.5.7.1.24', false, der.sequence(der.integer(5)));

const check = (response: Uint8Array | null | undefined, required = true, certificate: Certificate = leaf): unknown =>
  verify(certificate, [], root, { stapledResponse: response, requireStapledResponse: required });

/** Refused where a response is required, and ignored where none is. */
function doubtful(response: Uint8Array, message: RegExp): void {
  refused(() => check(response), 'revocation-unknown', 0, message);
  check(response, false);
}

test('a good response by the issuer, known by name or by key, is enough', () => {
  check(ocspResponse(leaf));
  check(ocspResponse(leaf, { responder: der.explicit(1, nameOf('root')) }));
  check(ocspResponse(leaf, { hash: 'sha256' }));
});

test('a revoked certificate is refused, whether a response was required or not', () => {
  const response = ocspResponse(leaf, { status: revokedStatus(1) });
  refused(() => check(response), 'revoked', 0, /2026-05-31T00:00:00Z \(keyCompromise\)/);
  refused(() => check(response, false), 'revoked', 0);
  const both = [singleResponse(leaf), singleResponse(leaf, { status: revokedStatus(4) })];
  refused(() => check(ocspResponse(leaf, { responses: both })), 'revoked', 0);
});

test('no response is refused where one is required', () => {
  refused(() => check(undefined), 'revocation-unknown', 0, /is required/);
  refused(() => check(null), 'revocation-unknown', 0, /is required/);
  check(undefined, false);
  check(null, false);
});

test('a certificate that demands a response gets one, if it was asked for', () => {
  const demanding = server('root', {}, mustStaple);
  refused(() => check(null, false, demanding), 'revocation-unknown', 0);
  refused(() => check(ocspResponse(leaf), false, demanding), 'revocation-unknown', 0);
  check(ocspResponse(demanding), false, demanding);
  check(undefined, false, demanding);
  const other = server('root', {}, extension('1.3.6.1.5.5.7.1.24', false, der.sequence(der.integer(17))));
  check(null, false, other);
});

test('a certificate that is trusted by itself still owes what is required', () => {
  const alone = server('leaf');
  refused(() => verify(alone, [], alone, { requireStapledResponse: true }), 'revocation-unknown', 0);
  const response = ocspResponse(alone, { signer: key('leaf'), issuerKey: key('leaf') });
  verify(alone, [], alone, { requireStapledResponse: true, stapledResponse: response });
});

test('a response about another certificate says nothing', () => {
  doubtful(ocspResponse(server('root')), /another certificate/);
  doubtful(ocspResponse(leaf, { issuerKey: key('other') }), /another certificate/);
  doubtful(ocspResponse(leaf, { serial: new Uint8Array([1]) }), /another certificate/);
  doubtful(ocspResponse(leaf, { hash: 'md5' }), /another certificate/);
  doubtful(ocspResponse(leaf, { responses: [] }), /another certificate/);
  check(ocspResponse(leaf, { responses: [singleResponse(server('root')), singleResponse(leaf)] }));
});

test('a response is for its time', () => {
  const stale = singleResponse(leaf, { nextUpdate: NOW - 1000 });
  check(ocspResponse(leaf, { responses: [stale, singleResponse(leaf)] }));
  doubtful(ocspResponse(leaf, { nextUpdate: NOW - 1000 }), /valid until 2026-05-31T23:59:59Z/);
  doubtful(ocspResponse(leaf, { thisUpdate: NOW + DAY }), /valid only from/);
  doubtful(ocspResponse(leaf, { nextUpdate: null }), /how long/);
  doubtful(ocspResponse(leaf, { producedAt: NOW + DAY }), /future/);
  doubtful(ocspResponse(leaf, { status: unknownStatus() }), /does not know it/);
  check(ocspResponse(leaf, { thisUpdate: NOW + 60_000, producedAt: NOW + 60_000 }));
});

const responder = (plan: Plan = {}, purpose = OCSP_SIGNING): Certificate =>
  issue({ subject: 'responder', extensions: [keyUsage('digitalSignature'), extendedKeyUsage(purpose)], ...plan });
const delegated = (certificate: Certificate, plan: ResponsePlan = {}): Uint8Array =>
  ocspResponse(leaf, { signer: key('responder'), certificates: [certificate], ...plan });

test('a responder that the issuer certified may sign', () => {
  check(delegated(responder()));
  check(delegated(responder(), { responder: der.explicit(1, nameOf('responder')) }));
});

test('nobody else may sign, whatever certificate comes with the response', () => {
  const unauthorised = /not signed by the issuer/;
  doubtful(ocspResponse(leaf, { weak: true }), unauthorised);
  doubtful(ocspResponse(leaf, { signer: key('forger') }), unauthorised);
  doubtful(ocspResponse(leaf, { signer: key('forger'), responder: responderByKey(key('root')) }), unauthorised);
  doubtful(delegated(responder({}, SERVER_AUTH)), unauthorised);
  doubtful(delegated(responder({ extensions: [] })), unauthorised);
  doubtful(delegated(responder({ notAfter: NOW - DAY })), unauthorised);
  doubtful(delegated(responder({ issuer: 'other' })), unauthorised);
  doubtful(delegated(responder({ signer: key('forger') })), unauthorised);
  doubtful(delegated(responder(), { signer: key('forger') }), unauthorised);
  doubtful(delegated(responder(), { responder: der.explicit(1, nameOf('somebody')) }), unauthorised);
  doubtful(
    delegated(responder({ extensions: [extendedKeyUsage(OCSP_SIGNING), extension('1.2.3', true, new Uint8Array())] })),
    unauthorised,
  );
  doubtful(
    delegated(responder({ extensions: [extendedKeyUsage(OCSP_SIGNING), keyUsage('keyAgreement')] })),
    unauthorised,
  );
  // The end entity itself is not authorised by being a certificate of the issuer.
  doubtful(ocspResponse(leaf, { signer: key('leaf'), certificates: [leaf] }), unauthorised);
});

test('a forged response never revokes', () => {
  check(ocspResponse(leaf, { signer: key('forger'), status: revokedStatus(1) }), false);
});

const wrap = (basic: Uint8Array): Uint8Array =>
  der.sequence(
    der.integer(0, 0x0a),
    der.explicit(0, der.sequence(der.oid('1.3.6.1.5.5.7.48.1.1'), der.octetString(basic))),
  );

test('errors and malformed responses say nothing', () => {
  for (const [number, status] of [
    [1, 'malformedRequest'],
    [2, 'internalError'],
    [3, 'tryLater'],
    [5, 'sigRequired'],
    [6, 'unauthorized'],
  ] as const) {
    const response = der.sequence(der.integer(number, 0x0a));
    assert.equal(parseOcspResponse(response).status, status);
    doubtful(response, new RegExp(status));
  }
  const critical = extension('1.2.3', true, new Uint8Array());
  const malformed: Uint8Array[] = [
    new Uint8Array(0),
    new Uint8Array(70_000),
    der.sequence(der.integer(0, 0x0a)),
    der.sequence(der.integer(4, 0x0a)),
    der.sequence(der.integer(3, 0x0a), der.explicit(0, der.sequence())),
    der.sequence(der.integer(0, 0x0a), der.explicit(0, der.sequence(der.oid('1.2.3'), der.octetString()))),
    wrap(der.sequence()),
    ocspResponse(leaf, { extensions: [critical] }),
    ocspResponse(leaf, { singleExtensions: [critical] }),
    ocspResponse(leaf, { status: revokedStatus(7) }),
    ocspResponse(leaf, { status: der.implicit(0, new Uint8Array(1)) }),
    ocspResponse(leaf, { responder: der.explicit(3, nameOf('root')) }),
    ocspResponse(leaf, { responses: Array.from({ length: 101 }, () => singleResponse(leaf)) }),
  ];
  for (const [i, response] of malformed.entries()) {
    assert.throws(() => parseOcspResponse(response), ProtocolError, `response ${i}`);
    doubtful(response, /malformed/);
  }
  check(ocspResponse(leaf, { extensions: [extension('1.2.3', false, new Uint8Array())], status: good() }));
});

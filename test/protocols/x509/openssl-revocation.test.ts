import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import type { Certificate } from '#src/protocols/x509/certificate.js';
import { RevocationLists } from '#src/protocols/x509/revocation/check-lists.js';
import { parseOcspResponse } from '#src/protocols/x509/revocation/ocsp-response.js';
import { parseRevocationList } from '#src/protocols/x509/revocation/revocation-list.js';
import { refused, verify } from './issuing.js';
import { blocksOf, certificatesOf } from './node-crypto.js';

interface Vectors {
  readonly madeAt: string;
  readonly authority: string;
  readonly revocationList: string;
  readonly certificates: Readonly<Record<'good' | 'revoked' | 'staple', string>>;
  readonly responses: Readonly<
    Record<'good' | 'revoked' | 'staple', { readonly byResponder: string; readonly byIssuer: string }>
  >;
}

const file = new URL('../../../../test/vectors/openssl-revocation.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors;
const one = (pem: string): Certificate => certificatesOf(pem)[0] as Certificate;
const root = one(vectors.authority);
const now = Date.parse(vectors.madeAt) + 60_000;

test('the list that OpenSSL made revokes what it revoked', () => {
  const [list] = blocksOf(vectors.revocationList, 'X509 CRL').map((der) => parseRevocationList(der));
  assert.equal(list?.size, 1);
  const revocationLists = new RevocationLists(list === undefined ? [] : [list]);
  verify(one(vectors.certificates.good), [], root, { now, revocationLists });
  refused(
    () => verify(one(vectors.certificates.revoked), [], root, { now, revocationLists }),
    'revoked',
    0,
    /keyCompromise/,
  );
});

for (const signer of ['byResponder', 'byIssuer'] as const) {
  test(`the responses that OpenSSL signed ${signer} say the same`, () => {
    const check = (certificate: 'good' | 'revoked' | 'staple', about = certificate): unknown =>
      verify(one(vectors.certificates[certificate]), [], root, {
        now,
        stapledResponse: Buffer.from(vectors.responses[about][signer], 'base64'),
        requireStapledResponse: true,
      });
    check('good');
    check('staple');
    refused(() => check('revoked'), 'revoked', 0, /keyCompromise/);
    refused(() => check('good', 'staple'), 'revocation-unknown', 0, /another certificate/);
  });
}

test('a certificate that OpenSSL made to demand stapling is held to it', () => {
  refused(
    () => verify(one(vectors.certificates.staple), [], root, { now, stapledResponse: null }),
    'revocation-unknown',
    0,
  );
});

test('a response is read as OpenSSL wrote it', () => {
  const response = parseOcspResponse(Buffer.from(vectors.responses.revoked.byResponder, 'base64'));
  assert.ok(response.status === 'successful');
  assert.equal(response.basic.responder.kind, 'name');
  assert.equal(response.basic.certificates.length, 1);
  assert.equal(response.basic.responses[0]?.status.kind, 'revoked');
});

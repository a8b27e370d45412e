import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { CertificateError, ProtocolError } from 'bowline/core';
import { anchorOfCertificate, TrustAnchors } from '#src/protocols/x509/path/trust-anchor.js';
import { verifyPath } from '#src/protocols/x509/path/verify-path.js';
import { RevocationLists } from '#src/protocols/x509/revocation/check-lists.js';
import { parseRevocationList } from '#src/protocols/x509/revocation/revocation-list.js';
import { checkServiceIdentity } from '#src/protocols/x509/service-identity.js';
import { blocksOf, certificatesOf, nodeCrypto } from './node-crypto.js';

interface PeerName {
  readonly kind: 'DNS' | 'IP' | 'RFC822';
  readonly value: string;
}

interface LimboCase {
  readonly id: string;
  readonly features: readonly string[];
  readonly validation_kind: 'SERVER' | 'CLIENT';
  readonly trusted_certs: readonly string[];
  readonly untrusted_intermediates: readonly string[];
  readonly peer_certificate: string;
  readonly validation_time: string | null;
  readonly expected_result: 'SUCCESS' | 'FAILURE';
  readonly expected_peer_name: PeerName | null;
  readonly expected_peer_names: readonly PeerName[];
  readonly max_chain_depth: number | null;
  readonly crls: readonly string[];
}

const root = new URL('../../../../', import.meta.url);
const { testcases } = JSON.parse(readFileSync(new URL('test/vectors/x509-limbo-subset.json', root), 'utf8')) as {
  readonly testcases: readonly LimboCase[];
};

/** Cases that docs/differences.md gives a reason for. */
const differences = new Set(
  [...readFileSync(new URL('docs/differences.md', root), 'utf8').matchAll(/^\| (`\w+::.*?) \|/gm)].flatMap(
    ([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)].map(([, id = '']) => id),
  ),
);

/** The moment of cases that name none: when they were made, about. */
const NOW = Date.UTC(2026, 2, 1);

function validate(limbo: LimboCase): void {
  const [leaf] = certificatesOf(limbo.peer_certificate);
  assert.ok(leaf !== undefined);
  verifyPath({
    leaf,
    intermediates: limbo.untrusted_intermediates.flatMap(certificatesOf),
    anchors: new TrustAnchors(limbo.trusted_certs.flatMap(certificatesOf).map(anchorOfCertificate)),
    now: limbo.validation_time === null ? NOW : Date.parse(limbo.validation_time),
    role: limbo.validation_kind === 'SERVER' ? 'server' : 'client',
    crypto: nodeCrypto,
    revocationLists: new RevocationLists(
      limbo.crls.flatMap((pem) => blocksOf(pem, 'X509 CRL')).map((der) => parseRevocationList(der)),
    ),
    maxIntermediates: limbo.max_chain_depth ?? undefined,
  });
  if (limbo.expected_peer_name !== null) checkServiceIdentity(leaf, limbo.expected_peer_name.value);
  for (const { kind, value } of limbo.expected_peer_names) {
    assert.equal(kind, 'RFC822');
    const names = leaf.extensions.subjectAlternativeName ?? [];
    assert.ok(names.some((name) => name.kind === 'email' && name.address === value));
  }
}

for (const limbo of testcases) {
  const { id, expected_result: expected } = limbo;
  const wanted = differences.has(id) ? (expected === 'SUCCESS' ? 'FAILURE' : 'SUCCESS') : expected;
  test(`x509-limbo ${id}: ${wanted}${differences.has(id) ? ' (a difference)' : ''}`, () => {
    if (wanted === 'SUCCESS') validate(limbo);
    else
      assert.throws(
        () => validate(limbo),
        (error) => error instanceof CertificateError || error instanceof ProtocolError,
      );
  });
}

test('every difference that is documented is a case of the set', () => {
  const ids = new Set(testcases.map(({ id }) => id));
  assert.deepEqual(
    [...differences].filter((id) => !ids.has(id)),
    [],
  );
  assert.equal(ids.size, 133);
});

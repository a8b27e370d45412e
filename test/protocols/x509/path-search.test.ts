import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Certificate } from '#src/protocols/x509/certificate.js';
import type { SignatureCheck, X509Crypto } from '#src/protocols/x509/crypto.js';
import * as der from '#src/protocols/x509/der-writer.js';
import type { Key, Plan } from './issuing.js';
import {
  anchors,
  authority,
  DAY,
  dns,
  extension,
  key,
  nameConstraints,
  NOW,
  refused,
  server,
  verify,
} from './issuing.js';
import { nodeCrypto } from './node-crypto.js';

const root = authority('root', 'root');

/** node:crypto, counting. */
function counting(): X509Crypto & { readonly checks: SignatureCheck[] } {
  const checks: SignatureCheck[] = [];
  return {
    checks,
    verifySignature: (check) => {
      checks.push(check);
      return nodeCrypto.verifySignature(check);
    },
    digest: (hash, data) => nodeCrypto.digest(hash, data),
  };
}

test('intermediates that sign each other in a circle end, and a way out of the circle is found', () => {
  const a = authority('a', 'b');
  const b = authority('b', 'c');
  const c = authority('c', 'a');
  refused(() => verify(server('a'), [a, b, c], root), 'unknown-issuer', 3);
  const exit = authority('b', 'root');
  assert.deepEqual(verify(server('a'), [a, b, c, exit], root).certificates.slice(1), [a, exit, root]);
});

test('every signature is checked at most once, and the first path that can be right is tried first', () => {
  const a = authority('a', 'root');
  const crypto = counting();
  verify(server('a'), [authority('a', 'elsewhere'), a, authority('b', 'a')], root, { crypto });
  assert.ok(crypto.checks.length <= 3);
  const direct = counting();
  verify(server('a'), [a, authority('root', 'a')], root, { crypto: direct });
  assert.equal(direct.checks.length, 2);
});

test('an issuer whose key identifier fits, and that is valid now, is tried before the others', () => {
  const keyIdentifier = (id: Uint8Array): Uint8Array => extension('2.5.29.14', false, der.octetString(id));
  const wanted = extension('2.5.29.35', false, der.sequence(der.implicit(0, key('a').id)));
  const right = authority('a', 'root', {}, keyIdentifier(key('a').id));
  const others = ['x', 'y', 'z'].map((name) => authority('a', 'root', { key: key(name) }, keyIdentifier(key(name).id)));
  const crypto = counting();
  verify(server('a', {}, wanted), [...others, right], root, { crypto });
  assert.equal(crypto.checks.length, 2);
  // A wrong identifier is no more than a hint.
  const misled = server('a', {}, extension('2.5.29.35', false, der.sequence(der.implicit(0, key('other').id))));
  assert.equal(verify(misled, [right], root).certificates[1], right);
  const old = authority('a', 'root', { notAfter: NOW - DAY });
  assert.equal(
    verify(server('a'), [old, authority('a', 'root', { notBefore: NOW - 3 * DAY })], root).certificates.length,
    3,
  );
});

test('a cross-certificate that has expired does not hide the root that signed with the same key', () => {
  const cross = authority('root', 'older root', { notAfter: NOW - DAY });
  assert.deepEqual(verify(server('root'), [cross], root).certificates.at(-1), root);
});

test('the shorter way, to an anchor, is taken although a cross-certificate leads to another one', () => {
  const older = authority('older root', 'older root');
  const cross = authority('root', 'older root', { notBefore: NOW });
  const path = verify(server('root'), [cross], root, { anchors: anchors(older, root) });
  assert.deepEqual(path.certificates.slice(1), [root]);
});

test('the most helpful of several refusals is told', () => {
  const revoked = server('a', { notAfter: NOW + DAY });
  const expired = authority('a', 'root', { notAfter: NOW - DAY });
  const nowhere = authority('a', 'nowhere');
  refused(() => verify(revoked, [nowhere, expired], root), 'expired', 1);
  refused(
    () => verify(revoked, [nowhere, authority('a', 'root', { signer: key('forger') })], root),
    'bad-signature',
    1,
  );
});

test('others of the same name with other keys are not told as bad signatures', () => {
  const right = authority('a', 'nowhere');
  const others = ['x', 'y'].map((name) => authority('a', 'nowhere', { key: key(name) }));
  refused(() => verify(server('a'), [...others, right], root), 'unknown-issuer', 1);
  refused(
    () => verify(server('a'), [authority('a', 'nowhere', { notBefore: NOW }), ...others], root),
    'unknown-issuer',
    1,
  );
  refused(() => verify(server('a'), others, root), 'bad-signature', 0);
});

test('an error of the cryptography itself comes out untouched', () => {
  const own = new Error('own');
  const crypto = {
    ...nodeCrypto,
    verifySignature: () => {
      throw own;
    },
  };
  assert.throws(
    () => verify(server('root'), [], root, { crypto }),
    (error) => error === own,
  );
});

test('more certificates or bytes than a peer may send are refused before anything is looked at', () => {
  const crypto = { verifySignature: () => assert.fail('checked'), digest: () => assert.fail('hashed') };
  const ten = Array.from({ length: 10 }, (_, i) => authority(`ca ${i}`, 'root'));
  refused(() => verify(server('root'), ten, root, { crypto }), 'chain-too-large', 0, /11 certificates; 10/);
  verify(server('root'), ten.slice(1), root);
  verify(server('root'), ten, root, { limits: { maxCertificates: 11 } });
  const padding = extension('1.2.3', false, new Uint8Array(40_000));
  const large = [authority('a', 'root', {}, padding), authority('b', 'root', {}, padding)];
  refused(() => verify(server('root'), large, root, { crypto }), 'chain-too-large', 0, /65536/);
});

test('a path has ten certificates at most, both ends included', () => {
  const chain = (length: number): [Certificate, Certificate[]] => {
    const issuers = Array.from({ length }, (_, i) => authority(`ca ${i}`, i === 0 ? 'root' : `ca ${i - 1}`));
    return [server(`ca ${length - 1}`), issuers];
  };
  const [fits, eight] = chain(8);
  assert.equal(verify(fits, eight, root).certificates.length, 10);
  const [tooLong, nine] = chain(9);
  refused(() => verify(tooLong, nine, root), 'path-too-long', 10);
});

/** A certificate for every subject by every issuer: paths without number. */
function mesh(size: number, plan: (subject: number, issuer: number) => Plan = () => ({})): Certificate[] {
  const names = Array.from({ length: size }, (_, i) => i);
  return names.flatMap((subject) =>
    names.map((issuer) => authority(`ca ${subject}`, `ca ${issuer}`, plan(subject, issuer))),
  );
}

const unlimited = { maxCertificates: 10_000, maxChainBytes: 100_000_000 };

test('a mesh of cross-signed issuers without a root ends by the budget, not by the number of its paths', () => {
  const crypto = counting();
  const start = performance.now();
  refused(
    () => verify(server('ca 0'), mesh(9), root, { crypto, limits: unlimited }),
    'too-much-work',
    0,
    /possible issuers/,
  );
  assert.ok(crypto.checks.length <= 100);
  assert.ok(performance.now() - start < 2000);
});

test('many keys of one name end by the number of signatures', () => {
  const keys = Array.from({ length: 120 }, (_, i): Key => key(`key ${i}`));
  const impostors = keys.map((other) => authority('a', 'nowhere', { key: other }));
  const crypto = counting();
  refused(() => verify(server('a'), impostors, root, { crypto, limits: unlimited }), 'too-much-work', 0, /signatures/);
  assert.equal(crypto.checks.length, 100);
});

test('many names under many constraints end by the number of comparisons', () => {
  const names = Array.from({ length: 1000 }, (_, i) => dns(`a${i}.example`));
  const constrained = authority(
    'root',
    'root',
    {},
    nameConstraints(
      [],
      Array.from({ length: 1000 }, (_, i) => dns(`b${i}.example`)),
    ),
  );
  const many = server('root', {}, extension('2.5.29.17', false, der.sequence(...names)));
  refused(() => verify(many, [], constrained), 'too-much-work', 0, /constraints/);
});

test('a budget that is used up tells what had been found so far as its cause', () => {
  const forged = authority('ca 0', 'root', { signer: key('forger'), notBefore: NOW });
  assert.throws(
    () => verify(server('ca 0'), [forged, ...mesh(9)], root, { limits: unlimited }),
    (error) => error instanceof Error && (error.cause as { reason?: unknown }).reason === 'bad-signature',
  );
});

test('roots that share a name are told apart by their keys', () => {
  const others = Array.from({ length: 5 }, (_, i) => authority('root', 'root', { key: key(`root ${i}`) }));
  const path = verify(server('root', { signer: key('root 3') }), [], root, { anchors: anchors(root, ...others) });
  assert.equal(path.anchor.certificate, others[3]);
});

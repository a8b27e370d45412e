/**
 * Bytes from nowhere, into everything that reads certificates. Whatever comes, a parser gives a value or throws a ProtocolError, validation
 * gives a path or throws a CertificateError, and neither takes more than a moment.
 *
 * DER has lengths inside lengths, so a changed byte mostly fails at the first of them. Half of the mutations therefore work on the tree:
 * elements are dropped, doubled, swapped, emptied or given another tag, and the lengths are written anew. Signatures are taken for
 * right here, so that mutated certificates get as far as they can.
 *
 * `FUZZ_SECONDS=60 node --test dist-test/test/fuzz/x509.test.js` looks for longer, with another seed each time; a failure names the seed
 * and prints the input.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { CertificateError, ProtocolError } from 'bowline/core';
import { parseCertificate } from '#src/protocols/x509/certificate.js';
import type { Certificate } from '#src/protocols/x509/certificate.js';
import type { X509Crypto } from '#src/protocols/x509/crypto.js';
import { DerReader } from '#src/protocols/x509/der-reader.js';
import * as der from '#src/protocols/x509/der-writer.js';
import { anchorOfCertificate, TrustAnchors } from '#src/protocols/x509/path/trust-anchor.js';
import { verifyPath } from '#src/protocols/x509/path/verify-path.js';
import { parsePublicKeyInfo } from '#src/protocols/x509/public-key.js';
import { RevocationLists } from '#src/protocols/x509/revocation/check-lists.js';
import { parseOcspResponse } from '#src/protocols/x509/revocation/ocsp-response.js';
import { parseRevocationList } from '#src/protocols/x509/revocation/revocation-list.js';
import type { RevocationList } from '#src/protocols/x509/revocation/revocation-list.js';
import { matchesServiceIdentity } from '#src/protocols/x509/service-identity.js';

const folder = fileURLToPath(new URL('../../../test/fuzz/corpus/x509/', import.meta.url));
const corpus = readdirSync(folder)
  .sort()
  .map((name) => new Uint8Array(Buffer.from(readFileSync(folder + name, 'utf8').trim(), 'hex')));
const seconds = Number(process.env['FUZZ_SECONDS'] ?? 1);
const seed = Number(process.env['FUZZ_SEED'] ?? (process.env['FUZZ_SECONDS'] === undefined ? 1 : Date.now() % 2 ** 31));

/** What one input may take, parsing and validation together; the slowest takes a tenth on a slow machine. */
const MOMENT_MS = 500;

type Random = (below: number) => number;

/** mulberry32: small, and the same everywhere. */
function randomSource(state: number): Random {
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** An element with the elements inside it, or with contents that are none. */
interface Node {
  tag: number;
  contents: Uint8Array;
  children: Node[] | undefined;
}

function treeOf(bytes: Uint8Array, depth = 0): Node[] | undefined {
  try {
    const reader = new DerReader(new Uint8Array(bytes), 'fuzz');
    return reader.items((r) => {
      const { tag, contents } = r.any();
      // OCTET STRINGs often hold DER, too: extensions do.
      const nested = ((tag & 0x20) !== 0 || tag === 0x04) && depth < 20 ? treeOf(contents, depth + 1) : undefined;
      return { tag, contents, children: nested };
    });
  } catch {
    return undefined;
  }
}

function encode({ tag, contents, children }: Node): Uint8Array {
  return der.element(
    (tag & 0x1f) === 0x1f ? 0x30 : tag,
    ...(children === undefined ? [contents] : children.map(encode)),
  );
}

function nodesOf(nodes: readonly Node[]): Node[] {
  return nodes.flatMap((node) => [node, ...nodesOf(node.children ?? [])]);
}

function mutateTree(input: Uint8Array, random: Random): Uint8Array {
  const tree = treeOf(input);
  if (tree === undefined) return mutateBytes(input, random);
  for (let i = 1 + random(3); i > 0; i--) {
    const all = nodesOf(tree);
    const donors = nodesOf(treeOf(corpus[random(corpus.length)] as Uint8Array) ?? []);
    const node = all[random(all.length)];
    if (node === undefined) break;
    const inside = node.children;
    switch (random(6)) {
      case 0:
        inside?.splice(random(inside.length + 1), 1);
        break;
      case 1: {
        const copied = inside?.[random(inside.length)];
        if (copied !== undefined)
          inside?.splice(random(inside.length + 1), 0, ...Array.from({ length: 1 + random(20) }, () => copied));
        break;
      }
      case 2: {
        const donor = donors[random(donors.length)];
        if (donor !== undefined) Object.assign(node, donor);
        break;
      }
      case 3:
        node.tag = random(256);
        break;
      case 4:
        node.contents = mutateBytes(node.contents, random);
        node.children = undefined;
        break;
      default:
        node.contents = new Uint8Array(0);
        node.children = undefined;
    }
  }
  return Buffer.concat(tree.map(encode));
}

function mutateBytes(input: Uint8Array, random: Random): Uint8Array {
  const bytes = Array.from(input);
  for (let i = 1 + random(3); i > 0; i--) {
    const at = random(bytes.length + 1);
    switch (random(4)) {
      case 0:
        bytes[at] = random(256);
        break;
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
        break;
      case 2:
        bytes.splice(at, 1 + random(4));
        break;
      default:
        bytes.splice(at, 0, ...Array.from({ length: 1 + random(4) }, () => random(256)));
    }
  }
  return new Uint8Array(bytes);
}

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof CertificateError) return undefined;
    throw error;
  }
}

let signatureChecks = 0;
const gullible: X509Crypto = {
  verifySignature: () => {
    signatureChecks += 1;
    return true;
  },
  digest: () => new Uint8Array(20),
};

const originals = corpus
  .map((bytes) => attempt(() => parseCertificate(bytes)))
  .filter((c): c is Certificate => c !== undefined);
const now = Date.UTC(2026, 11, 1);

/** Everything that can be done with one input. */
function exercise(input: Uint8Array, random: Random): void {
  const list: RevocationList | undefined = attempt(() => parseRevocationList(input));
  attempt(() => parseOcspResponse(input));
  attempt(() => parsePublicKeyInfo(input));
  const certificate = attempt(() => parseCertificate(input));
  if (certificate !== undefined) {
    assert.deepEqual(certificate.raw, new Uint8Array(input));
    matchesServiceIdentity(certificate, 'www.example.org');
    matchesServiceIdentity(certificate, '10.0.0.1');
  }
  const pick = (): Certificate => originals[random(originals.length)] as Certificate;
  const mutant = certificate ?? pick();
  // Make the pieces fit by name, so that there is something to build.
  const chain = [mutant, pick(), pick(), mutant].map((part, i, all) => ({
    ...part,
    issuer: (all[i + 1] ?? part).subject,
  }));
  const [leaf, ...others] = chain as [Certificate, ...Certificate[]];
  signatureChecks = 0;
  attempt(() =>
    verifyPath({
      leaf,
      intermediates: others.slice(0, 2),
      anchors: new TrustAnchors([...others.slice(-1), pick()].map(anchorOfCertificate)),
      now,
      role: random(2) === 0 ? 'server' : 'client',
      crypto: gullible,
      revocationLists: new RevocationLists(list === undefined ? [] : [list]),
      stapledResponse: input,
      acceptedPolicies: random(4) === 0 ? new Set(['1.2.3']) : undefined,
    }),
  );
  assert.ok(signatureChecks <= 100);
}

test(`whatever the bytes are, reading and validating end with a value or a typed error (seed ${seed})`, () => {
  const random = randomSource(seed);
  const end = performance.now() + seconds * 1000;
  let runs = 0;
  for (const input of corpus) exercise(input, random);
  while (performance.now() < end || runs < 200) {
    const original = corpus[random(corpus.length)] as Uint8Array;
    const input = random(4) === 0 ? mutateBytes(original, random) : mutateTree(original, random);
    const start = performance.now();
    try {
      exercise(input, random);
      const took = performance.now() - start;
      assert.ok(took < MOMENT_MS, `took ${took.toFixed(0)} ms`);
    } catch (error) {
      throw new Error(`run ${runs} of seed ${seed}: ${Buffer.from(input).toString('hex')}`, { cause: error });
    }
    runs += 1;
  }
});

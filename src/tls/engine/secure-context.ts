/**
 * What OpenSSL is told: the settings of a context as options of `tls.createSecureContext`.
 *
 * Made once for each context and identity, because it costs a tenth of a handshake. Who the peer is
 * decides src/trust; where its verifier is exactly `pki(roots)`, OpenSSL is given the same roots and has to agree (roles.ts). There is no renegotiation (RFC 9325 §3.5; a peer that asks gets
 * the alert no_renegotiation), no compression, and nothing below TLS 1.2.
 */
import { constants } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { SecureContextOptions, SecureContext } from 'node:tls';

import { pemOf } from '../../trust/identity.ts';
import type { Identity } from '../../trust/identity.ts';
import { encodePem } from '../../trust/pem.ts';
import { pkiRootsOf } from '../../trust/pki.ts';
import type { ClientSettings, ServerSettings } from '../../trust/settings.ts';

/** RSA-PSS, ECDSA and EdDSA; of PKCS#1 v1.5, which TLS 1.2 needs, nothing with SHA-1 (RFC 9155). */
const SIGNATURE_ALGORITHMS = [
  'ecdsa_secp256r1_sha256',
  'ed25519',
  'ecdsa_secp384r1_sha384',
  'ecdsa_secp521r1_sha512',
  'ed448',
  'rsa_pss_rsae_sha256',
  'rsa_pss_rsae_sha384',
  'rsa_pss_rsae_sha512',
  'rsa_pss_pss_sha256',
  'rsa_pss_pss_sha384',
  'rsa_pss_pss_sha512',
  'rsa_pkcs1_sha256',
  'rsa_pkcs1_sha384',
  'rsa_pkcs1_sha512',
].join(':');

/** The OpenSSL context of a client; the same one for the same settings and identity. */
export function clientSecureContext(settings: ClientSettings, identity: Identity | undefined): SecureContext {
  let known = made.get(settings);
  if (known === undefined) made.set(settings, (known = new Map<Identity | undefined, SecureContext>()));
  let context = known.get(identity);
  if (context === undefined) {
    context = createSecureContext(secureContextOptions(settings, identity, true));
    // A program that makes identities all the time is better served by a little less reuse than by a leak.
    if (known.size >= MAX_IDENTITIES) known.clear();
    known.set(identity, context);
  }
  return context;
}

const MAX_IDENTITIES = 64;
const made = new WeakMap<ClientSettings, Map<Identity | undefined, SecureContext>>();

/** @param resumes whether tickets are used */
export function secureContextOptions(
  settings: ClientSettings | ServerSettings,
  identity: Identity | undefined,
  resumes: boolean,
): SecureContextOptions {
  const suites = settings.cipherSuites.flatMap(({ openssl }) => openssl ?? []);
  return {
    ...(identity === undefined ? undefined : pemOf(identity)),
    // Without any Node takes its own list of roots.
    ca: rootsOf(settings),
    minVersion: `TLSv${settings.minVersion}`,
    maxVersion: `TLSv${settings.maxVersion}`,
    ciphers: suites.join(':'),
    ecdhCurve: groupsOf(settings),
    sigalgs: SIGNATURE_ALGORITHMS,
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_COMPRESSION | NO_RENEGOTIATION | (resumes ? 0 : constants.SSL_OP_NO_TICKET),
  };
}

/** Whether OpenSSL was given the roots of the verifier, so that its verdict on the chain counts as well. */
export function nodeMustAgree({ verify }: ClientSettings | ServerSettings): boolean {
  return verify !== undefined && pkiRootsOf(verify) !== undefined;
}

function rootsOf({ verify }: ClientSettings | ServerSettings): string[] {
  const roots = verify === undefined ? undefined : pkiRootsOf(verify);
  return roots === undefined ? [] : roots.certificates.map((der) => encodePem('CERTIFICATE', der));
}

/** Not among Node's constants; the same number since OpenSSL 1.1.0h. */
const NO_RENEGOTIATION = 0x4000_0000;

function groupsOf({ groups }: ClientSettings | ServerSettings): string {
  if (groups === undefined) return 'auto';
  const usable = groups.filter((group) => group.isCommon || hasGroup(group.openssl));
  if (usable.length === 0) throw new RangeError('this Node has none of the key exchange groups of the context');
  return usable.map(({ openssl }) => openssl).join(':');
}

const probed = new Map<string, boolean>();

function hasGroup(name: string): boolean {
  let has = probed.get(name);
  if (has === undefined) {
    try {
      createSecureContext({ ecdhCurve: name, ca: [] });
      has = true;
    } catch {
      has = false;
    }
    probed.set(name, has);
  }
  return has;
}

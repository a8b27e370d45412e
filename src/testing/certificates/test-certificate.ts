/** One certificate with its key, in every form that something takes. */
import type { KeyObject } from 'node:crypto';

import type { Bytes } from '../../core/bytes.ts';
import type { IssuedCertificate } from '../../trust/authority/authority.ts';
import { Identity } from '../../trust/identity.ts';
import { encodePem } from '../../trust/pem.ts';
import { pinOf } from '../../trust/pinned.ts';

export interface TestCertificate {
  /** PEM: its own certificate, then the intermediate authorities; the root is not in it. */
  readonly cert: string;
  /** PEM, PKCS#8, not encrypted. */
  readonly key: string;
  /** DER of its own certificate. */
  readonly der: Bytes;
  /** DER of what is in `cert`. */
  readonly chain: readonly Bytes[];
  /** DER, PKCS#8. */
  readonly keyDer: Bytes;
  readonly privateKey: KeyObject;
  /** For `serverContext` and `clientContext`. Its dates are not checked, for some of these are wrong on purpose. */
  readonly identity: Identity;
  /** SHA-256 of its SubjectPublicKeyInfo in base64: what `pinned` takes. */
  readonly pin: string;
  /** Big-endian. */
  readonly serial: Bytes;
  /** Milliseconds since 1970, whole seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** @param chain default: what it was issued with */
export function testCertificate(issued: IssuedCertificate, chain: readonly Bytes[] = issued.chain): TestCertificate {
  const { certificate, key, serial, notBefore, notAfter } = issued;
  const cert = chain.map((der) => encodePem('CERTIFICATE', der)).join('');
  let identity: Identity | undefined;
  return Object.freeze({
    cert,
    key: key.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    get identity(): Identity {
      return (identity ??= Identity.from({ cert, key: key.privateKey }, { insecureAllowInvalidDates: true }));
    },
    der: certificate,
    chain: Object.freeze([...chain]),
    keyDer: new Uint8Array(key.privateKey.export({ format: 'der', type: 'pkcs8' })),
    privateKey: key.privateKey,
    pin: pinOf(key.spki),
    serial,
    notBefore: wholeSeconds(notBefore),
    notAfter: wholeSeconds(notAfter),
  });
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}

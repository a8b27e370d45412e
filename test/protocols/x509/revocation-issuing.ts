/** CRLs and OCSP responses with anything in them, for tests. Everything has a default that is right. */
import { createHash, sign } from 'node:crypto';

import type { Bytes } from 'bowline/core';
import type { Certificate } from '#src/protocols/x509/certificate.js';
import * as der from '#src/protocols/x509/der-writer.js';
import { DAY, ECDSA_SHA256, extension, key, nameOf, NOW } from './issuing.js';
import type { Key } from './issuing.js';

export interface ListPlan {
  readonly issuer?: string;
  readonly signer?: Key;
  readonly revoked?: readonly { readonly serial: Uint8Array; readonly extensions?: readonly Uint8Array[] }[];
  readonly thisUpdate?: number;
  /** `null`: absent. */
  readonly nextUpdate?: number | null;
  readonly extensions?: readonly Uint8Array[];
  /** On the wire; undefined is absent. */
  readonly version?: number | undefined;
  readonly algorithm?: Uint8Array;
  readonly signedAlgorithm?: Uint8Array;
}

export const crlNumber = extension('2.5.29.20', false, der.integer(7));

export function revocationList(plan: ListPlan = {}): Bytes {
  const {
    issuer = 'root',
    revoked = [],
    nextUpdate = NOW + DAY,
    algorithm = ECDSA_SHA256,
    extensions = [crlNumber],
  } = plan;
  const version = 'version' in plan ? plan.version : 1;
  const entries = revoked.map((entry) =>
    der.sequence(
      der.element(0x02, entry.serial),
      der.time(NOW - 2 * DAY),
      ...(entry.extensions === undefined ? [] : [der.sequence(...entry.extensions)]),
    ),
  );
  const tbs = der.sequence(
    ...(version === undefined ? [] : [der.integer(version)]),
    plan.signedAlgorithm ?? algorithm,
    nameOf(issuer),
    der.time(plan.thisUpdate ?? NOW - DAY),
    ...(nextUpdate === null ? [] : [der.time(nextUpdate)]),
    ...(entries.length === 0 ? [] : [der.sequence(...entries)]),
    ...(extensions.length === 0 ? [] : [der.explicit(0, der.sequence(...extensions))]),
  );
  return der.sequence(tbs, algorithm, der.bitString(sign('sha256', tbs, (plan.signer ?? key(issuer)).privateKey)));
}

/** The issuing distribution point; `flags` by their context tag. */
export function scope(flags: readonly number[], name?: Uint8Array, reasons?: readonly boolean[]): Bytes {
  const fields = [
    ...(name === undefined ? [] : [der.explicit(0, der.explicit(0, name))]),
    ...flags.filter((flag) => flag < 3).map((flag) => der.implicit(flag, new Uint8Array([0xff]))),
    ...(reasons === undefined ? [] : [der.namedBits(reasons, 0x83)]),
    ...flags.filter((flag) => flag > 3).map((flag) => der.implicit(flag, new Uint8Array([0xff]))),
  ];
  return extension('2.5.29.28', true, der.sequence(...fields));
}

export interface ResponsePlan {
  readonly issuerKey?: Key;
  readonly signer?: Key;
  readonly status?: Uint8Array;
  readonly serial?: Uint8Array;
  readonly thisUpdate?: number;
  readonly nextUpdate?: number | null;
  readonly producedAt?: number;
  readonly responder?: Uint8Array;
  readonly certificates?: readonly Certificate[];
  readonly hash?: 'sha1' | 'sha256' | 'md5';
  /** Signs with ECDSA and SHA-1. */
  readonly weak?: boolean;
  readonly extensions?: readonly Uint8Array[];
  readonly singleExtensions?: readonly Uint8Array[];
  readonly responses?: readonly Uint8Array[];
}

const hashOids = { sha1: '1.3.14.3.2.26', sha256: '2.16.840.1.101.3.4.2.1', md5: '1.2.840.113549.2.5' };

/** Contents of the BIT STRING of a P-256 key. */
function bitsOf({ spki }: Key): Uint8Array {
  return spki.subarray(spki.length - 65);
}

export function responderByKey(of: Key): Bytes {
  return der.explicit(2, der.octetString(createHash('sha1').update(bitsOf(of)).digest()));
}

export const good = (): Bytes => der.implicit(0, new Uint8Array());
export const unknownStatus = (): Bytes => der.implicit(2, new Uint8Array());
export const revokedStatus = (reason: number): Bytes =>
  der.explicit(1, der.generalizedTime(NOW - DAY), der.explicit(0, der.integer(reason, 0x0a)));

export function singleResponse(about: Certificate, plan: ResponsePlan = {}): Bytes {
  const { hash = 'sha1', issuerKey = key('root'), nextUpdate = NOW + DAY, singleExtensions = [] } = plan;
  const digest = (data: Uint8Array): Bytes => der.octetString(createHash(hash).update(data).digest());
  return der.sequence(
    der.sequence(
      der.sequence(der.oid(hashOids[hash]), der.nullValue()),
      digest(about.issuer.raw),
      digest(bitsOf(issuerKey)),
      der.element(0x02, plan.serial ?? about.serial),
    ),
    plan.status ?? good(),
    der.generalizedTime(plan.thisUpdate ?? NOW - DAY),
    ...(nextUpdate === null ? [] : [der.explicit(0, der.generalizedTime(nextUpdate))]),
    ...(singleExtensions.length === 0 ? [] : [der.explicit(1, der.sequence(...singleExtensions))]),
  );
}

export function ocspResponse(about: Certificate, plan: ResponsePlan = {}): Bytes {
  const { signer = key('root'), certificates = [], extensions = [] } = plan;
  const tbs = der.sequence(
    plan.responder ?? responderByKey(signer),
    der.generalizedTime(plan.producedAt ?? NOW - DAY),
    der.sequence(...(plan.responses ?? [singleResponse(about, plan)])),
    ...(extensions.length === 0 ? [] : [der.explicit(1, der.sequence(...extensions))]),
  );
  const weak = plan.weak === true;
  const basic = der.sequence(
    tbs,
    weak ? der.sequence(der.oid('1.2.840.10045.4.1')) : ECDSA_SHA256,
    der.bitString(sign(weak ? 'sha1' : 'sha256', tbs, signer.privateKey)),
    ...(certificates.length === 0 ? [] : [der.explicit(0, der.sequence(...certificates.map(({ raw }) => raw)))]),
  );
  return der.sequence(
    der.integer(0, 0x0a),
    der.explicit(0, der.sequence(der.oid('1.3.6.1.5.5.7.48.1.1'), der.octetString(basic))),
  );
}

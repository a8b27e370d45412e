/**
 * From the key exchange to traffic keys (RFC 5246 §5, §6.3, §8.1; RFC 7627; RFC 4279; RFC 5489; RFC 5705).
 *
 *     premaster secret -> master secret, bound to the whole transcript (extended master secret, always)
 *                      -> key block: client key, server key, client IV, server IV (AEAD: no MAC keys)
 *                      -> verify_data of Finished
 *                      -> exported keying material
 *
 * Without the extended master secret resumption and exporters are open to the triple handshake; so it is required, there is
 * no other derivation here, and no option for one.
 */
import { ByteWriter } from '../../core/byte-writer.ts';
import type { Bytes } from '../../core/bytes.ts';
import type { CryptoProvider, HashName, SecretKey } from '../../core/crypto-provider.ts';
import type { CipherSuite } from './cipher-suites.ts';
import { aeadParameters } from './record/protection.ts';
import type { TrafficKeys } from './record/protection.ts';

export const VERIFY_DATA_BYTES = 12;
const MASTER_SECRET_BYTES = 48;

export interface Randoms {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

export interface KeyBlock {
  readonly client: TrafficKeys;
  readonly server: TrafficKeys;
}

/** PRF of RFC 5246 §5: P_hash over label and seeds. */
function prf(
  crypto: CryptoProvider,
  hash: HashName,
  secret: SecretKey,
  label: string,
  seeds: readonly Uint8Array[],
  lengthBytes: number,
): Bytes {
  const seed = [ascii(label), ...seeds];
  const output = new Uint8Array(lengthBytes);
  let a: readonly Uint8Array[] = seed;
  for (let filled = 0; filled < lengthBytes;) {
    a = [crypto.hmac(hash, secret, a)];
    const block = crypto.hmac(hash, secret, [...a, ...seed]);
    output.set(block.subarray(0, lengthBytes - filled), filled);
    filled += block.length;
  }
  return output;
}

/** The premaster secret of a pre-shared key (RFC 4279 §2), with that of ECDHE where there was one (RFC 5489 §2). */
export function pskPremasterSecret(psk: Uint8Array, agreed: Uint8Array | null): Bytes {
  return new ByteWriter()
    .vector(2, agreed ?? new Uint8Array(psk.length))
    .vector(2, psk)
    .take();
}

/** @param sessionHash of the transcript up to and with ClientKeyExchange */
export function masterSecret(
  crypto: CryptoProvider,
  suite: CipherSuite,
  premaster: Uint8Array,
  sessionHash: Uint8Array,
): SecretKey {
  const key = crypto.secretKey(premaster);
  const secret = prf(crypto, suite.hash, key, 'extended master secret', [sessionHash], MASTER_SECRET_BYTES);
  return crypto.secretKey(secret);
}

export function keyBlock(crypto: CryptoProvider, suite: CipherSuite, master: SecretKey, randoms: Randoms): KeyBlock {
  const { keyBytes, fixedIvBytes } = aeadParameters[suite.aead];
  const length = 2 * (keyBytes + fixedIvBytes);
  const block = prf(crypto, suite.hash, master, 'key expansion', [randoms.server, randoms.client], length);
  const keysOf = (index: 0 | 1): TrafficKeys => {
    const iv = 2 * keyBytes + index * fixedIvBytes;
    return {
      aead: suite.aead,
      key: crypto.secretKey(block.subarray(index * keyBytes, (index + 1) * keyBytes)),
      fixedIv: block.slice(iv, iv + fixedIvBytes),
    };
  };
  return { client: keysOf(0), server: keysOf(1) };
}

/** What Finished of a side must contain (RFC 5246 §7.4.9). */
export function verifyData(
  crypto: CryptoProvider,
  suite: CipherSuite,
  master: SecretKey,
  side: 'client' | 'server',
  transcriptHash: Uint8Array,
): Bytes {
  return prf(crypto, suite.hash, master, `${side} finished`, [transcriptHash], VERIFY_DATA_BYTES);
}

/** RFC 5705 §4. No context and an empty context give different output in version 1.2. */
export function exportKeyingMaterial(
  crypto: CryptoProvider,
  suite: CipherSuite,
  master: SecretKey,
  randoms: Randoms,
  label: string,
  context: Uint8Array | null,
  lengthBytes: number,
): Bytes {
  const seeds = [randoms.client, randoms.server];
  if (context !== null) seeds.push(new ByteWriter().vector(2, context).take());
  return prf(crypto, suite.hash, master, label, seeds, lengthBytes);
}

function ascii(text: string): Bytes {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/**
 * AEAD protection of the records of one epoch in one direction (RFC 5246 §6.2.3.3, RFC 6347 §4.1.2, RFC 9146 §5).
 *
 * The nonce is made of the record's own epoch and sequence number, never of randomness (pion GHSA-9f3f-wv7r-qc8r): GCM and
 * CCM put these eight bytes in front of the ciphertext (RFC 5288 §3, RFC 6655 §3) after four secret ones, ChaCha20
 * combines them with twelve (RFC 7905 §2). So a nonce can repeat only if a sequence number does, and the writer counts.
 *
 * The associated data covers the header. With a connection ID it has another form, which starts with eight bytes 0xff, so
 * that neither form can be taken for the other.
 *
 * Limits (RFC 9147 §4.5.3, which states them for the same ciphers): after `sealLimit` records or `forgeryLimit` failed
 * openings the keys must not be used any more. DTLS 1.2 without renegotiation has no way to change keys, so the
 * association ends. CCM with a tag of eight bytes has no limit that is safe; 1,024 leaves an attacker one chance in 2^54.
 */
import type { Aead, AeadName, CryptoProvider, SecretKey } from '../../../core/crypto-provider.ts';
import type { Bytes } from '../../../core/bytes.ts';
import { contentType } from './content-type.ts';
import { DTLS_1_2, RECORD_HEADER_BYTES, writeEpochAndSequence, writeRecordHeader } from './header.ts';
import type { RecordHeader } from './header.ts';

interface AeadParameters {
  readonly keyBytes: number;
  readonly tagBytes: number;
  /** Secret bytes of the nonce that come from the key block. */
  readonly fixedIvBytes: 4 | 12;
  /** Bytes of the nonce that are sent. */
  readonly explicitNonceBytes: 8 | 0;
  readonly sealLimit: number;
  readonly forgeryLimit: number;
}

const GCM_SEALS = Math.floor(2 ** 24.5);
const GCM_FORGERIES = 2 ** 36;
const CCM_SEALS = 2 ** 23;
const CCM_FORGERIES = Math.floor(2 ** 23.5);

export const aeadParameters: Readonly<Record<AeadName, AeadParameters>> = {
  'aes-128-gcm': parameters(16, 16, 4, GCM_SEALS, GCM_FORGERIES),
  'aes-256-gcm': parameters(32, 16, 4, GCM_SEALS, GCM_FORGERIES),
  'aes-128-ccm': parameters(16, 16, 4, CCM_SEALS, CCM_FORGERIES),
  'aes-128-ccm-8': parameters(16, 8, 4, CCM_SEALS, 1024),
  'chacha20-poly1305': parameters(32, 16, 12, Infinity, GCM_FORGERIES),
};

function parameters(
  keyBytes: number,
  tagBytes: number,
  fixedIvBytes: 4 | 12,
  sealLimit: number,
  forgeryLimit: number,
): AeadParameters {
  return { keyBytes, tagBytes, fixedIvBytes, explicitNonceBytes: fixedIvBytes === 4 ? 8 : 0, sealLimit, forgeryLimit };
}

/** The keys of one direction. */
export interface TrafficKeys {
  readonly aead: AeadName;
  readonly key: SecretKey;
  readonly fixedIv: Uint8Array;
}

const NO_CONNECTION_ID = new Uint8Array(0);

export class RecordProtection {
  readonly #aead: Aead;
  readonly #fixedIv: Uint8Array;
  readonly #parameters: AeadParameters;
  // Scratch memory of one call; Node copies nonce and associated data.
  readonly #nonce = new Uint8Array(12);
  #aad = new Uint8Array(13);
  #sealed = 0;
  #forgeries = 0;

  constructor(crypto: CryptoProvider, keys: TrafficKeys) {
    this.#aead = crypto.aead(keys.aead, keys.key);
    this.#fixedIv = keys.fixedIv;
    this.#parameters = aeadParameters[keys.aead];
  }

  /** Bytes that protection adds to a plaintext, without the header; a connection ID adds its length and one. */
  get expansionBytes(): number {
    return this.#parameters.explicitNonceBytes + this.#parameters.tagBytes;
  }

  /** Whether another record may be sealed. */
  get maySeal(): boolean {
    return this.#sealed < this.#parameters.sealLimit;
  }

  /** Whether so many records failed that the key must not be trusted any more. */
  get isWornOut(): boolean {
    return this.#forgeries >= this.#parameters.forgeryLimit;
  }

  /** A whole record. With a connection ID the true type goes inside (RFC 9146 §4). */
  seal(type: number, epoch: number, sequence: number, connectionId: Uint8Array, content: Uint8Array): Bytes {
    this.#sealed += 1;
    const hasId = connectionId.length > 0;
    const plaintext = hasId ? withInnerType(content, type) : content;
    const outerType = hasId ? contentType.connectionId : (type as RecordHeader['type']);
    const { explicitNonceBytes } = this.#parameters;
    const fragmentBytes = plaintext.length + this.expansionBytes;
    const record = new Uint8Array(RECORD_HEADER_BYTES + connectionId.length + fragmentBytes);
    const header = { type: outerType, version: DTLS_1_2, epoch, sequence, connectionId };
    const start = writeRecordHeader(record, header, fragmentBytes);
    if (explicitNonceBytes === 8) writeEpochAndSequence(record, start, epoch, sequence);
    this.#makeNonce(record.subarray(start, start + explicitNonceBytes), epoch, sequence);
    this.#makeAad(outerType, epoch, sequence, connectionId, plaintext.length, DTLS_1_2);
    this.#aead.seal(this.#nonce, this.#aad, plaintext, record, start + explicitNonceBytes);
    return record;
  }

  /** The content, in memory of its own, or `null`: not authentic. */
  open(header: RecordHeader): Bytes | null {
    const { explicitNonceBytes } = this.#parameters;
    const length = header.fragment.length - this.expansionBytes;
    if (length < 0) return null;
    this.#makeNonce(header.fragment.subarray(0, explicitNonceBytes), header.epoch, header.sequence);
    this.#makeAad(header.type, header.epoch, header.sequence, header.connectionId, length, header.version);
    const opened = this.#aead.open(this.#nonce, this.#aad, header.fragment.subarray(explicitNonceBytes));
    if (opened === null) this.#forgeries += 1;
    return opened;
  }

  #makeNonce(explicit: Uint8Array, epoch: number, sequence: number): void {
    const nonce = this.#nonce;
    if (explicit.length === 8) {
      nonce.set(this.#fixedIv);
      nonce.set(explicit, 4);
      return;
    }
    nonce.fill(0, 0, 4);
    writeEpochAndSequence(nonce, 4, epoch, sequence);
    for (let i = 0; i < 12; i++) nonce[i] = (nonce[i] as number) ^ (this.#fixedIv[i] as number);
  }

  #makeAad(
    type: number,
    epoch: number,
    sequence: number,
    connectionId: Uint8Array,
    plaintextBytes: number,
    version: number,
  ): void {
    const idBytes = connectionId.length;
    const hasId = idBytes > 0;
    const wanted = hasId ? 23 + idBytes : 13;
    if (this.#aad.length !== wanted) this.#aad = new Uint8Array(wanted);
    const aad = this.#aad;
    if (!hasId) {
      writeEpochAndSequence(aad, 0, epoch, sequence);
      writeTail(aad, 8, type, version);
    } else {
      aad.fill(0xff, 0, 8);
      aad[8] = type;
      aad[9] = idBytes;
      writeTail(aad, 10, type, version);
      writeEpochAndSequence(aad, 13, epoch, sequence);
      aad.set(connectionId, 21);
    }
    aad[wanted - 2] = plaintextBytes >>> 8;
    aad[wanted - 1] = plaintextBytes & 0xff;
  }
}

/** The connection ID of records that have none. */
export const noConnectionId: Uint8Array = NO_CONNECTION_ID;

function writeTail(aad: Uint8Array, at: number, type: number, version: number): void {
  aad[at] = type;
  aad[at + 1] = version >>> 8;
  aad[at + 2] = version & 0xff;
}

function withInnerType(content: Uint8Array, type: number): Uint8Array {
  const inner = new Uint8Array(content.length + 1);
  inner.set(content);
  inner[content.length] = type;
  return inner;
}

/** Takes an inner plaintext of RFC 9146 §4 apart: content, true type, zeros. `null` where there is no type. */
export function splitInnerPlaintext(inner: Bytes): { readonly type: number; readonly content: Bytes } | null {
  let end = inner.length - 1;
  while (end >= 0 && inner[end] === 0) end -= 1;
  if (end < 0) return null;
  return { type: inner[end] as number, content: inner.subarray(0, end) };
}

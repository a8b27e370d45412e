/**
 * The record layer of one association: epochs, sequence numbers, replay windows, protection, connection IDs.
 *
 * DTLS 1.2 without renegotiation has two epochs: 0 in clear, 1 under the keys of the handshake. Writing keeps both, because
 * a flight that is sent again has its early messages in epoch 0 and Finished in epoch 1 (RFC 6347 §4.2.4); every
 * transmission takes new sequence numbers. Reading starts epoch 1 when the keys are there. A record of epoch 1 that comes
 * before them (datagrams change places) is kept, within bounds, and opened then; so ChangeCipherSpec carries no
 * information that the epoch in the header does not carry, and it is not what switches keys (CVE-2014-0224 was that).
 *
 * Order for a protected record: epoch, replay window, decryption, and only then the window moves. What fails is dropped and
 * counted by reason. Nothing here answers a record or throws for one.
 *
 * Epoch 0 has no replay window. Nothing in it is authentic, so a forged number could shut out the true records; and a
 * repeated handshake message is recognised by its message_seq. An application record in epoch 0 is dropped always (pion
 * CVE-2019-20786).
 */
import type { Bytes } from '../../../core/bytes.ts';
import type { CryptoProvider } from '../../../core/crypto-provider.ts';
import { contentType, isContentType } from './content-type.ts';
import type { ContentType } from './content-type.ts';
import {
  DTLS_1_2,
  MAX_PLAINTEXT_BYTES,
  MAX_SEQUENCE,
  parseRecord,
  RECORD_HEADER_BYTES,
  writeRecordHeader,
} from './header.ts';
import type { RecordHeader } from './header.ts';
import { noConnectionId, RecordProtection, splitInnerPlaintext } from './protection.ts';
import type { TrafficKeys } from './protection.ts';
import { ReplayWindow } from './replay-window.ts';

/** Why records were dropped, counted. */
export interface RecordDrops {
  /** A length that cannot be right, an unknown type or version, an empty datagram. */
  malformed: number;
  /** An epoch that is over or not there, or clear text where only protected records may be. */
  wrongEpoch: number;
  /** Taken already, or too old to tell. */
  replayed: number;
  /** Forged or damaged. */
  unauthentic: number;
  /** Came before the keys, and there was no room to keep it. */
  early: number;
}

/** A record that passed: its epoch is 0, or its contents are authentic. */
export interface OpenedRecord {
  readonly type: ContentType;
  readonly epoch: 0 | 1;
  readonly content: Bytes;
  /** Protected, and newer than every one before it: only such may move the peer's address (RFC 9146 §6). */
  readonly isNewest: boolean;
}

/** Bounds of what is kept for an epoch whose keys are not there yet. */
const MAX_EARLY_RECORDS = 16;
const MAX_EARLY_BYTES = 20_000;

interface ProtectedReading {
  readonly protection: RecordProtection;
  readonly window: ReplayWindow;
  readonly connectionId: Uint8Array;
}

interface ProtectedWriting {
  readonly protection: RecordProtection;
  readonly connectionId: Uint8Array;
  next: number;
}

export class RecordLayer {
  readonly drops: RecordDrops = { malformed: 0, wrongEpoch: 0, replayed: 0, unauthentic: 0, early: 0 };
  readonly #crypto: CryptoProvider;
  readonly #connectionIdBytes: number;
  #clearNext: number;
  #reading: ProtectedReading | null = null;
  #writing: ProtectedWriting | null = null;
  #early: Bytes[] = [];
  #earlyBytes = 0;

  /**
   * @param firstSequence number of the first record; a stateless server goes on after the hello that it answers
   * @param connectionIdBytes length of the connection ID that this side asks its peer to use; 0 for none
   */
  constructor(crypto: CryptoProvider, firstSequence: number, connectionIdBytes: number) {
    this.#crypto = crypto;
    this.#clearNext = firstSequence;
    this.#connectionIdBytes = connectionIdBytes;
  }

  /** Whether the keys for writing are there. */
  get writesProtected(): boolean {
    return this.#writing !== null;
  }

  /** Whether so many records were forged that the keys must be given up (RFC 9147 §4.5.3). */
  get isWornOut(): boolean {
    return this.#reading?.protection.isWornOut ?? false;
  }

  /** Bytes of a record beyond its content. */
  overheadBytes(epoch: 0 | 1): number {
    if (epoch === 0) return RECORD_HEADER_BYTES;
    const { protection, connectionId } = this.#demandWriting();
    const idBytes = connectionId.length;
    return RECORD_HEADER_BYTES + protection.expansionBytes + (idBytes === 0 ? 0 : idBytes + 1);
  }

  /** Starts epoch 1 for writing. @param connectionId the one that the peer chose; empty for none */
  protectWriting(keys: TrafficKeys, connectionId: Uint8Array): void {
    this.#writing = { protection: new RecordProtection(this.#crypto, keys), connectionId, next: 0 };
  }

  /**
   * Starts epoch 1 for reading.
   *
   * @param connectionId the one that this side chose; empty for none
   * @returns the datagrams that came early; hand them to `open` again
   */
  protectReading(keys: TrafficKeys, connectionId: Uint8Array): Bytes[] {
    this.#reading = {
      protection: new RecordProtection(this.#crypto, keys),
      window: new ReplayWindow(),
      connectionId,
    };
    const early = this.#early;
    this.#early = [];
    this.#earlyBytes = 0;
    return early;
  }

  /** Whether another record can be written in this epoch. */
  mayWrite(epoch: 0 | 1): boolean {
    if (epoch === 0) return this.#clearNext <= MAX_SEQUENCE;
    const writing = this.#demandWriting();
    return writing.next <= MAX_SEQUENCE && writing.protection.maySeal;
  }

  /** A whole record under the next sequence number. Ask `mayWrite` first. */
  write(type: ContentType, epoch: 0 | 1, content: Uint8Array): Bytes {
    if (epoch === 1) {
      const writing = this.#demandWriting();
      return writing.protection.seal(type, 1, writing.next++, writing.connectionId, content);
    }
    const record = new Uint8Array(RECORD_HEADER_BYTES + content.length);
    const header = { type, version: DTLS_1_2, epoch: 0, sequence: this.#clearNext++, connectionId: noConnectionId };
    record.set(content, writeRecordHeader(record, header, content.length));
    return record;
  }

  /** The records of a datagram that pass, in order. */
  open(datagram: Uint8Array): OpenedRecord[] {
    const opened: OpenedRecord[] = [];
    let offset = 0;
    if (datagram.length === 0) this.drops.malformed += 1;
    while (offset < datagram.length) {
      const parsed = parseRecord(datagram, offset, this.#connectionIdBytes);
      if (parsed === null) {
        this.drops.malformed += 1;
        break;
      }
      if (parsed.header === null) this.drops.malformed += 1;
      else {
        const record = this.#openOne(parsed.header, datagram.subarray(offset, parsed.end));
        if (record !== null) opened.push(record);
      }
      offset = parsed.end;
    }
    return opened;
  }

  #openOne(header: RecordHeader, whole: Uint8Array): OpenedRecord | null {
    if (header.epoch === 0) return this.#openClear(header);
    if (header.epoch !== 1 || header.version !== DTLS_1_2) return this.#drop('wrongEpoch');
    if (this.#reading === null) return this.#keepEarly(whole);
    return this.#openProtected(header, this.#reading);
  }

  #openClear(header: RecordHeader): OpenedRecord | null {
    const { type, fragment } = header;
    if (type === contentType.applicationData || type === contentType.connectionId) return this.#drop('wrongEpoch');
    if (fragment.length === 0 || fragment.length > MAX_PLAINTEXT_BYTES) return this.#drop('malformed');
    return { type, epoch: 0, content: new Uint8Array(fragment), isNewest: false };
  }

  #openProtected(header: RecordHeader, reading: ProtectedReading): OpenedRecord | null {
    const hasId = header.type === contentType.connectionId;
    // In an epoch with a connection ID every record has it, in one without none has (RFC 9146 §3).
    if (hasId !== reading.connectionId.length > 0) return this.#drop('wrongEpoch');
    if (hasId && !this.#crypto.equal(header.connectionId, reading.connectionId)) return this.#drop('wrongEpoch');
    if (!reading.window.isFresh(header.sequence)) return this.#drop('replayed');
    const plaintext = reading.protection.open(header);
    if (plaintext === null) return this.#drop('unauthentic');
    const isNewest = header.sequence > reading.window.highest;
    reading.window.accept(header.sequence);
    const inner = hasId ? splitInnerPlaintext(plaintext) : { type: header.type, content: plaintext };
    if (inner === null || !isContentType(inner.type) || inner.type === contentType.connectionId)
      return this.#drop('malformed');
    if (inner.content.length > MAX_PLAINTEXT_BYTES) return this.#drop('malformed');
    return { type: inner.type, epoch: 1, content: inner.content, isNewest };
  }

  #keepEarly(record: Uint8Array): null {
    if (this.#early.length >= MAX_EARLY_RECORDS || this.#earlyBytes + record.length > MAX_EARLY_BYTES)
      return this.#drop('early');
    this.#early.push(new Uint8Array(record));
    this.#earlyBytes += record.length;
    return null;
  }

  #drop(reason: keyof RecordDrops): null {
    this.drops[reason] += 1;
    return null;
  }

  #demandWriting(): ProtectedWriting {
    if (this.#writing === null) throw new TypeError('the keys for writing are not there yet');
    return this.#writing;
  }
}

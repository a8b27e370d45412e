/**
 * A flight: what one side sends before it waits for the other (RFC 6347 §4.2.4), and how it is cut into datagrams.
 *
 * A flight is kept as messages, not as datagrams: each transmission makes new records with new sequence numbers, and
 * may cut smaller. Records share a datagram while there is room (RFC 6347 §4.2.3); ones of epoch 0 and of epoch 1 do, too.
 */
import type { Bytes } from '../../../core/bytes.ts';
import { encodeFragment, HANDSHAKE_HEADER_BYTES } from '../handshake/fragment.ts';
import type { HandshakeMessage } from '../handshake/fragment.ts';
import { contentType } from '../record/content-type.ts';
import type { ContentType } from '../record/content-type.ts';
import { MAX_PLAINTEXT_BYTES } from '../record/header.ts';
import type { RecordLayer } from '../record/layer.ts';

export type FlightPart =
  | { readonly kind: 'message'; readonly epoch: 0 | 1; readonly message: HandshakeMessage }
  | { readonly kind: 'change-cipher-spec' };

export interface Flight {
  readonly parts: readonly FlightPart[];
  /** The last flight of a handshake has no answer; it is sent again only when the peer asks by repeating its own. */
  readonly awaitsAnswer: boolean;
}

const CHANGE_CIPHER_SPEC = Uint8Array.of(1);
/** A fragment shorter than this is not worth its headers: it goes to the next datagram. */
const MIN_FRAGMENT_BYTES = 16;

/** The datagrams of one transmission. @throws HandshakeFailure never; the numbers of epoch 0 do not run out in a handshake */
export function datagramsOf({ parts }: Flight, records: RecordLayer, datagramBytes: number): Bytes[] {
  const packer = new DatagramPacker(datagramBytes);
  for (const part of parts) {
    if (part.kind === 'change-cipher-spec') {
      packer.reserve(records.overheadBytes(0) + 1);
      packer.add(records.write(contentType.changeCipherSpec, 0, CHANGE_CIPHER_SPEC));
    } else packMessage(part.message, part.epoch, records, packer);
  }
  return packer.finish();
}

function packMessage(message: HandshakeMessage, epoch: 0 | 1, records: RecordLayer, packer: DatagramPacker): void {
  const type: ContentType = contentType.handshake;
  const overhead = records.overheadBytes(epoch) + HANDSHAKE_HEADER_BYTES;
  const total = message.body.length;
  let offset = 0;
  do {
    packer.reserve(overhead + Math.min(total - offset, MIN_FRAGMENT_BYTES));
    const room = Math.min(packer.room - overhead, MAX_PLAINTEXT_BYTES - HANDSHAKE_HEADER_BYTES);
    const length = Math.min(total - offset, Math.max(room, 1));
    packer.add(records.write(type, epoch, encodeFragment(message, offset, length)));
    offset += length;
  } while (offset < total);
}

/** Puts records into as few datagrams as they fit. */
class DatagramPacker {
  readonly #limit: number;
  readonly #datagrams: Bytes[] = [];
  #records: Bytes[] = [];
  #used = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes left in the datagram that is being filled. */
  get room(): number {
    return this.#limit - this.#used;
  }

  /** Starts another datagram where there is no room for so much. */
  reserve(bytes: number): void {
    if (this.room < bytes) this.#flush();
  }

  add(record: Bytes): void {
    this.#records.push(record);
    this.#used += record.length;
  }

  finish(): Bytes[] {
    this.#flush();
    return this.#datagrams;
  }

  #flush(): void {
    if (this.#records.length === 0) return;
    const datagram = new Uint8Array(this.#used);
    let offset = 0;
    for (const record of this.#records) {
      datagram.set(record, offset);
      offset += record.length;
    }
    this.#datagrams.push(datagram);
    this.#records = [];
    this.#used = 0;
  }
}

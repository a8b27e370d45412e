/**
 * BER into DER, as far as PKCS#12 files need it.
 *
 * Certificates are DER, and so are the files that OpenSSL, Java and Windows write. Those of Firefox and of the macOS keychain are BER: lengths
 * that are not told in front, and byte strings in pieces. Rather than teach the strict reader to be lax, such a file is
 * written anew first: the same elements, every length told and short, every byte string in one piece. Nothing that is signed goes
 * through here: what the file's MAC covers is the inside of a byte string, which stays as it is.
 */
import { ProtocolError } from '../../core/errors.ts';
import type { Bytes } from '../../core/bytes.ts';
import { tag } from '../../protocols/x509/der-tag.ts';
import { element } from '../../protocols/x509/der-writer.ts';

const MAX_DEPTH = 32;
const CONSTRUCTED = 0x20;

/** @throws ProtocolError it is not BER either */
export function derOf(ber: Uint8Array): Bytes {
  const reader = new BerReader(new Uint8Array(ber));
  const whole = reader.element(ber.length, 0);
  if (whole === undefined || reader.position !== ber.length) throw malformed('something is after the end');
  return whole;
}

class BerReader {
  readonly #bytes: Bytes;
  position = 0;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
  }

  /** The next element in DER; `undefined` for the mark at the end of an indefinite length. */
  element(end: number, depth: number): Bytes | undefined {
    if (depth > MAX_DEPTH) throw malformed(`elements are nested deeper than ${MAX_DEPTH}`);
    const identifier = this.#octet(end);
    if ((identifier & 0x1f) === 0x1f) throw malformed('a tag number above 30');
    const length = this.#length(end);
    if (identifier === 0) {
      if (length !== 0) throw malformed('an end mark with contents');
      return undefined;
    }
    if ((identifier & CONSTRUCTED) === 0) {
      if (length === undefined) throw malformed('an indefinite length around plain bytes');
      const start = this.position;
      this.position += length;
      return element(identifier, this.#bytes.subarray(start, this.position));
    }
    const inside = this.#inside(length === undefined ? end : this.position + length, length === undefined, depth + 1);
    if (identifier !== (tag.octetString | CONSTRUCTED)) return element(identifier, ...inside);
    return element(tag.octetString, ...inside.map(pieceOf));
  }

  #inside(end: number, endsWithMark: boolean, depth: number): Bytes[] {
    const elements: Bytes[] = [];
    for (;;) {
      if (!endsWithMark && this.position === end) return elements;
      const next = this.element(end, depth);
      if (next === undefined) {
        if (endsWithMark) return elements;
        throw malformed('an end mark where none belongs');
      }
      elements.push(next);
    }
  }

  #octet(end: number): number {
    if (this.position >= end) throw malformed('it ends inside an element');
    return this.#bytes[this.position++] as number;
  }

  /** `undefined`: indefinite. */
  #length(end: number): number | undefined {
    const first = this.#octet(end);
    if (first === 0x80) return undefined;
    let length = first;
    if (first > 0x80) {
      const count = first & 0x7f;
      if (count > 4) throw malformed('a length of more than four octets');
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + this.#octet(end);
    }
    if (length > end - this.position) throw malformed('an element past the end');
    return length;
  }
}

/** What is inside a piece of a byte string, which is DER by now. */
export function pieceOf(piece: Bytes): Bytes {
  if (piece[0] !== tag.octetString) throw malformed('a byte string with something else in it');
  const first = piece[1] as number;
  return piece.subarray(first < 0x80 ? 2 : 2 + (first & 0x7f));
}

function malformed(problem: string): ProtocolError {
  return new ProtocolError(`a PKCS#12 file is malformed: ${problem}`, 'X.690 §8.1');
}

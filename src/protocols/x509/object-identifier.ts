/**
 * Object identifiers between their contents octets and dotted text (X.690 §8.19).
 *
 * The first octet group holds two arcs, 40 * first + second. Arcs are base 128 with the fewest octets. An OID here has at
 * most 64 octets: it is compared and shown to people, and UUID arcs under 2.25, the longest in use, take 20. Longer ones are
 * refused like malformed ones.
 */
import { ByteWriter } from '../../core/byte-writer.ts';
import type { Bytes } from '../../core/bytes.ts';

const MAX_OID_BYTES = 64;

/** The dotted form, or `undefined` where the octets are not an OID. */
export function decodeObjectIdentifier(contents: Uint8Array): string | undefined {
  if (contents.length === 0 || contents.length > MAX_OID_BYTES) return undefined;
  if (((contents.at(-1) as number) & 0x80) !== 0) return undefined;
  let dotted = '';
  let arc: number | bigint = 0;
  let first = true;
  for (const octet of contents) {
    if (first && octet === 0x80) return undefined;
    // BigInt is slow, and a long CRL has an OID in every entry: only arcs that need it get it.
    arc =
      typeof arc === 'number' && arc < 2 ** 45 ? arc * 128 + (octet & 0x7f) : BigInt(arc) * 128n + BigInt(octet & 0x7f);
    first = (octet & 0x80) === 0;
    if (!first) continue;
    dotted = dotted === '' ? headOf(arc) : `${dotted}.${arc}`;
    arc = 0;
  }
  return dotted;
}

/**
 * Contents octets of a dotted OID.
 *
 * @throws RangeError it is not one: two arcs or more, the first 0 to 2, the second below 40 under 0 and 1
 */
export function encodeObjectIdentifier(dotted: string): Bytes {
  if (!/^[0-2](\.(0|[1-9][0-9]*)){1,}$/.test(dotted)) throw new RangeError(`${JSON.stringify(dotted)} is not an OID`);
  const [root = 0n, second = 0n, ...rest] = dotted.split('.').map((arc) => BigInt(arc));
  if (root < 2n && second >= 40n) throw new RangeError(`${dotted} is not an OID: its second arc is above 39`);
  const writer = new ByteWriter(16);
  for (const arc of [root * 40n + second, ...rest]) {
    const groups = [Number(arc & 0x7fn)];
    for (let left = arc >> 7n; left > 0n; left >>= 7n) groups.push(Number(left & 0x7fn) | 0x80);
    for (const group of groups.reverse()) writer.u8(group);
  }
  return writer.take();
}

/** The two arcs in the first group. */
function headOf(group: number | bigint): string {
  if (group < 80) return `${group < 40 ? 0 : 1}.${Number(group) % 40}`;
  return `2.${typeof group === 'number' ? group - 80 : group - 80n}`;
}

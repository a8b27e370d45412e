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
  const arcs: bigint[] = [];
  let arc = 0n;
  let first = true;
  for (const octet of contents) {
    if (first && octet === 0x80) return undefined;
    arc = (arc << 7n) | BigInt(octet & 0x7f);
    first = (octet & 0x80) === 0;
    if (first) {
      arcs.push(arc);
      arc = 0n;
    }
  }
  const head = arcs[0] as bigint;
  const root = head < 80n ? head / 40n : 2n;
  return [root, head - root * 40n, ...arcs.slice(1)].join('.');
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

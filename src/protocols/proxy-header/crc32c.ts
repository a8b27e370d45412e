/**
 * CRC-32C (Castagnoli), as PROXY protocol §2.2.3 takes it from RFC 4960 appendix B: reflected polynomial 0x82F63B78, start and
 * end inverted. One table of 256 entries; a header has at most 64 KiB, once for each connection.
 */
const table = makeTable();

export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] as number);
  return (crc ^ 0xffffffff) >>> 0;
}

function makeTable(): Uint32Array {
  const entries = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ ((value & 1) === 0 ? 0 : 0x82f63b78);
    entries[i] = value;
  }
  return entries;
}

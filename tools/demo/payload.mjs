// What is sent: the bytes of a real file, and slices of it that are all different.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Node's own executable, or several copies of it one after the other where it is smaller than `minBytes`. */
export function readPayload(minBytes) {
  const file = readFileSync(process.execPath);
  if (file.length === 0) throw new Error(`${process.execPath} is empty`);
  const copies = Math.ceil(minBytes / file.length);
  return describe(copies === 1 ? file : Buffer.concat(new Array(copies).fill(file)));
}

/** `count` slices of 16 to 240 KiB, spread over the whole, each beginning with its own number. */
export function slices(payload, count) {
  const step = Math.floor(payload.length / count);
  return Array.from({ length: count }, (_, i) => {
    const length = (16 + ((i * 37) % 225)) * 1024;
    const start = Math.min(i * step, payload.length - length);
    const bytes = Buffer.from(payload.bytes.subarray(start, start + length));
    bytes.writeUInt32BE(i, 0);
    return describe(bytes);
  });
}

function describe(bytes) {
  return { bytes, length: bytes.length, digest: createHash('sha256').update(bytes).digest('hex') };
}

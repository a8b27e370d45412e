// `npm run build && node bench/framing.mjs`: how many small frames a second of CPU the codecs cut out of memory, on the Node that runs it.
//
// Chunks of 64 KiB are what a busy socket gives, 1,448 bytes one segment, and one byte shows that the work does not grow with the number
// of chunks a frame came in: a quadratic decoder would take half an hour over the last table.
import { delimited, fixed, jsonLines, lengthPrefixed, lines, netstrings, struct } from 'bowline/framing';

const payload = new Uint8Array(16).fill(0x61);
const text = 'abcdefghijklmnop';

/** @type {[string, import('bowline/framing').Codec<any>, unknown][]} */
const subjects = [
  ['lines, 16 bytes', lines(), text],
  ['delimited by CR LF, 16 bytes', delimited('\r\n'), payload],
  ['fixed, 16 bytes', fixed(16), payload],
  ['lengthPrefixed u16be, 16 bytes', lengthPrefixed('u16be'), payload],
  ['lengthPrefixed varint, 16 bytes', lengthPrefixed('varint'), payload],
  ['netstrings, 16 bytes', netstrings(), payload],
  ['struct >HI', struct('>HI'), [1, 2]],
  ['jsonLines, 18 bytes', jsonLines(), text],
];

for (const chunkBytes of [65_536, 1448, 1]) {
  console.log(`\nchunks of ${chunkBytes} bytes${' '.repeat(16)}million frames per CPU second`);
  for (const [name, codec, value] of subjects) {
    console.log(`  ${name.padEnd(34)}${millionPerSecond(codec, value, chunkBytes).toFixed(2).padStart(8)}`);
  }
}

/** A frame of a megabyte, byte by byte: the time for each byte must not depend on how many came before. */
for (const bytes of [2 ** 16, 2 ** 18, 2 ** 20]) {
  const codec = delimited('\r\n', { maxBytes: 2 ** 20 });
  const frame = encoded(codec, new Uint8Array(bytes - 2), 1);
  const decoder = codec.decoder();
  const started = process.cpuUsage();
  for (let at = 0; at < frame.length; at++) {
    decoder.push(frame.subarray(at, at + 1));
    decoder.next();
  }
  const { user, system } = process.cpuUsage(started);
  console.log(
    `\none frame of ${bytes} bytes in one-byte chunks: ${(((user + system) * 1000) / bytes).toFixed(0)} ns a byte`,
  );
}

/** @param {import('bowline/framing').Codec<any>} codec @param {unknown} value @param {number} chunkBytes */
function millionPerSecond(codec, value, chunkBytes) {
  const data = encoded(codec, value, 3000);
  const decoder = codec.decoder();
  let frames = 0;
  const pass = () => {
    for (let at = 0; at < data.length; at += chunkBytes) {
      decoder.push(data.subarray(at, at + chunkBytes));
      while (decoder.next() !== undefined) frames++;
    }
  };
  for (let i = 0; i < 30; i++) pass();
  frames = 0;
  const started = process.cpuUsage();
  for (let i = 0; i < (chunkBytes === 1 ? 30 : 300); i++) pass();
  const { user, system } = process.cpuUsage(started);
  return frames / (user + system);
}

/** @param {import('bowline/framing').Codec<any>} codec @param {unknown} value @param {number} count */
function encoded(codec, value, count) {
  const one = codec.encode(value);
  const whole = Buffer.concat(one instanceof Uint8Array ? [one] : one);
  return new Uint8Array(Buffer.concat(Array.from({ length: count }, () => whole)));
}

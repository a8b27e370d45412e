/** Helpers of the framing tests: bytes from text, and decoding under a given cutting. */
import type { Codec, Decoder } from 'bowline/framing';

export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function text(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.length).toString('latin1');
}

export function join(pieces: Uint8Array | readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(pieces instanceof Uint8Array ? [pieces] : pieces));
}

/** All frames that are complete, added to those that there were before. */
export function drain<R>(decoder: Decoder<R>, frames: R[] = []): R[] {
  for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(frame);
  return frames;
}

/** Cuts bytes into chunks of the given sizes, again and again. Each chunk is overwritten once it was pushed. */
export function* chunks(data: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, i = 0; at < data.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length] ?? 1);
    const chunk = data.slice(at, at + size);
    yield chunk;
    chunk.fill(0xee);
    at += size;
  }
}

export interface Decoding<R> {
  readonly frames: R[];
  readonly error: unknown;
  readonly rest: Uint8Array;
}

/** Decodes until the end of the bytes, or an error. */
export function decode<R>(codec: Codec<never, R>, data: Uint8Array, sizes: readonly number[] = [1e9]): Decoding<R> {
  const decoder = codec.decoder();
  const frames: R[] = [];
  let error: unknown;
  try {
    for (const chunk of chunks(data, sizes)) {
      decoder.push(chunk);
      drain(decoder, frames);
    }
    decoder.end();
    drain(decoder, frames);
  } catch (thrown) {
    error = thrown;
  }
  return { frames, error, rest: decoder.takeRest() };
}

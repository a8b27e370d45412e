/** Reading messages in tests: text in, parts out, cut however the test wants. */
import type { MessageDecoder, MessagePart } from '#src/protocols/http1/message-decoder.js';

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

/** All parts, bodies joined: what a message says, whatever it was cut into. */
export interface Message<Head> {
  readonly head: Head;
  body: string;
  ended: boolean;
  trailers: readonly (readonly [string, string])[];
}

/** Pushes the pieces one by one and reads everything that each makes available. */
export function readMessages<Head>(decoder: MessageDecoder<Head>, pieces: readonly string[]): Message<Head>[] {
  const messages: Message<Head>[] = [];
  for (const piece of pieces) {
    decoder.push(bytesOf(piece));
    for (let part = decoder.next(); part !== undefined; part = decoder.next()) take(messages, part);
  }
  return messages;
}

function take<Head>(messages: Message<Head>[], part: MessagePart<Head>): void {
  if (part.kind === 'head') {
    messages.push({ head: part.head, body: '', ended: false, trailers: [] });
    return;
  }
  const message = messages.at(-1);
  if (message === undefined) throw new Error('a body without a head');
  if (part.kind === 'data') {
    message.body += textOf(part.data);
  } else {
    message.ended = true;
    message.trailers = [...part.trailers];
  }
}

/** `text` cut into pieces of `size` characters. */
export function cut(text: string, size: number): string[] {
  return text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
}

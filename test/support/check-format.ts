/** What must hold for every message format and every input; see src/core/message-decoder.ts. */
import assert from 'node:assert/strict';

import { IncompleteRead, ProtocolError } from 'bowline/core';

import { MessageDecoder } from '#src/core/message-decoder.js';
import type { MessageFormat } from '#src/core/message-decoder.js';

export type Outcome<R> =
  | { readonly kind: 'message'; readonly message: R; readonly rest: Uint8Array }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'refused'; readonly error: ProtocolError };

/** Pushes everything at once. Anything but a ProtocolError comes out of here. */
function decodeAll<R>(format: MessageFormat<R>, bytes: Uint8Array): Outcome<R> {
  const decoder = new MessageDecoder(format);
  decoder.push(bytes);
  return outcomeOf(decoder, bytes);
}

/** Pushes what the decoder wants at most, as a shell does, and everything in pieces of `pieceBytes`. */
function decodeInPieces<R>(format: MessageFormat<R>, bytes: Uint8Array, pieceBytes: number): Outcome<R> {
  const decoder = new MessageDecoder(format);
  let at = 0;
  while (at < bytes.length && decoder.wantedBytes > 0) {
    const piece = bytes.subarray(at, at + Math.min(pieceBytes, decoder.wantedBytes));
    decoder.push(piece);
    at += piece.length;
  }
  const outcome = outcomeOf(decoder, bytes);
  if (outcome.kind !== 'message') return outcome;
  assert.equal(outcome.rest.length, 0, 'no byte behind the message was taken');
  return { ...outcome, rest: bytes.subarray(at) };
}

/** However the bytes are cut, the outcome is the same; and what was understood survives being written again. */
export function checkFormat<R>(
  format: MessageFormat<R>,
  bytes: Uint8Array,
  encode?: (message: R) => Uint8Array,
): Outcome<R> {
  const whole = decodeAll(format, bytes);
  for (const pieceBytes of [1, 7, Infinity]) {
    const pieces = decodeInPieces(format, bytes, pieceBytes);
    assert.equal(pieces.kind, whole.kind, `in pieces of ${pieceBytes}`);
    if (pieces.kind !== 'message' || whole.kind !== 'message') continue;
    assert.deepEqual(pieces.message, whole.message);
    assert.deepEqual(Buffer.from(pieces.rest), Buffer.from(whole.rest));
  }
  if (whole.kind !== 'message' || encode === undefined) return whole;
  const again = decodeAll(format, encode(whole.message));
  assert.equal(again.kind, 'message', 'what was understood can be written');
  if (again.kind === 'message') {
    assert.deepEqual(again.message, whole.message);
    assert.equal(again.rest.length, 0);
  }
  return whole;
}

function outcomeOf<R>(decoder: MessageDecoder<R>, bytes: Uint8Array): Outcome<R> {
  try {
    const message = decoder.next();
    if (message !== undefined) return { kind: 'message', message, rest: decoder.takeRest() };
    assert.ok(decoder.wantedBytes > 0, 'an unfinished message wants more');
    if (bytes.length > 0) assert.throws(() => decoder.end(), IncompleteRead);
    return { kind: 'incomplete' };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    assert.throws(
      () => decoder.next(),
      (second) => second === error,
      'a failure stays',
    );
    return { kind: 'refused', error };
  }
}

/** The message, where there must be one, whole and alone. */
export function decodeOne<R>(format: MessageFormat<R>, bytes: Uint8Array): R {
  const outcome = checkFormat(format, bytes);
  if (outcome.kind === 'refused') throw outcome.error;
  assert.equal(outcome.kind, 'message');
  if (outcome.kind !== 'message') throw new Error('unreachable');
  assert.equal(outcome.rest.length, 0);
  return outcome.message;
}

/** Asserts that the bytes are refused, however they are cut. */
export function refuses(format: MessageFormat<unknown>, bytes: Uint8Array, message: RegExp): void {
  const outcome = checkFormat(format, bytes);
  assert.equal(outcome.kind, 'refused');
  if (outcome.kind === 'refused') assert.match(outcome.error.message, message);
}

export function latin1(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}

export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

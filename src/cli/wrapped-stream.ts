/**
 * A stream over another one that does some things differently, and for the rest what the other does. The sides of
 * a connection are such streams: one that can be ended, one that names its errors, one that is standard input and output.
 */
import { wrapped } from '../core/attributes.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import { iterateChunks } from '../streams/chunk-iterator.ts';
import { receiveInto } from '../streams/receive-into.ts';

/** The operations that can be done differently; iterating and disposing follow from them. */
export type OwnOperations = Partial<
  Pick<
    Required<HalfCloseableStream>,
    'receiveSome' | 'receiveInto' | 'sendAll' | 'sendEof' | 'waitSendAllMightNotBlock' | 'close' | 'abort'
  >
>;

/** @param own what is different; both ways to receive, or none */
export function wrapStream(below: HalfCloseableStream, own: OwnOperations): HalfCloseableStream {
  const stream: HalfCloseableStream & { readonly [wrapped]: HalfCloseableStream } = {
    [wrapped]: below,
    receiveSome: (maxBytes) => below.receiveSome(maxBytes),
    receiveInto: (buffer) => receiveInto(below, buffer),
    sendAll: (data) => below.sendAll(data),
    sendEof: () => below.sendEof(),
    waitSendAllMightNotBlock: () => below.waitSendAllMightNotBlock(),
    close: () => below.close(),
    abort: () => below.abort(),
    ...own,
    [Symbol.asyncIterator]: () => iterateChunks(stream),
    [Symbol.asyncDispose]: () => stream.close(),
  };
  return stream;
}

/**
 * One side of a connection: a stream that knows what it is called in messages and where its bytes are counted.
 *
 * When bytes are copied between two streams and one of them breaks, the error has to say which; so each is wrapped in a
 * Side, and what it throws names its address. Cancellation passes through untouched, and so do errors of the program.
 */
import { attributeOf } from '../core/attributes.ts';
import { BowlineError, BrokenResourceError } from '../core/errors.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import { receiveInto } from '../streams/receive-into.ts';
import { lengthOf } from '../streams/stream-arguments.ts';
import { tlsVersion } from '../tls/attributes.ts';
import { EndpointFailure, SideBroken } from './failure.ts';
import { wrapStream } from './wrapped-stream.ts';

/** Called after every step with the bytes that it moved. */
export type OnMoved = (receivedBytes: number, sentBytes: number) => void;

export interface Side extends HalfCloseableStream {
  /** As it may be shown. */
  readonly address: string;
}

/**
 * @param address as it may be shown
 * @param onMoved told of every piece that was received from this side or sent to it
 */
export function sideOf(stream: HalfCloseableStream, address: string, onMoved: OnMoved): Side {
  const named = (during: SideBroken['during'], error: unknown): unknown => {
    if (error instanceof BrokenResourceError) return new SideBroken(address, during, error);
    // The side is whole, but what it was given would be missing in the middle: that ends a relay, and at once.
    return isTooLong(error) ? new EndpointFailure(address, `${during} failed`, error) : error;
  };
  const side = wrapStream(stream, {
    receiveSome: async (maxBytes) => {
      try {
        const chunk = await stream.receiveSome(maxBytes);
        if (chunk !== null) onMoved(chunk.length, 0);
        return chunk;
      } catch (error) {
        throw named('receiving', error);
      }
    },
    receiveInto: async (buffer) => {
      try {
        const length = await receiveInto(stream, buffer);
        if (length !== null) onMoved(length, 0);
        return length;
      } catch (error) {
        throw named('receiving', error);
      }
    },
    sendAll: async (data) => {
      try {
        await stream.sendAll(data);
        onMoved(0, lengthOf(data));
      } catch (error) {
        throw named('sending', error);
      }
    },
    sendEof: async () => {
      // TLS 1.2 cannot end one direction. What the peer has to say is worth more than that it learns of the end.
      if (attributeOf(stream, tlsVersion) === '1.2') return;
      try {
        await stream.sendEof();
      } catch (error) {
        throw named('sending', error);
      }
    },
    close: async () => {
      try {
        await stream.close();
      } catch (error) {
        throw named('closing', error);
      }
    },
  });
  return Object.assign(side, { address });
}

/** By its code, because the class comes with all of DTLS, which is loaded when an address wants it. */
function isTooLong(error: unknown): boolean {
  return error instanceof BowlineError && error.code === 'ERR_BOWLINE_MESSAGE_TOO_LONG';
}

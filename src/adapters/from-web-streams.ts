/**
 * A pair of web streams as a bowline stream: sockets of other runtimes, WebTransport streams, a CompressionStream.
 *
 * Both are locked for good. Chunks are copied once in each direction: a web stream may hand on, or transfer away, the very
 * buffer that it was given. One read of the web stream is under way at a time, and what it brings after the receive that
 * asked for it was cancelled is kept for the next.
 */
import type { Bytes } from '../core/bytes.ts';
import { ClosedResourceError } from '../core/errors.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import { brokenMessage } from '../sockets/node-receive-stream.ts';
import { iterateChunks } from '../streams/chunk-iterator.ts';
import { InboundQueue } from '../streams/inbound-queue.ts';
import type { InboundSource } from '../streams/inbound-queue.ts';
import { OutboundGate } from '../streams/outbound-gate.ts';
import type { OutboundSink } from '../streams/outbound-gate.ts';
import { piecesOf } from '../streams/stream-arguments.ts';

/** What web streams for bytes look like, whoever made them. */
export interface WebBytePair {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/**
 * Makes a stream of a pair of web streams and owns both from now on.
 *
 * `close()` closes the writable, waits at most two seconds for that, and cancels the readable; `abort()` aborts and cancels.
 *
 * @throws TypeError one of them is no web stream, or is locked
 */
export function fromWebStreams(pair: WebBytePair): HalfCloseableStream {
  const { readable, writable } = pair;
  if (typeof (readable as Partial<ReadableStream> | undefined)?.getReader !== 'function') {
    throw new TypeError('readable is not a ReadableStream');
  }
  if (typeof (writable as Partial<WritableStream> | undefined)?.getWriter !== 'function') {
    throw new TypeError('writable is not a WritableStream');
  }
  if (readable.locked || writable.locked) throw new TypeError('somebody else has locked one of the streams');
  return new WebStreamPairStream(new ReaderSource(readable), new WriterSink(writable));
}

class WebStreamPairStream implements HalfCloseableStream {
  readonly #queue: InboundQueue;
  readonly #gate: OutboundGate;
  #closing: Promise<void> | undefined;

  constructor(source: ReaderSource, sink: WriterSink) {
    this.#queue = source.queue;
    this.#gate = sink.gate;
  }

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    return this.#gate.sendAll(data);
  }

  waitSendAllMightNotBlock(): Promise<void> {
    return this.#gate.waitSendAllMightNotBlock();
  }

  sendEof(): Promise<void> {
    return this.#gate.sendEof();
  }

  receiveSome(maxBytes?: number): Promise<Bytes | null> {
    return this.#queue.receiveSome(maxBytes);
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    return this.#queue.receiveInto(buffer);
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this);
  }

  close(): Promise<void> {
    this.#queue.abort();
    return (this.#closing ??= this.#gate.close());
  }

  abort(): void {
    this.#queue.abort();
    this.#gate.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

class ReaderSource implements InboundSource {
  readonly ownsChunks = false;
  readonly queue: InboundQueue = new InboundQueue(this);
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #isPaused = true;
  #isReading = false;

  constructor(readable: ReadableStream<Uint8Array>) {
    this.#reader = readable.getReader();
  }

  resume(): void {
    this.#isPaused = false;
    this.#read();
  }

  pause(): void {
    this.#isPaused = true;
  }

  release(): void {
    this.#reader.cancel(new ClosedResourceError()).catch(ignore);
  }

  #read(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#reader.read().then(this.#onRead, (cause: unknown) => {
      this.queue.fail(brokenMessage(cause), cause);
    });
  }

  readonly #onRead = ({ done, value }: { readonly done: boolean; readonly value?: unknown }): void => {
    this.#isReading = false;
    if (done) this.queue.end();
    else if (value instanceof Uint8Array) {
      this.queue.push(value);
      if (!this.#isPaused) this.#read();
    } else this.queue.fail(`the stream gave ${typeof value} values and not bytes`);
  };
}

class WriterSink implements OutboundSink {
  readonly gate: OutboundGate = new OutboundGate(this);
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor(writable: WritableStream<Uint8Array>) {
    this.#writer = writable.getWriter();
    this.#writer.closed.catch(this.#onError);
    this.#writer.ready.catch(ignore);
  }

  write(data: Uint8Array | readonly Uint8Array[]): boolean {
    const copy = new Uint8Array(Buffer.concat(piecesOf(data)));
    if (copy.length === 0) return true;
    this.#writer.write(copy).then(() => this.gate.sent(), this.#onError);
    return false;
  }

  end(): boolean {
    this.#writer.close().then(() => this.gate.ended(), this.#onError);
    return false;
  }

  release(): void {
    if (!this.gate.isEnded) this.#writer.abort(new ClosedResourceError()).catch(ignore);
  }

  readonly #onError = (cause: unknown): void => {
    this.gate.fail(brokenMessage(cause), cause);
  };
}

function ignore(): void {
  // Told by `closed`, or of no interest any more.
}

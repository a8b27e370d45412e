/**
 * The callback face of a connection, in the words of PEP 3156: a transport moves bytes, a protocol is told what happens.
 *
 *     connectionMade ──▶ dataReceived* ──▶ eofReceived? ──▶ connectionLost
 *           once                            at most once     exactly once, last
 *
 * All methods of a protocol are optional. None is called inside another call of the library that you made from outside a callback,
 * except `pauseWriting`, which is called inside the `write` that filled the buffer, and what was held back, inside `resumeReading`. An
 * exception in a method ends that connection: it is aborted, `connectionLost` gets the exception, and so does the error sink of whoever
 * made the connection. Nobody else notices.
 *
 * Differences from asyncio, on purpose: writing to a closed transport rejects (there it is dropped without a word), a `close()` whose
 * data nobody takes is cut off after a while (there it waits for ever), and an error is never masked as a clean end.
 *
 * Source: PEP 3156; asyncio of Python 3.11 to 3.13 where the PEP is silent.
 */
import type { AttributeKey } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import type { SocketAddress } from '../core/address.ts';
import type { Stream } from '../core/stream.ts';
import type { StartTlsClientOptions, StartTlsServerOptions } from '../tls/start-tls.ts';
import type { ClientContext, ServerContext } from '../trust/context.ts';

export interface Protocol {
  /** The connection is there; before anything was received. */
  connectionMade?(transport: Transport): void;
  /** Some bytes have arrived; they are yours. How they are cut means nothing. */
  dataReceived?(chunk: Bytes): void;
  /**
   * In place of `dataReceived`, for reading into memory of your own: where the next bytes go.
   *
   * @param sizeHint how many bytes are waiting
   * @returns memory for at least 1 byte; none is an error of the protocol
   */
  getBuffer?(sizeHint: number): Uint8Array;
  /** So many bytes are at the start of what `getBuffer` gave. */
  bufferUpdated?(length: number): void;
  /** The peer will send nothing more. @returns `true` to go on sending; otherwise the transport is closed */
  eofReceived?(): boolean | void;
  /** The end. `null`: it was closed or aborted here, or the peer ended it cleanly. Otherwise why, mostly a BrokenResourceError. */
  connectionLost?(error: Error | null): void;
  /** More than the high-water mark is waiting to be sent: stop writing, please. */
  pauseWriting?(): void;
  /** No more than the low-water mark is waiting. Comes once after each `pauseWriting`, unless the connection is lost. */
  resumeWriting?(): void;
}

export interface WriteBufferLimits {
  /** Waiting bytes above which `pauseWriting` is called; an integer, 0 or more. Default 65,536. */
  readonly high?: number | undefined;
  /** Waiting bytes from which on down `resumeWriting` is called; an integer, 0 to `high`. Default a quarter of `high`. */
  readonly low?: number | undefined;
}

/** What `getExtraInfo` knows by name, as asyncio calls it; anything else by its key. */
export interface ExtraInfo {
  readonly peername: SocketAddress | undefined;
  readonly sockname: SocketAddress | undefined;
}

export interface Transport {
  /**
   * Sends bytes. Needs no awaiting: order is kept, and `pauseWriting` says when it is too much. Do not change the memory before the
   * promise resolves, which is when the last byte is in the kernel or the lower layer.
   *
   * A rejection that nobody awaits does no harm, because `connectionLost` and every later call say the same.
   *
   * @throws TypeError not bytes
   * @throws ClosedResourceError the transport was closed or aborted, or `writeEof()` was called
   * @throws BrokenResourceError the connection broke before everything was sent
   */
  write(data: Uint8Array): Promise<void>;
  /** Sends several pieces together, as one call to the lower layer. */
  writeLines(pieces: readonly Uint8Array[]): Promise<void>;
  /** Resolves when everything that was written so far is in the kernel or the lower layer. @throws BrokenResourceError it will not be */
  flush(): Promise<void>;
  /** Sends what is waiting, then says that nothing more will come. Receiving goes on. @throws MisuseError not `canWriteEof()` */
  writeEof(): Promise<void>;
  /** Whether the stream below can end one direction alone. */
  canWriteEof(): boolean;
  /**
   * Stops reading, sends what is waiting, closes; `connectionLost(null)` follows. Where nothing can be sent for `closeTimeoutMs` (10 s by
   * default) the connection is aborted. Idempotent.
   *
   * @returns when `connectionLost` has been called
   */
  close(): Promise<void>;
  /** Closes at once; what is waiting is lost, `connectionLost(null)` follows in a later microtask. Idempotent, in every state. */
  abort(): void;
  /** Whether it was closed or aborted here, or was lost. */
  isClosing(): boolean;
  /** No `dataReceived` or `eofReceived` from now on. Idempotent. */
  pauseReading(): void;
  /** Goes on; what was held back comes within this call. Idempotent. */
  resumeReading(): void;
  isReading(): boolean;
  /** @throws TypeError, RangeError the limits make no sense */
  setWriteBufferLimits(limits: WriteBufferLimits): void;
  getWriteBufferLimits(): { readonly high: number; readonly low: number };
  /** Bytes that are waiting to be sent. */
  getWriteBufferSize(): number;
  /** A fact about the connection, from the outermost layer that knows it. */
  getExtraInfo<K extends keyof ExtraInfo>(name: K): ExtraInfo[K];
  getExtraInfo<T>(key: AttributeKey<T>): T | undefined;
  /** Who is told from here on. `connectionMade` of the new one is not called. */
  setProtocol(protocol: Protocol): void;
  getProtocol(): Protocol;
  /**
   * Begins TLS, when what was written is out. The protocol stays and is not told anew; this transport is of no use afterwards.
   *
   * @returns the transport through TLS
   * @throws ProtocolError the peer had sent more in clear than was handed to the protocol; otherwise as `startTls` of bowline/tls. The
   *   connection is lost then, and `connectionLost` gets the same error
   */
  startTls(context: ClientContext, options: StartTlsClientOptions): Promise<Transport>;
  startTls(context: ServerContext, options?: StartTlsServerOptions): Promise<Transport>;
  /**
   * Gives the stream back, when what was written is out, with what was received and not handed to the protocol. The protocol gets no
   * more calls, not even `connectionLost`.
   *
   * @throws ClosedResourceError the transport is closed or lost
   */
  detach(): Promise<{ readonly stream: Stream; readonly rest: Bytes }>;
}

/**
 * A connection in the manner of Pants: say how its messages are cut, and handle them.
 *
 *     class Greeter extends Connection {
 *       override readDelimiter = lines();
 *       override onRead(name: string) { void this.write(`Hello, ${name}!\n`); }
 *     }
 *
 * It is a protocol (see protocol.ts) with a FrameDecoder in it. `readDelimiter` is a plain field, so that a subclass can give it a value; it
 * is looked at before every message. So it may be changed at any time, also inside `onRead`, and holds for the bytes that follow, however
 * they came. Bytes are kept until they make a message, within the limit of the delimiter.
 *
 * What goes wrong with a message is told where it can be handled, and ends the connection unless the handler is overridden to do
 * something else: `onOverflow` for one that is too long (told again for every chunk while nothing changes), `onError` for bytes that are
 * no message and for an end of file inside one. An exception in a handler aborts the connection and nothing else. `onClose` comes last,
 * once, with the reason.
 *
 * Source: Pants `Stream`. Kept from it: the delimiters and when a change of them takes effect, handlers that may be replaced on an
 * instance, `close` that sends what is waiting. Not kept: an end of file that drops what is waiting and what is half read, a search that
 * starts anew with every chunk, silence about write errors, writing without a limit.
 */
import type { SocketAddress } from '../core/address.ts';
import type { Bytes } from '../core/bytes.ts';
import { ClosedResourceError, FrameTooLarge, MisuseError } from '../core/errors.ts';
import { checkCodec } from '../framing/codec.ts';
import type { Codec } from '../framing/codec.ts';
import { FrameDecoder } from '../framing/frame-decoder.ts';
import { fixed } from '../framing/fixed.ts';
import { checkBytes } from '../framing/limits.ts';
import { encodeText } from '../framing/text.ts';
import { fileChunks } from '../platform/file-chunks.ts';
import type { FileRange } from '../platform/file-chunks.ts';
import { quietly } from '../sockets/socket-failure.ts';
import type { StartTlsClientOptions, StartTlsServerOptions } from '../tls/start-tls.ts';
import type { ClientContext, ServerContext } from '../trust/context.ts';
import { createConnection } from './connect.ts';
import type { ConnectionTarget, CreateConnectionOptions } from './connect.ts';
import type { Protocol, Transport } from './protocol.ts';
import { codecOf } from './read-delimiter.ts';
import type { ReadDelimiter } from './read-delimiter.ts';
import type { Server } from './server.ts';
import { StreamTransport, upgrade } from './stream-transport.ts';

const DEFAULT_BUFFER_BYTES = 65_536;
/** What may be kept beyond twice the limit by a connection that overlooks an overflow. */
const OVERFLOW_BYTES = 1_048_576;
const AGAIN = Symbol('again');

/** Handlers for a connection that is not subclassed; `this` is the connection. */
export type ConnectionHandlers = Partial<
  Pick<
    Connection,
    'onConnect' | 'onRead' | 'onDrain' | 'onEof' | 'onClose' | 'onError' | 'onOverflow' | 'readDelimiter'
  >
> &
  ThisType<Connection>;

export class Connection implements Protocol {
  /** The server that accepted it. */
  server: Server | undefined;
  /** How what is received is cut into messages. One that is none of the forms ends the connection when it is looked at. */
  readDelimiter: ReadDelimiter = null;
  /** Most bytes of a message where the delimiter has no limit of its own. */
  bufferBytes: number = DEFAULT_BUFFER_BYTES;
  /** The delimiter that was last looked at, and its codec. */
  #delimiter: ReadDelimiter = null;
  #codec: Codec<never, unknown> | null = null;
  #decoder: FrameDecoder<unknown> | undefined;
  /** Of `read(codec, handler)`, while that holds. */
  #reader: { readonly codec: Codec<never, unknown>; readonly handler: (message: never) => void } | undefined;
  #transport: Transport | undefined;
  #isDispatching = false;
  #end: 'no' | 'heard' | 'told' = 'no';
  /** The last write that had to wait for a file that is being sent. */
  #outgoing: Promise<void> | undefined;
  #isClosing = false;
  #isUpgrading = false;
  /** Why it was aborted here. */
  #failure: Error | undefined;

  constructor(handlers: ConnectionHandlers = {}) {
    Object.assign(this, handlers);
  }

  // To be overridden

  /** Connected; nothing was received yet. */
  onConnect(): void {
    // Nothing to say.
  }

  /** One message, as the read delimiter cuts them. */
  onRead(_message: unknown): void {
    // Nobody listens.
  }

  /** What was written has gone, after it had been too much (see `Protocol.resumeWriting`). */
  onDrain(): void {
    // Whoever writes a lot overrides this.
  }

  /** The peer will send nothing more. @returns `true` to go on writing; otherwise the connection closes when all is written */
  onEof(): boolean | void {
    // Close.
  }

  /** The end, once. `null`: closed here, or cleanly by the peer. */
  onClose(_error: Error | null): void {
    // Gone.
  }

  /** Bytes that are no message, or an end of file inside one. Unless overridden, the connection is aborted. */
  onError(error: Error): void {
    this.#abortBecause(error);
  }

  /** A message over its limit. Unless overridden, the connection is aborted. The bytes stay; changing the delimiter reads them anew. */
  onOverflow(error: FrameTooLarge): void {
    this.#abortBecause(error);
  }

  // Reading

  /** The typed form of a read delimiter: messages of `codec` go to `handler`, until the delimiter is changed in either way. */
  read<R>(codec: Codec<never, R>, handler: (message: R) => void): void {
    if (typeof handler !== 'function') throw new TypeError('the handler is a function');
    this.readDelimiter = checkCodec(codec);
    this.#reader = { codec, handler };
    this.#dispatchLater();
  }

  /** No messages until `resume()`. The peer is held back when some 64 KiB are waiting. */
  pause(): void {
    this.#transport?.pauseReading();
  }

  /** Goes on, with what is here already in a later microtask. Also to be called when the delimiter was changed outside of a handler. */
  resume(): void {
    this.#transport?.resumeReading();
    this.#dispatchLater();
  }

  // Writing

  /**
   * Sends bytes, or text as UTF-8. Order is kept; awaiting is for who wants to know when they are gone.
   *
   * @throws ClosedResourceError not connected, or closed
   * @throws BrokenResourceError the connection broke
   */
  write(data: Uint8Array | string): Promise<void> {
    const bytes = typeof data === 'string' ? encodeText(data) : data;
    const refused = this.#refuseWrite();
    if (refused !== undefined) return refused;
    if (this.#outgoing === undefined) return this.transport.write(bytes);
    if (!(bytes instanceof Uint8Array)) return Promise.reject(new TypeError('only bytes and text can be written'));
    return this.#inOrder(() => this.transport.write(bytes));
  }

  #refuseWrite(): Promise<never> | undefined {
    if (this.#transport === undefined) return quietly(Promise.reject(new ClosedResourceError('not connected')));
    return this.#isClosing ? quietly(Promise.reject(new ClosedResourceError('the connection was closed'))) : undefined;
  }

  /** Sends one message of a codec. @throws TypeError, RangeError the codec cannot encode it */
  send<S>(codec: Codec<S, unknown>, message: S): Promise<void> {
    let pieces: Uint8Array | readonly Uint8Array[];
    try {
      pieces = codec.encode(message);
    } catch (error) {
      return Promise.reject(error);
    }
    const refused = this.#refuseWrite();
    if (refused !== undefined) return refused;
    const write = (): Promise<void> =>
      pieces instanceof Uint8Array ? this.transport.write(pieces) : this.transport.writeLines(pieces);
    return this.#outgoing === undefined ? write() : this.#inOrder(write);
  }

  /**
   * Sends a file, or a part of it, piece by piece as the peer takes it. What is written afterwards comes after it.
   *
   * @returns when the last byte is in the kernel or the lower layer
   * @throws what opening and reading the file throws; what was read by then is sent
   */
  writeFile(path: string | URL, range: FileRange = {}): Promise<void> {
    try {
      if (range.start !== undefined) checkBytes('start', range.start, 0);
      if (range.length !== undefined) checkBytes('length', range.length, 0);
    } catch (error) {
      return Promise.reject(error);
    }
    const refused = this.#refuseWrite();
    if (refused !== undefined) return refused;
    return this.#inOrder(async () => {
      for await (const chunk of fileChunks(path, range)) await this.transport.write(chunk);
    });
  }

  /** Resolves when everything that was written so far is in the kernel or the lower layer. */
  async flush(): Promise<void> {
    await this.#outgoing;
    await this.#transport?.flush();
  }

  #inOrder(write: () => Promise<void>): Promise<void> {
    const before = this.#outgoing;
    const result = before === undefined ? write() : before.then(write, write);
    const settled = (): void => {
      if (this.#outgoing === tail) this.#outgoing = undefined;
    };
    const tail: Promise<void> = result.then(settled, settled);
    this.#outgoing = tail;
    return quietly(result);
  }

  // Connecting and closing

  /**
   * Connects this object. One object is one connection: it cannot be connected again.
   *
   * @throws MisuseError it is or was connected; otherwise as `createConnection`
   */
  async connect(target: ConnectionTarget, options: CreateConnectionOptions = {}): Promise<this> {
    if (this.#transport !== undefined) throw new MisuseError('a connection is connected once');
    await createConnection(() => this, target, options);
    return this;
  }

  /** Sends what is waiting, then closes; `onClose(null)` follows. @returns when that was called */
  close(): Promise<void> {
    this.#isClosing = true;
    const transport = this.#transport;
    if (transport === undefined) return Promise.resolve();
    return this.#outgoing === undefined ? transport.close() : this.#outgoing.then(() => this.transport.close());
  }

  /**
   * Begins TLS on this connection, when all that was written is out. The handlers stay; what is written from now on goes through TLS.
   *
   * @throws ProtocolError, CertificateError, BrokenResourceError as `startTls` of bowline/tls; the connection is lost then
   */
  startTls(context: ClientContext, options: StartTlsClientOptions): Promise<void>;
  startTls(context: ServerContext, options?: StartTlsServerOptions): Promise<void>;
  startTls(
    context: ClientContext | ServerContext,
    options: StartTlsClientOptions | StartTlsServerOptions = {},
  ): Promise<void> {
    const refused = this.#refuseWrite();
    if (refused !== undefined) return refused;
    // From here on nothing that came in clear is handed out: what there is has come too early.
    this.#isUpgrading = true;
    return this.#inOrder(async () => {
      try {
        const early = this.#decoder?.takeRest() ?? new Uint8Array(0);
        this.#transport = await upgrade(this.transport, context, options, early);
      } finally {
        this.#isUpgrading = false;
      }
    });
  }

  /** Closes at once; what is waiting is lost. */
  abort(): void {
    this.#transport?.abort();
  }

  /** Neither closed nor lost. */
  get isOpen(): boolean {
    return this.#transport?.isClosing() === false;
  }

  get remoteAddress(): SocketAddress | undefined {
    return this.#transport?.getExtraInfo('peername');
  }

  get localAddress(): SocketAddress | undefined {
    return this.#transport?.getExtraInfo('sockname');
  }

  /** @throws MisuseError not connected yet */
  get transport(): Transport {
    if (this.#transport === undefined) throw new MisuseError('this connection is not connected');
    return this.#transport;
  }

  // For the transport

  connectionMade(transport: Transport): void {
    if (this.#transport !== undefined) throw new MisuseError('a connection is connected once');
    this.#transport = transport;
    this.onConnect();
    this.#lookAtDelimiter();
  }

  dataReceived(chunk: Bytes): void {
    this.#lookAtDelimiter();
    if (this.#codec === null && this.#decoder === undefined && !this.#isUpgrading) {
      this.onRead(chunk);
      return;
    }
    (this.#decoder ??= new FrameDecoder(fixed(1))).push(chunk);
    this.#dispatch();
  }

  eofReceived(): boolean | void {
    this.#end = 'heard';
    this.#dispatch();
    if (this.isOpen) return this.onEof();
  }

  resumeWriting(): void {
    this.onDrain();
  }

  connectionLost(error: Error | null): void {
    this.server?.forget(this);
    this.onClose(this.#failure ?? error);
  }

  /** Hands out what is complete, one message after another, as long as somebody wants it. */
  #dispatch(): void {
    if (this.#isDispatching || this.#decoder === undefined) return;
    this.#isDispatching = true;
    try {
      while (this.#wantsMore()) {
        this.#lookAtDelimiter();
        const message = this.#next(this.#decoder);
        if (message === AGAIN) continue;
        if (message === undefined) break;
        if (this.#reader !== undefined) this.#reader.handler(message as never);
        else this.onRead(message);
      }
    } finally {
      this.#isDispatching = false;
    }
  }

  /** For calls from outside of the transport's: what a handler throws still ends this connection and nothing else. */
  #dispatchLater(): void {
    if (this.#isDispatching || this.#decoder === undefined) return;
    const transport = this.#transport;
    queueMicrotask(() => {
      if (transport instanceof StreamTransport) transport.guard(() => this.#dispatch());
    });
  }

  #wantsMore(): boolean {
    const transport = this.#transport;
    if (this.#isUpgrading) return false;
    return transport !== undefined && !transport.isClosing() && (transport.isReading() || this.#end !== 'no');
  }

  #lookAtDelimiter(): void {
    const delimiter = this.readDelimiter;
    if (delimiter === this.#delimiter) return;
    this.#codec = codecOf(delimiter, this.bufferBytes);
    this.#delimiter = delimiter;
    if (this.#reader?.codec !== delimiter) this.#reader = undefined;
    if (this.#codec === null) return;
    if (this.#decoder === undefined) this.#decoder = new FrameDecoder(this.#codec);
    else this.#decoder.switchTo(this.#codec);
  }

  /** The next message; `undefined` if there is none; AGAIN if it is worth another look. */
  #next(decoder: FrameDecoder<unknown>): unknown {
    let error: Error;
    try {
      if (this.#codec === null) {
        const rest = decoder.takeRest();
        return rest.length > 0 ? rest : undefined;
      }
      const message = decoder.next();
      if (message !== undefined || this.#end !== 'heard') return message;
      this.#end = 'told';
      decoder.end();
      return AGAIN;
    } catch (thrown) {
      error = thrown as Error;
    }
    if (error instanceof FrameTooLarge) {
      this.onOverflow(error);
      // Whoever keeps it open and changes nothing does not get to fill memory.
      if (decoder.bufferedBytes > 2 * error.maxBytes + OVERFLOW_BYTES) this.#abortBecause(error);
    } else {
      this.onError(error);
    }
    return this.readDelimiter === this.#delimiter ? undefined : AGAIN;
  }

  #abortBecause(error: Error): void {
    this.#failure ??= error;
    this.abort();
  }
}

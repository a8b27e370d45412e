/**
 * Reading from a `net.Socket` without its Readable side.
 *
 * For each read Node allocates 64 KiB, copies what arrived into a second buffer and runs it through a Readable. That is
 * the largest removable cost of a socket: 11.0 µs a small request against 7.3 µs when the bytes land in one static
 * buffer, shared by all sockets, and are handled before the callback returns (C does it in 4.8; reference measurement).
 * The read callback runs straight after the read and is not re-entered, so sharing is safe as long as nobody keeps a
 * view of the buffer after the callback.
 *
 * Node documents this for client sockets (`onread`). For sockets that already exist, accepted ones above all, there are
 * three ways, tried in this order:
 *
 *     own buffer   give the socket what `onread` would have given it, under the symbols that a probe socket reveals
 *     adopted      move the handle into a new Socket made with `onread`; costs a second object per connection
 *     plain        leave the allocation to Node (another runtime, or a Node that moved its internals)
 *
 * All ways share the rest of the seam, which is two methods that subclasses of Duplex may replace: `push`, by which a
 * socket hands on what it read and its end of file (as `null`, at once and not through 'end'), and `_destroy`. The
 * Readable is thereby never filled and never ends, so nothing of its flow control or its automatic destruction happens:
 * who attaches a sink owns the socket.
 *
 * A failed write must not take away what the peer had sent before (an HTTP server that answers early and closes), so
 * streams are kept from destroying themselves on an error; a failed read still destroys the socket.
 */
import net from 'node:net';

import type { Bytes } from '../core/bytes.ts';

/** Receives what a socket reads and how it ends. None of the methods may throw. */
export interface ReadSink {
  /** `length` bytes have arrived at the start of `buffer`, which is only lent. @returns whether to go on reading */
  onLentBytes(buffer: Uint8Array, length: number): boolean;
  /** Bytes have arrived that the sink may keep. @returns whether to go on reading */
  onOwnBytes(chunk: Bytes): boolean;
  onEndOfFile(): void;
  /** The socket is being destroyed; its addresses can be asked for one last time. `error` is why, if it failed. */
  onDestroy(error: Error | null): void;
  /** A write failed. What the peer had sent before can still be read. */
  onWriteFailure(error: Error): void;
}

export type ReadPath = 'own buffer' | 'adopted' | 'plain';

/** As large as one read of libuv gets. */
const SHARED_BUFFER_BYTES = 65_536;

const sinkOf: unique symbol = Symbol('bowline.readSink');
const endWasDoubted: unique symbol = Symbol('bowline.endWasDoubted');

/** The parts of a net.Socket that this file touches besides its public face. */
interface Internals {
  [sinkOf]?: ReadSink;
  [internal: symbol]: unknown;
  [endWasDoubted]?: boolean;
  _handle?: {
    useUserBuffer?(buffer: Uint8Array): void;
    getpeername?(out: object): number;
    readStart?(): number;
  } | null;
  _server?: unknown;
  server?: unknown;
  push(chunk: Bytes | null): boolean;
  _destroy(error: Error | null, callback: (error?: Error | null) => void): void;
  _readableState?: { autoDestroy?: boolean };
  _writableState?: { autoDestroy?: boolean };
}

type ReadCallback = (length: number, lent: Uint8Array) => boolean;

/** With what the type declarations leave out: `onread` is documented for `connect` and works here, the rest is Node's own. */
interface SocketOptions extends net.SocketConstructorOpts {
  readonly onread: { readonly buffer: Uint8Array; readonly callback: ReadCallback };
  readonly handle?: unknown;
  readonly pauseOnCreate?: boolean;
}

/** A client socket whose reads will go to the shared buffer; not yet connected, and not reading until told to. */
export function newClientSocket(): net.Socket {
  const { buffer } = shared();
  const options: SocketOptions = {
    allowHalfOpen: true,
    onread: { buffer, callback: (length, lent) => deliver(socket as unknown as Internals, length, lent) },
  };
  const socket = new net.Socket(options);
  prepared.add(socket);
  socket.pause();
  return socket;
}

/**
 * Sends everything that `socket` will read to `sink`. Nothing may have been read from it yet, and nobody else may read.
 *
 * @param path for tests: one of the three ways; default the best that works
 * @returns the socket to use from now on, which after adoption is another one
 */
export function attachReadSink(socket: net.Socket, sink: ReadSink, path: ReadPath = bestReadPath()): net.Socket {
  const target = !prepared.has(socket) && path === 'adopted' ? adopt(socket) : socket;
  const internals = target as unknown as Internals;
  if (!prepared.has(target) && path === 'own buffer') useSharedBuffer(internals);
  internals[sinkOf] = sink;
  internals.push = push;
  internals._destroy = destroy;
  target.on('error', onError);
  if (internals._readableState !== undefined) internals._readableState.autoDestroy = false;
  if (internals._writableState !== undefined) internals._writableState.autoDestroy = false;
  return target;
}

/** Gives the reads of a socket to another sink. */
export function replaceReadSink(socket: net.Socket, sink: ReadSink): void {
  (socket as unknown as Internals)[sinkOf] = sink;
}

/** Starts reading, or goes on after a sink said stop. Does nothing on a socket that is reading or destroyed. */
export function startReading(socket: net.Socket): void {
  // `_read` is what Readable would call; `read(0)` and `resume()` go through the flow control that is not in use here.
  if (!socket.destroyed) socket._read(0);
}

function deliver(socket: Internals, length: number, lent: Uint8Array): boolean {
  const sink = socket[sinkOf];
  return sink === undefined ? false : sink.onLentBytes(lent, length);
}

function onRead(this: Internals, length: number, lent: Uint8Array): boolean {
  return (this[sinkOf] as ReadSink).onLentBytes(lent, length);
}

function push(this: Internals, chunk: Bytes | null): boolean {
  const sink = this[sinkOf] as ReadSink;
  if (chunk !== null) return sink.onOwnBytes(chunk);
  if (!isDoubtfulEnd(this)) sink.onEndOfFile();
  return false;
}

/**
 * Whether an end of file may be a reset in disguise, in which case the socket is read once more to find out.
 *
 * When a poll says "readable" and "hung up" together and the read takes all there was, libuv (uv__stream_io) spares itself
 * the next read and reports an end of file. But after an RST that next read would have been ECONNRESET. A connection that
 * the peer has ended is still connected and has a peer name; one that was reset has none, nor has one that ended on both
 * sides, and only those two are asked again.
 */
function isDoubtfulEnd(socket: Internals): boolean {
  const handle = socket._handle;
  if (handle?.getpeername === undefined || handle.readStart === undefined || socket[endWasDoubted] === true)
    return false;
  // The handle of a TLSSocket over something that is no socket has the method, and no answer.
  const answer = handle.getpeername({}) as number | undefined;
  if (answer === 0 || answer === undefined) return false;
  socket[endWasDoubted] = true;
  return handle.readStart() === 0;
}

function destroy(this: Internals, error: Error | null, callback: (error?: Error | null) => void): void {
  this[sinkOf]?.onDestroy(error);
  net.Socket.prototype._destroy.call(this as unknown as net.Socket, error, callback);
}

/** An error that destroyed the socket was told by `_destroy`; what is left are failed writes. */
function onError(this: net.Socket, error: Error): void {
  if (!this.destroyed) (this as unknown as Internals)[sinkOf]?.onWriteFailure(error);
}

interface Shared {
  readonly buffer: Uint8Array;
  /** Where a Socket keeps what it was given as `onread`; undefined where that is not to be found. */
  readonly symbols: { readonly buffer: symbol; readonly callback: symbol } | undefined;
  readonly canAdopt: boolean;
}

let sharedOnce: Shared | undefined;

/** Sockets made with `onread`. */
const prepared = new WeakSet<net.Socket>();

/** Made when first needed: a program that imports bowline and opens nothing pays nothing. */
function shared(): Shared {
  if (sharedOnce !== undefined) return sharedOnce;
  const buffer = new Uint8Array(SHARED_BUFFER_BYTES);
  const options: SocketOptions = { onread: { buffer, callback: onRead as ReadCallback } };
  const probe = new net.Socket(options);
  const fields = probe as unknown as Record<symbol, unknown>;
  const names = Object.getOwnPropertySymbols(probe);
  const bufferName = names.find((name) => fields[name] === buffer);
  const callbackName = names.find((name) => fields[name] === onRead);
  const symbols =
    bufferName === undefined || callbackName === undefined ? undefined : { buffer: bufferName, callback: callbackName };
  sharedOnce = { buffer, symbols, canAdopt: '_handle' in probe && process.versions['bun'] === undefined };
  return sharedOnce;
}

/** The way that this runtime allows for sockets which exist already. */
export function bestReadPath(): ReadPath {
  const { symbols, canAdopt } = shared();
  if (symbols !== undefined) return 'own buffer';
  return canAdopt ? 'adopted' : 'plain';
}

function useSharedBuffer(socket: Internals): void {
  const { buffer, symbols } = shared();
  if (symbols === undefined || typeof socket._handle?.useUserBuffer !== 'function') return;
  socket[symbols.buffer] = buffer;
  socket[symbols.callback] = onRead;
  socket._handle.useUserBuffer(buffer);
}

/** Moves the handle of `socket` into a new Socket, with its place in the server's count of connections. */
function adopt(socket: net.Socket): net.Socket {
  const old = socket as unknown as Internals;
  const { buffer } = shared();
  const options: SocketOptions = {
    handle: old._handle,
    allowHalfOpen: true,
    pauseOnCreate: true,
    onread: { buffer, callback: (length, lent) => deliver(adopted as unknown as Internals, length, lent) },
  };
  const adopted = new net.Socket(options);
  const internals = adopted as unknown as Internals;
  internals._server = old._server;
  internals.server = old.server;
  old._handle = null;
  old._server = null;
  return adopted;
}

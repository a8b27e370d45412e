/**
 * Sending through a `dgram.Socket` at once.
 *
 * `socket.send` puts every datagram off to `process.nextTick`, in a request object and a closure of its own, although
 * nearly every one is in the kernel within the system call; and without a callback its errors are lost. The handle below
 * it says at once what became of a datagram: sent, refused, or queued because the kernel's buffer is full. So with the
 * handle a send needs no promise, no closure and, since a request is only used up when it was queued, no new request.
 *
 * The handle and the class of its requests are found by looking, not by name of an internal module: the handle under the
 * symbol that holds a dgram socket's state, the class from the first request that goes through `socket.send`. Until
 * then, and on a runtime where nothing is found, `socket.send` it is. (Node 20 to 26 have it; Bun does not.)
 */
import type { Socket } from 'node:dgram';
import { getSystemErrorMap } from 'node:util';

/** What was queued by the system; `settle` is called once, later. */
export interface QueuedSend {
  settle: ((error: Error | undefined) => void) | undefined;
}

export interface DatagramHandle {
  /** @returns `undefined`: sent. An error: not sent. Else it is queued, and its memory must not be changed before it is settled. */
  send(data: Uint8Array, port: number, host: string | undefined): undefined | Error | QueuedSend;
}

/** A request of udp_wrap, with what this file hangs on it. */
interface SendRequest extends QueuedSend {
  list?: readonly Uint8Array[];
  oncomplete?: (this: SendRequest, status: number) => void;
}

interface NativeHandle {
  send: (this: NativeHandle, request: SendRequest, list: readonly Uint8Array[], ...rest: unknown[]) => number;
}

/** Of dgram's own requests, seen when the first one passes by. */
let SendRequestClass: (new () => SendRequest) | undefined;

/**
 * @param socket bound, with a `lookup` that does not wait
 * @param isConnected to one peer; then sends name no address
 */
export function datagramHandle(socket: Socket, isConnected: boolean): DatagramHandle {
  return new FoundHandle(socket, isConnected);
}

class FoundHandle implements DatagramHandle {
  readonly #socket: Socket;
  readonly #isConnected: boolean;
  #native: NativeHandle | undefined;
  #request: SendRequest | undefined;
  /** What the request points to, for one call. */
  #list: Uint8Array[] = [];

  constructor(socket: Socket, isConnected: boolean) {
    this.#socket = socket;
    this.#isConnected = isConnected;
    this.#native = nativeHandleOf(socket);
  }

  send(data: Uint8Array, port: number, host: string | undefined): undefined | Error | QueuedSend {
    const native = this.#native;
    if (native === undefined || SendRequestClass === undefined) return this.#sendPublicly(data, port, host);
    const request = (this.#request ??= newRequest(SendRequestClass));
    const list = this.#list;
    list[0] = data;
    const status = this.#isConnected
      ? native.send(request, list, 1, true)
      : native.send(request, list, 1, port, host, true);
    // The length and one more: it was sent.
    if (status > 0) return undefined;
    if (status < 0) return systemError(status, host, port);
    // What is queued keeps its request and its memory until it is gone.
    request.list = list;
    this.#list = [data];
    this.#request = undefined;
    return request;
  }

  #sendPublicly(data: Uint8Array, port: number, host: string | undefined): QueuedSend {
    const queued: QueuedSend = { settle: undefined };
    const onSent = (error: Error | null): void => queued.settle?.(error ?? undefined);
    const native = this.#native;
    if (native !== undefined) watchForRequest(native);
    if (this.#isConnected) this.#socket.send(data, onSent);
    else this.#socket.send(data, port, host, onSent);
    return queued;
  }
}

function nativeHandleOf(socket: Socket): NativeHandle | undefined {
  for (const symbol of Object.getOwnPropertySymbols(socket)) {
    if (symbol.description !== 'state symbol') continue;
    const state = (socket as unknown as Record<symbol, { handle?: Partial<NativeHandle> } | undefined>)[symbol];
    const handle = state?.handle;
    if (typeof handle?.send === 'function' && handle.constructor.name === 'UDP') return handle as NativeHandle;
  }
  return undefined;
}

/** Lets the next request through, and remembers what it is made of. */
function watchForRequest(native: NativeHandle): void {
  const { send } = native;
  if (send === passing) return;
  originals.set(native, send);
  native.send = passing;
}

const originals = new WeakMap<NativeHandle, NativeHandle['send']>();

function passing(this: NativeHandle, request: SendRequest, ...rest: [readonly Uint8Array[], ...unknown[]]): number {
  const send = originals.get(this) as NativeHandle['send'];
  this.send = send;
  originals.delete(this);
  if (request.constructor.name === 'SendWrap') SendRequestClass = request.constructor as new () => SendRequest;
  return send.call(this, request, ...rest);
}

function newRequest(Class: new () => SendRequest): SendRequest {
  const request = new Class();
  request.settle = undefined;
  request.oncomplete = onComplete;
  return request;
}

function onComplete(this: SendRequest, status: number): void {
  this.settle?.(status < 0 ? systemError(status, undefined, undefined) : undefined);
}

/** As dgram words it. */
function systemError(status: number, host: string | undefined, port: number | undefined): Error {
  const [code, meaning] = getSystemErrorMap().get(status) ?? [`E${-status}`, 'unknown error'];
  const target = host === undefined ? '' : ` ${host}:${port}`;
  return Object.assign(new Error(`send ${code}${target} (${meaning})`), { code, errno: status, syscall: 'send' });
}

/** A listening socket on the simulated network: what its backlog has no room for is not answered, and tried again later. */
import type { InetAddress } from '../../core/address.ts';
import { attributes } from '../../core/attributes.ts';
import type { AttributeKey } from '../../core/attributes.ts';
import { BusyResourceError, ClosedResourceError } from '../../core/errors.ts';
import { localAddress } from '../../core/network.ts';
import type { SocketListener, SocketStream } from '../../core/network.ts';
import { publishAccept } from '../../observe/connections.ts';
import { repeatable } from '../../sockets/socket-failure.ts';
import { completed, refusal, Waiter } from '../../tasks/waiter.ts';

export class SimulatedTcpListener implements SocketListener {
  readonly address: InetAddress;
  readonly dualStack: boolean;
  readonly #backlog: number;
  readonly #onClose: () => void;
  readonly #unclaimed: SocketStream[] = [];
  readonly #acceptor = new Waiter<SocketStream>('virtual');
  #isOpen = true;

  constructor(address: InetAddress, dualStack: boolean, backlog: number, onClose: () => void) {
    this.address = address;
    this.dualStack = dualStack;
    this.#backlog = backlog;
    this.#onClose = onClose;
  }

  get hasRoom(): boolean {
    return this.#acceptor.pending || this.#unclaimed.length < this.#backlog;
  }

  accept(): Promise<SocketStream> {
    if (!this.#isOpen) return repeatable(new ClosedResourceError());
    if (this.#acceptor.pending) return Promise.reject(new BusyResourceError('another call is already accepting'));
    const refused = refusal();
    if (refused !== undefined) return refused;
    const stream = this.#unclaimed.shift();
    if (stream === undefined) return this.#acceptor.wait();
    publishAccept(stream);
    return completed(stream);
  }

  /** For the network: a connection has come. There is room. */
  push(stream: SocketStream): void {
    if (!this.#acceptor.pending) {
      this.#unclaimed.push(stream);
      return;
    }
    publishAccept(stream);
    this.#acceptor.resolve(stream);
  }

  close(): Promise<void> {
    this.abort();
    return Promise.resolve();
  }

  abort(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const stream of this.#unclaimed.splice(0)) stream.abort();
    this.#acceptor.rejectRepeatable(new ClosedResourceError());
    this.#onClose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [attributes](key: AttributeKey<unknown>): unknown {
    return key === localAddress ? this.address : undefined;
  }
}

/**
 * Opening a simulated connection: SYN, and what comes of it.
 *
 * A SYN that gets no answer is sent again after 1, 2, 4 … 32 s, and given up after 64 more: 127 s in all (Linux,
 * tcp_syn_retries 6). A host without a listener there refuses; an address that nobody has is unreachable.
 */
import type { InetAddress } from '../../core/address.ts';
import type { SocketStream } from '../../core/network.ts';
import type { Waiter } from '../../tasks/waiter.ts';
import { systemFailure } from './fabric.ts';
import type { Fabric, Route } from './fabric.ts';
import { Segments } from './segments.ts';
import type { SimulatedHost } from './simulated-host.ts';
import { SimulatedTcpStream } from './simulated-tcp-stream.ts';

const FIRST_RETRY_MS = 1000;
const RETRIES = 6;
const SYN_BYTES = 60;

export class TcpConnect {
  readonly #fabric: Fabric;
  readonly #host: SimulatedHost;
  readonly #local: InetAddress;
  readonly #remote: InetAddress;
  readonly #waiter: Waiter<SocketStream>;
  #client: SimulatedTcpStream | undefined;
  #isOver = false;

  /** @param local its port is held until the connection is gone, or was given up */
  constructor(
    fabric: Fabric,
    host: SimulatedHost,
    local: InetAddress,
    remote: InetAddress,
    waiter: Waiter<SocketStream>,
  ) {
    this.#fabric = fabric;
    this.#host = host;
    this.#local = local;
    this.#remote = remote;
    this.#waiter = waiter;
  }

  begin(): void {
    this.#sendSyn(0);
  }

  giveUp(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#client === undefined) this.#host.releaseTcpPort(this.#local.port);
    else this.#client.abort();
  }

  #sendSyn(tries: number): void {
    if (this.#isOver) return;
    const fabric = this.#fabric;
    const route = fabric.route(this.#host, this.#local, this.#remote);
    if (route === undefined) {
      fabric.timeline.after(1, `${this.#host.name}>${this.#remote.host}`, () => this.#fail('EHOSTUNREACH'));
      return;
    }
    this.#packet(this.#host, route.toHost, route.from, route.to, 'SYN', (isLost) => {
      if (this.#isOver) return;
      if (isLost || !this.#reached(route)) this.#trySynAgain(tries);
    });
  }

  #trySynAgain(tries: number): void {
    this.#fabric.timeline.after(FIRST_RETRY_MS * 2 ** tries, `${this.#host.name}>`, () => {
      if (tries >= RETRIES) this.#fail('ETIMEDOUT');
      else this.#sendSyn(tries + 1);
    });
  }

  /** The SYN is there. @returns whether it gets an answer that arrives */
  #reached(route: Route): boolean {
    const fabric = this.#fabric;
    const { toHost, from, to } = route;
    const listener = toHost.listenerFor(to);
    if (listener === undefined) {
      this.#packet(toHost, this.#host, to, from, 'RST', (isLost) => {
        if (isLost) this.#trySynAgain(1);
        else this.#fail('ECONNREFUSED');
      });
      return true;
    }
    if (!listener.hasRoom) return false;
    const forth = new Segments(fabric, { from: this.#host, to: toHost, fromAddress: from, toAddress: to });
    const back = new Segments(fabric, { from: toHost, to: this.#host, fromAddress: to, toAddress: from });
    const client = new SimulatedTcpStream(forth, this.#local, this.#remote, () => {
      this.#host.releaseTcpPort(this.#local.port);
    });
    const server = new SimulatedTcpStream(back, to, from, () => undefined);
    client.peer = server;
    server.peer = client;
    this.#client = client;
    listener.push(server);
    back.sendReliably('SYN-ACK', 0, {
      isWanted: () => !this.#isOver,
      arrived: () => {
        if (this.#isOver) return;
        this.#isOver = true;
        this.#waiter.resolve(client);
      },
      givenUp: (code) => {
        server.fail(code);
        this.#fail('ETIMEDOUT');
      },
    });
    return true;
  }

  #packet(
    from: SimulatedHost,
    to: SimulatedHost,
    fromAddress: InetAddress,
    toAddress: InetAddress,
    kind: string,
    done: (isLost: boolean) => void,
  ): void {
    const fabric = this.#fabric;
    const link = fabric.link(from, to);
    const fate = link.send(fabric.timeline.now(), 0, SYN_BYTES);
    const packet = link.packets;
    fabric.record(link, packet, 'send', 'tcp', fromAddress, toAddress, 0, kind);
    const drop = (reason: string): void => {
      fabric.record(link, packet, 'drop', 'tcp', fromAddress, toAddress, 0, reason);
      done(true);
    };
    if (fate.kind === 'lost') {
      drop(fate.reason);
      return;
    }
    fabric.timeline.after(fate.copies[0]?.delayMs ?? 0, link.name, () => {
      if (fabric.isCut(from, to)) {
        drop('partition');
        return;
      }
      fabric.record(link, packet, 'deliver', 'tcp', fromAddress, toAddress, 0, kind);
      done(false);
    });
  }

  #fail(code: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#host.releaseTcpPort(this.#local.port);
    this.#waiter.reject(systemFailure('connect', code, this.#remote));
  }
}

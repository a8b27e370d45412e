/**
 * Between a channel and its association: a client's is made when it is first needed, a server's is there from the start.
 */
import type { InetAddress } from '../core/address.ts';
import type { Bytes } from '../core/bytes.ts';
import type { AsyncResource } from '../core/resource.ts';
import { DtlsConnection } from '../protocols/dtls/connection.ts';
import type { ClientSettings as EngineSettings } from '../protocols/dtls/settings.ts';
import type { ClientSettings } from '../trust/settings.ts';
import { Association } from './association.ts';
import type { AssociationOwner } from './association.ts';
import type { ChannelSeat } from './dtls-channel.ts';

/** What carries associations: an endpoint, without its public face. */
export interface Carrier<E> extends AssociationOwner {
  readonly endpoint: E;
  readonly localAddress: InetAddress;
  send(datagram: Bytes, to: InetAddress): Promise<void>;
  /** From now on datagrams of its peer go to it. @throws how the endpoint ended */
  enlist(association: Association): void;
}

export interface ClientSeatSetup {
  readonly settings: ClientSettings;
  readonly engineSettings: EngineSettings;
  readonly serverName: string | null;
  readonly peerAddress: InetAddress;
  readonly queueLimit: number;
  /** Whether closing the channel closes the endpoint. */
  readonly ownsEndpoint: boolean;
  readonly onClosed: () => void;
}

export class ClientSeat<E extends AsyncResource> implements ChannelSeat<E> {
  readonly #carrier: Carrier<E>;
  readonly #setup: ClientSeatSetup;
  #engineSettings: EngineSettings;
  #association: Association | null = null;
  /** How it ended before it had an association. */
  #end: (() => Error) | undefined;

  constructor(carrier: Carrier<E>, setup: ClientSeatSetup) {
    this.#carrier = carrier;
    this.#setup = setup;
    this.#engineSettings = setup.engineSettings;
  }

  get endpoint(): E {
    return this.#carrier.endpoint;
  }

  get localAddress(): InetAddress {
    return this.#carrier.localAddress;
  }

  get peerAddress(): InetAddress {
    return this.#setup.peerAddress;
  }

  current(): Association | null {
    return this.#association;
  }

  open(): Association {
    if (this.#association !== null) return this.#association;
    if (this.#end !== undefined) throw this.#end();
    const { settings, serverName, peerAddress, queueLimit } = this.#setup;
    const association = new Association({
      owner: this.#carrier,
      connection: DtlsConnection.client(this.#engineSettings),
      settings,
      serverName,
      peer: peerAddress,
      connectionId: this.#engineSettings.connectionId ?? new Uint8Array(0),
      queueLimit,
    });
    this.#carrier.enlist(association);
    this.#association = association;
    return association;
  }

  configure(change: { readonly initialRetransmitTimeoutMs?: number; readonly ciphertextMtu?: number }): void {
    const { initialRetransmitTimeoutMs, ciphertextMtu } = change;
    const { retransmission, datagramBytes } = this.#engineSettings;
    this.#engineSettings = {
      ...this.#engineSettings,
      datagramBytes: ciphertextMtu ?? datagramBytes,
      retransmission: {
        ...retransmission,
        initialTimeoutMs: initialRetransmitTimeoutMs ?? retransmission.initialTimeoutMs,
      },
    };
  }

  send(datagram: Bytes, to: InetAddress): Promise<void> {
    return this.#carrier.send(datagram, to);
  }

  /** Another has taken its place, or the endpoint has ended. */
  replace(makeError: () => Error): void {
    this.#end ??= makeError;
    this.#association?.fail(makeError);
  }

  close(says: boolean): Promise<void> {
    this.#setup.onClosed();
    endAssociation(this.#association, says);
    if (!this.#setup.ownsEndpoint) return Promise.resolve();
    if (says) return this.#carrier.endpoint.close();
    this.#carrier.endpoint.abort();
    return Promise.resolve();
  }
}

export class ServerSeat<E> implements ChannelSeat<E> {
  readonly #carrier: Carrier<E>;
  readonly #association: Association;

  constructor(carrier: Carrier<E>, association: Association) {
    this.#carrier = carrier;
    this.#association = association;
  }

  get endpoint(): E {
    return this.#carrier.endpoint;
  }

  get localAddress(): InetAddress {
    return this.#carrier.localAddress;
  }

  get peerAddress(): InetAddress {
    return this.#association.peer;
  }

  current(): Association {
    return this.#association;
  }

  open(): Association {
    return this.#association;
  }

  configure(): void {
    // The handshake is done: there is nothing left to configure.
  }

  send(datagram: Bytes, to: InetAddress): Promise<void> {
    return this.#carrier.send(datagram, to);
  }

  close(says: boolean): Promise<void> {
    endAssociation(this.#association, says);
    return Promise.resolve();
  }
}

function endAssociation(association: Association | null, says: boolean): void {
  if (says) association?.close();
  else association?.abandon();
}

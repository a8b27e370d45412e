/**
 * Saying whose connection this is to a server that listens behind balancers.
 *
 * The header goes out in one piece before anything else. IPv4 beside IPv6 becomes IPv4-mapped, as HAProxy does it; what a
 * header has no room for (a zone, a Unix socket in version 1, two different kinds of address) is left out or becomes
 * "unknown", because a relay must not fail on how its client happens to be connected.
 */
import type { InetAddress, SocketAddress } from '../core/address.ts';
import { attributeOf } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import type { Connector, ConnectTarget } from '../core/connector.ts';
import { localAddress, remoteAddress } from '../core/network.ts';
import type { SendStream, Stream } from '../core/stream.ts';
import type { ProxyTlv } from '../protocols/proxy-header/tlv.ts';
import { encodeVersion1 } from '../protocols/proxy-header/version1.ts';
import { encodeVersion2, inOneFamily } from '../protocols/proxy-header/version2.ts';
import { quietIfCancelled } from '../tasks/waiter.ts';

export interface ProxyHeaderInit {
  /** Default 2. */
  readonly version?: 1 | 2 | undefined;
  /** The client; together with `destination`. Without them the header says "unknown". */
  readonly source?: SocketAddress | undefined;
  /** What the client connected to. */
  readonly destination?: SocketAddress | undefined;
  /** This program opened the connection for itself, as for a health check. Default `false`. Version 2 only. */
  readonly local?: boolean | undefined;
  /** More about the connection; see `proxyTlvTypes`. Version 2 only. */
  readonly tlvs?: readonly ProxyTlv[] | undefined;
  /** Adds a CRC32C. Default `false`. Version 2 only. */
  readonly checksum?: boolean | undefined;
}

/**
 * Sends a PROXY header, which has to be the first thing that is sent on `stream`.
 *
 * @throws TypeError, RangeError the header cannot be written; nothing was sent
 */
export function sendProxyHeader(stream: SendStream, header: ProxyHeaderInit): Promise<void> {
  let bytes: Bytes;
  try {
    bytes = encodeProxyHeader(header);
  } catch (error) {
    return Promise.reject(error as Error);
  }
  return stream.sendAll(bytes);
}

/** The header that passes an accepted connection on: its own addresses, as far as they are known. */
export function proxyHeaderOf(stream: Stream): Pick<ProxyHeaderInit, 'source' | 'destination'> {
  const source = attributeOf(stream, remoteAddress);
  const destination = attributeOf(stream, localAddress);
  return source === undefined || destination === undefined ? {} : { source, destination };
}

export interface ProxyHeaderConnectorOptions<S extends Stream> {
  readonly via: Connector<S>;
  /** The header for every connection, or what makes it for each. */
  readonly header: ProxyHeaderInit | ((target: ConnectTarget) => ProxyHeaderInit);
}

/** A connector whose connections begin with a PROXY header. */
export function proxyHeaderConnector<S extends Stream>(options: ProxyHeaderConnectorOptions<S>): Connector<S> {
  const { via, header } = options;
  // Fails now, and not with the first connection, if the header cannot be written.
  if (typeof header !== 'function') encodeProxyHeader(header);
  const dial = async (target: ConnectTarget): Promise<S> => {
    const bytes = encodeProxyHeader(typeof header === 'function' ? header(target) : header);
    const stream = await via(target);
    try {
      await stream.sendAll(bytes);
    } catch (error) {
      stream.abort();
      throw error;
    }
    return stream;
  };
  return (target) => quietIfCancelled(dial(target));
}

function encodeProxyHeader(header: ProxyHeaderInit): Bytes {
  const { version = 2, source, destination, local = false, tlvs = [], checksum = false } = header;
  if (!([1, 2] as readonly number[]).includes(version)) throw new RangeError('the version of a PROXY header is 1 or 2');
  if ((source === undefined) !== (destination === undefined))
    throw new TypeError('a PROXY header has both addresses or none');
  const addresses = source === undefined || destination === undefined ? undefined : pairOf(source, destination);
  if (version === 2)
    return encodeVersion2({
      command: local ? 'local' : 'proxy',
      addresses: local ? undefined : addresses,
      tlvs,
      checksum,
    });
  if (local || tlvs.length > 0 || checksum)
    throw new TypeError('only version 2 of the PROXY header has LOCAL, TLVs and a checksum');
  return encodeVersion1(isInet(addresses) ? addresses : undefined);
}

interface AddressPair<A extends SocketAddress = SocketAddress> {
  readonly source: A;
  readonly destination: A;
}

function pairOf(source: SocketAddress, destination: SocketAddress): AddressPair | undefined {
  if (source.family === 'unix' || destination.family === 'unix')
    return source.family === destination.family ? { source, destination } : undefined;
  return inOneFamily(withoutZone(source), withoutZone(destination));
}

function isInet(pair: AddressPair | undefined): pair is AddressPair<InetAddress> {
  return pair !== undefined && pair.source.family !== 'unix';
}

function withoutZone({ family, host, port }: InetAddress): InetAddress {
  return { family, host, port };
}

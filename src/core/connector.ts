/**
 * How to dial, as a value. A connector takes a target and gives a stream to it; proxies, TLS and tests are connectors
 * made from connectors, so a client that takes one can be pointed through anything.
 */
import type { AttributeKey } from './attributes.ts';
import { attributeKey } from './attributes.ts';
import type { Stream } from './stream.ts';

export interface ConnectTarget {
  /** A host name or an IP literal, without brackets. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

export type Connector<S extends Stream = Stream> = (target: ConnectTarget) => Promise<S>;

/**
 * Where a connection goes on to behind the peer that it has an address of: what a proxy was asked to connect to, of a chain
 * the last one. Here, and not with the proxies, because whoever decides on the peer must not take the proxy for it.
 */
export const tunnelTarget: AttributeKey<ConnectTarget> = attributeKey('tunnelTarget');

/** bowline/proxies: connecting through proxies, being one, and listening behind balancers. */
export type { ProxyHeader } from '../protocols/proxy-header/header.ts';
export { parseProxyTls, proxyTlvTypes } from '../protocols/proxy-header/tlv.ts';
export type { ProxyTls, ProxyTlv } from '../protocols/proxy-header/tlv.ts';
export { httpConnect, httpConnectConnector } from './http-connect-client.ts';
export type { HttpConnectConnectorOptions, HttpConnectOptions } from './http-connect-client.ts';
export { ProxiedStream, proxyHeader } from './proxied-stream.ts';
export { proxyProtocol, ProxyProtocolListener } from './proxy-protocol-listener.ts';
export type { ProxyProtocolOptions, ProxyProtocolStatistics, RefusalReason } from './proxy-protocol-listener.ts';
export { ProxyRefusedError } from './proxy-refused-error.ts';
export { proxyHeaderConnector, proxyHeaderOf, sendProxyHeader } from './send-proxy-header.ts';
export type { ProxyHeaderConnectorOptions, ProxyHeaderInit } from './send-proxy-header.ts';
export { socks4aConnector } from './socks4a-client.ts';
export type { Socks4aConnectorOptions, Socks4aOptions } from './socks4a-client.ts';
export { socks5, socks5Connector } from './socks5-client.ts';
export type { Socks5ConnectorOptions, Socks5Options } from './socks5-client.ts';
export type { TrustedSource } from './trusted-sources.ts';
export { TunnelStream, tunnelTarget } from './tunnel-stream.ts';

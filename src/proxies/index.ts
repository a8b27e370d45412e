/** bowline/proxies: connecting through proxies, being one, and listening behind balancers. */
export { httpConnect, httpConnectConnector } from './http-connect-client.ts';
export type { HttpConnectConnectorOptions, HttpConnectOptions } from './http-connect-client.ts';
export { ProxyRefusedError } from './proxy-refused-error.ts';
export { socks4aConnector } from './socks4a-client.ts';
export type { Socks4aConnectorOptions, Socks4aOptions } from './socks4a-client.ts';
export { socks5, socks5Connector } from './socks5-client.ts';
export type { Socks5ConnectorOptions, Socks5Options } from './socks5-client.ts';
export { TunnelStream, tunnelTarget } from './tunnel-stream.ts';

/** bowline/tls: TLS over any stream. */
export * from './attributes.ts';
export type { ChannelBinding } from './channel-binding.ts';
export type { TlsSession } from './session.ts';
export type { TlsClientOptions, TlsServerOptions, TlsStreamOptions } from './stream-options.ts';
export { TlsStream } from './tls-stream.ts';
export type { Unwrapped } from './tls-stream.ts';
export { TlsListener } from './tls-listener.ts';
export type { TlsListenerOptions, TlsListenerStatistics } from './tls-listener.ts';
export { openTlsOverTcpListeners, openTlsOverTcpStream, serveTlsOverTcp } from './tls-over-tcp.ts';
export type {
  OpenTlsOverTcpListenersOptions,
  OpenTlsOverTcpStreamOptions,
  ServeTlsOverTcpOptions,
} from './tls-over-tcp.ts';
export { startTls } from './start-tls.ts';
export type { StartTlsClientOptions, StartTlsServerOptions } from './start-tls.ts';

/** bowline/adapters: bowline's streams for other people's libraries, and theirs for bowline. */
export { forwardToLoopback } from './forward-to-loopback.ts';
export type { ForwardOptions, LoopbackForward } from './forward-to-loopback.ts';
export { fromNodeDuplex } from './from-node-duplex.ts';
export { fromWebStreams } from './from-web-streams.ts';
export type { WebBytePair } from './from-web-streams.ts';
export { toNodeDuplex } from './to-node-duplex.ts';
export type { SocketDuplex, ToNodeDuplexOptions } from './to-node-duplex.ts';
export { toSocketsApi } from './to-sockets-api.ts';
export type {
  SecureTransport,
  SocketsApiAddress,
  SocketsApiConnect,
  SocketsApiInfo,
  SocketsApiOptions,
  SocketsApiSocket,
} from './to-sockets-api.ts';
export { toWebStreams } from './to-web-streams.ts';
export type { WebStreamPair } from './web-streams.ts';

/** bowline/sockets: TCP connections, listeners and servers. */
export { adoptSocket } from './socket-stream.ts';
export type { AdoptOptions } from './socket-stream.ts';
export { openTcpListeners, openTcpStream, tcpConnector } from './tcp.ts';
export type { OpenTcpListenersOptions, OpenTcpStreamOptions } from './tcp.ts';
export { serveListeners, serveTcp } from './serve.ts';
export type { ConnectionHandler, ServeOptions, ServeTcpOptions } from './serve.ts';

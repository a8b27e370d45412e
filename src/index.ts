/**
 * bowline: the paved path, which is what most programs need, from one place. Every name here comes from a subpath, and the
 * subpaths have the rest: `bowline/tasks` the locks and the primitive to write waits of one's own, `bowline/core` the
 * addresses and byte codecs, `bowline/framing` the codecs for `framed`, `bowline/testing` the test kit.
 */
export type {
  AsyncResource,
  Bytes,
  Channel,
  Connector,
  Datagram,
  HalfCloseableStream,
  InetAddress,
  Listener,
  Network,
  ReceiveChannel,
  ReceiveStream,
  SendChannel,
  SendStream,
  SocketAddress,
  SocketListener,
  SocketStream,
  Stream,
  UnixAddress,
} from './core/index.ts';
export {
  attributeOf,
  BowlineError,
  BrokenResourceError,
  BusyResourceError,
  ClosedResourceError,
  ConnectError,
  EndOfChannel,
  formatSocketAddress,
  localAddress,
  MisuseError,
  remoteAddress,
  TooSlowError,
} from './core/index.ts';
export type { Clock, Guard, Nursery, Started } from './tasks/index.ts';
export {
  Cancelled,
  CancelScope,
  checkpoint,
  currentSignal,
  currentTime,
  Event,
  failAfter,
  firstOf,
  foreign,
  gather,
  Lock,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  sleep,
  sleepForever,
  stopRequested,
  suspend,
  withClock,
  withNetwork,
  withSignal,
} from './tasks/index.ts';
export { BufferedStream, framed, relayStreams, StapledStream } from './streams/index.ts';
export type { ConnectionHandler, ServeOptions } from './sockets/index.ts';
export {
  openProcess,
  openTcpListeners,
  openTcpStream,
  openUdpSocket,
  openUnixListener,
  openUnixSocket,
  serveListeners,
  serveTcp,
  serveUnix,
} from './sockets/index.ts';
export type { ClientContext, ServerContext, Verifier } from './trust/index.ts';
export { clientContext, Identity, pinned, pki, serverContext } from './trust/index.ts';
export { openTlsOverTcpStream, serveTlsOverTcp, startTls, TlsStream } from './tls/index.ts';
export { connect, listen } from './endpoints/index.ts';
export { setReporter } from './observe/index.ts';

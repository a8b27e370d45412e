/** bowline/sockets: TCP and Unix connections, listeners and servers; UDP sockets; child processes and standard streams. */
export { listenFds } from './listen-fds.ts';
export type { ActivatedListener } from './listen-fds.ts';
export { openProcess, Process } from './process.ts';
export type { ProcessExit } from './process.ts';
export type { ProcessOptions, ProcessStdio } from './process-start.ts';
export { ProcessError, runProcess } from './run-process.ts';
export type { ProcessResult, RunProcessOptions } from './run-process.ts';
export { serveListeners, serveTcp } from './serve.ts';
export type { ConnectionHandler, ServeOptions, ServeTcpOptions } from './serve.ts';
export { adoptSocket } from './socket-stream.ts';
export type { AdoptOptions } from './socket-stream.ts';
export { stdioStream } from './stdio.ts';
export { openTcpListeners, openTcpStream, tcpConnector } from './tcp.ts';
export type { OpenTcpListenersOptions, OpenTcpStreamOptions } from './tcp.ts';
export { fromConnectedDgram, fromDgram, openUdpChannel, openUdpSocket } from './udp.ts';
export type { OpenUdpChannelOptions, OpenUdpSocketOptions } from './udp.ts';
export { openUnixListener, openUnixSocket, serveUnix } from './unix.ts';
export type { OpenUnixListenerOptions, ServeUnixOptions } from './unix.ts';

/** bowline/callbacks: protocols that are called, over any stream; and connections with read delimiters on top of them. */
export { connectAcceptedStream, createConnection, runProtocol } from './connect.ts';
export type { ConnectionOptions, ConnectionTarget, CreateConnectionOptions, ProtocolConnection } from './connect.ts';
export type { ExtraInfo, Protocol, Transport, WriteBufferLimits } from './protocol.ts';
export { createServer } from './protocol-server.ts';
export type { CreateServerOptions, ProtocolServer, ServerTarget } from './protocol-server.ts';
export { Connection } from './connection.ts';
export type { ConnectionHandlers } from './connection.ts';
export type { ReadDelimiter } from './read-delimiter.ts';
export { Server } from './server.ts';
export type { ConnectionMaker } from './server.ts';
export { createDatagramEndpoint } from './datagram.ts';
export type { DatagramOptions, DatagramProtocol, DatagramTarget, DatagramTransport } from './datagram.ts';
export { createSubprocess } from './subprocess.ts';
export type { SubprocessOptions, SubprocessProtocol, SubprocessTransport } from './subprocess.ts';

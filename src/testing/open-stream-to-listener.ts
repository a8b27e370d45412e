/** Connecting to a listener of one's own, wherever it listens. */
import type { SocketListener, SocketStream } from '../core/network.ts';
import { openTcpStream } from '../sockets/tcp.ts';
import { openUnixSocket } from '../sockets/unix.ts';

/**
 * Opens a stream to a TCP or Unix listener. One that listens on all addresses is reached by the loopback address of its
 * family.
 *
 * @throws ConnectError the listener does not listen any more
 */
export async function openStreamToSocketListener(listener: Pick<SocketListener, 'address'>): Promise<SocketStream> {
  const { address } = listener;
  if (address.family === 'unix') return await openUnixSocket(address.path);
  const { host, port, scopeId } = address;
  if (host === '0.0.0.0') return await openTcpStream('127.0.0.1', port);
  if (host === '::') return await openTcpStream('::1', port);
  return await openTcpStream(scopeId === undefined ? host : `${host}%${scopeId}`, port);
}

/**
 * Sockets that the service manager opened: systemd socket activation (sd_listen_fds(3)).
 *
 * The manager binds and listens, starts the service with the listening sockets as descriptors 3, 4, … and says so in
 * LISTEN_FDS; LISTEN_PID names the process that they are meant for, and LISTEN_FDNAMES gives them names. The variables are
 * removed, so that a child process does not take them for its own.
 */
import { fromNodeAddress } from './node-address.ts';
import type { SocketAddress } from '../core/address.ts';
import { MisuseError } from '../core/errors.ts';
import type { SocketListener } from '../core/network.ts';
import { ACCEPT_QUEUE, listenOn, newServer } from './node-network.ts';
import { ServerListener } from './socket-listener.ts';

const FIRST_DESCRIPTOR = 3;

export interface ActivatedListener {
  /** `FileDescriptorName=` of the socket unit; `unknown` where it has none. */
  readonly name: string;
  /** Of a Unix socket the path is not known, and `address.path` is empty. */
  readonly listener: SocketListener;
}

/**
 * Takes the listening sockets that this process was started with, in the order of the socket units. Works once.
 *
 * @returns empty if there are none, or if they are meant for another process
 * @throws MisuseError LISTEN_FDS is not a count; Error if a descriptor is not a listening stream socket: all are closed then
 */
export async function listenFds(): Promise<ActivatedListener[]> {
  const { LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names } = process.env;
  for (const variable of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete process.env[variable];
  if (count === undefined || Number(pid) !== process.pid) return [];
  if (!/^\d{1,5}$/.test(count)) throw new MisuseError(`LISTEN_FDS is not a count: ${JSON.stringify(count)}`);
  const nameList = names?.split(':') ?? [];
  const activated: ActivatedListener[] = [];
  try {
    for (let i = 0; i < Number(count); i++) {
      activated.push({ name: nameList[i] ?? 'unknown', listener: await listenOnDescriptor(FIRST_DESCRIPTOR + i) });
    }
  } catch (error) {
    for (const { listener } of activated) listener.abort();
    throw error;
  }
  return activated;
}

async function listenOnDescriptor(fd: number): Promise<SocketListener> {
  const server = newServer(true, null);
  await listenOn(server, { fd });
  const bound = server.address();
  const inet = bound === null || typeof bound === 'string' ? undefined : fromNodeAddress(bound.address, bound.port);
  const address: SocketAddress = inet ?? { family: 'unix', path: '' };
  const streams = inet === undefined ? { localAddress: address, remoteAddress: address } : undefined;
  return new ServerListener(server, {
    address,
    acceptQueue: ACCEPT_QUEUE,
    maxConnections: undefined,
    streams,
  });
}

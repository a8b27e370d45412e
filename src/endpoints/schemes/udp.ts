/** `udp:`: openUdpChannel and openUdpSocket, in the shape of streams. */
import { openUdpChannel, openUdpSocket } from '../../sockets/udp.ts';
import { DatagramListener } from '../datagram-listener.ts';
import { DatagramStream } from '../datagram-stream.ts';
import { udpGrammar } from '../grammar/udp.ts';
import type { Scheme } from '../scheme.ts';
import { defineScheme } from '../scheme.ts';
import { CONNECT_IDLE_MS, LISTEN_IDLE_MS } from '../silence.ts';

const MAX_DATAGRAM_BYTES = 65_507;

export const udp: Scheme = defineScheme(udpGrammar, {
  connect: async ({ host, port }, options, { network }) => {
    const { idleMs = CONNECT_IDLE_MS, maxDatagramBytes = MAX_DATAGRAM_BYTES, broadcast, localAddress } = options;
    const channel = await openUdpChannel(host, port, { broadcast, localAddress, network });
    return new DatagramStream({
      ...{ channel, localAddress: channel.localAddress, remoteAddress: channel.remoteAddress },
      ...{ idleMs, maxDatagramBytes, endsWhenIdle: 'after sendEof' },
    });
  },
  listen: async ({ host, port }, options, { network }) => {
    const { broadcast, reuseAddress, reusePort } = options;
    const { idleMs = LISTEN_IDLE_MS, maxDatagramBytes = MAX_DATAGRAM_BYTES } = options;
    const { acceptQueue = 128, maxConnections = 1024 } = options;
    const shared = { host: host === '' ? null : host, port, network };
    const socket = await openUdpSocket({ ...shared, broadcast, reuseAddress, reusePort });
    return [new DatagramListener(socket, { idleMs, maxDatagramBytes, acceptQueue, maxConnections })];
  },
});

/** `tcp:`: openTcpStream and openTcpListeners. */
import { openTcpListeners, tcpConnector } from '../../sockets/tcp.ts';
import { tcpGrammar } from '../grammar/tcp.ts';
import type { Scheme } from '../scheme.ts';
import { defineScheme } from '../scheme.ts';

export const tcp: Scheme = defineScheme(tcpGrammar, {
  connect: (target, { noDelay, keepAliveMs, localAddress, happyEyeballsDelayMs }, { network, through }) =>
    through(tcpConnector({ noDelay, keepAliveMs, localAddress, happyEyeballsDelayMs, network }))(target),
  listen: ({ host, port }, { noDelay, keepAliveMs, backlog, reusePort, acceptQueue, maxConnections }, { network }) =>
    openTcpListeners(port, {
      host: host === '' ? null : host,
      ...{ noDelay, keepAliveMs, backlog, reusePort, acceptQueue, maxConnections, network },
    }),
});

/** TLS on the way to a proxy: the handshake is done, and the proxy was judged, before anything is asked of it. */
import type { Connector, ConnectTarget } from '../core/connector.ts';
import { TlsStream } from '../tls/tls-stream.ts';
import type { ClientContext } from '../trust/context.ts';

/** A connector that does TLS with whatever `via` reaches; the name that is dialled is the name that is checked. */
export function overTls(via: Connector, context: ClientContext): Connector<TlsStream> {
  return async (proxy: ConnectTarget) => {
    const transport = await via(proxy);
    let stream: TlsStream | undefined;
    let isDone = false;
    try {
      stream = TlsStream.client(transport, context, { serverName: proxy.host, host: proxy.host, port: proxy.port });
      await stream.doHandshake();
      isDone = true;
      return stream;
    } finally {
      if (!isDone) (stream ?? transport).abort();
    }
  };
}

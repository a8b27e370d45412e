/**
 * From a connected stream to a TLS connection whose server has been accepted, as the options of an address want it: at once,
 * or after a dialogue in clear (`startTls`).
 */
import type { HostPort } from '../core/host-port.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import { BufferedStream } from '../streams/buffered-stream.ts';
import { failAfter } from '../tasks/timeouts.ts';
import { startTls } from '../tls/start-tls.ts';
import type { TlsSession } from '../tls/session.ts';
import { TlsStream } from '../tls/tls-stream.ts';
import type { ClientContext } from '../trust/context.ts';
import { dialogues } from './starttls/index.ts';
import type { TlsOptions } from './tls-contexts.ts';

/** As long as the handshake of TLS may take by default. */
const DEFAULT_HANDSHAKE_TIMEOUT_MS = 30_000;

/**
 * @param transport owned from now on; closed on failure
 * @param target where it leads: the name that the server is checked by, unless `options.serverName` is another
 * @throws CertificateError the server was refused
 * @throws BrokenResourceError, ProtocolError, TooSlowError it does not offer TLS, or the handshake failed
 */
export async function secureClient(
  transport: HalfCloseableStream,
  context: ClientContext,
  options: TlsOptions,
  { host, port }: HostPort,
  session?: TlsSession,
): Promise<TlsStream> {
  const { serverName = host, startTls: protocol, httpsCompatible, handshakeTimeoutMs } = options;
  const client = { serverName, host, port, handshakeTimeoutMs, httpsCompatible, session };
  let stream: TlsStream | undefined;
  try {
    if (protocol !== undefined) {
      const clear = new BufferedStream(transport);
      const timeoutMs = handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS;
      await failAfter(timeoutMs, () => dialogues[protocol](clear, serverName));
      return await startTls(clear, context, client);
    }
    stream = TlsStream.client(transport, context, client);
    await stream.doHandshake();
    return stream;
  } catch (error) {
    // An alert may be on its way that tells the server why.
    if (stream === undefined) transport.abort();
    else await stream.close();
    throw error;
  }
}

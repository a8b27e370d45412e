/**
 * Beginning TLS on a connection that has been talking in clear (STARTTLS of SMTP, IMAP, XMPP, LDAP; SSLRequest of
 * PostgreSQL), as a client or as a server.
 *
 * Three things have gone wrong here for thirty years, and each has a rule:
 *
 *     output         what was to be sent in clear is sent in clear: it is flushed first, never queued behind TLS
 *     ownership      the old object is closed for its user, so that nobody puts clear text between the records
 *     early input    what the peer, or somebody on the way, sent in clear after the word and before TLS is refused, and
 *                    not read later as if it had come encrypted (CVE-2011-0411 and its many descendants)
 *
 * The third is what a BufferedStream has in its buffer. Where the bytes are known to be TLS (a client that pipelines its
 * ClientHello, a header that was taken off before), the caller says so. What a transport holds below that goes to TLS in any
 * case, where it is a ClientHello or the end of the handshake.
 *
 * Source: aioopenssl `starttls`, which has neither the first rule nor the third.
 */
import { ProtocolError } from '../core/errors.ts';
import type { Stream } from '../core/stream.ts';
import { BufferedStream } from '../streams/buffered-stream.ts';
import { handedOver } from '../streams/hand-over.ts';
import { quietIfCancelled } from '../tasks/waiter.ts';
import { settingsOf } from '../trust/context.ts';
import type { ClientContext, ServerContext } from '../trust/context.ts';
import { clientSetup, serverSetup } from './stream-options.ts';
import type { TlsClientOptions, TlsServerOptions } from './stream-options.ts';
import { TlsStream } from './tls-stream.ts';

interface UpgradeOptions {
  /**
   * What to do with bytes that a BufferedStream has received and nobody has asked for. `'refuse'` (default): they came too
   * early, the connection is aborted. `'tls'`: they are the beginning of TLS.
   */
  readonly pipelined?: 'refuse' | 'tls' | undefined;
}

export interface StartTlsClientOptions extends TlsClientOptions, UpgradeOptions {}

export interface StartTlsServerOptions extends TlsServerOptions, UpgradeOptions {}

/**
 * Begins TLS on `stream` and does the handshake. Both sides must have agreed on that in clear, and the answer to it must
 * have been sent, or received, to its last byte. `stream` is closed for its user; whatever fails, nothing is left open.
 *
 * @param context a client's or a server's: it says which end this is
 * @throws ProtocolError the peer has sent more in clear than it should
 * @throws BusyResourceError someone is sending or receiving; the stream is as it was
 * @throws CertificateError the peer was refused
 * @throws BrokenResourceError the handshake failed
 */
export function startTls(stream: Stream, context: ClientContext, options: StartTlsClientOptions): Promise<TlsStream>;
export function startTls(stream: Stream, context: ServerContext, options?: StartTlsServerOptions): Promise<TlsStream>;
export function startTls(
  stream: Stream,
  context: ClientContext | ServerContext,
  options: StartTlsClientOptions | StartTlsServerOptions = {},
): Promise<TlsStream> {
  return quietIfCancelled(upgrade(stream, context, options));
}

async function upgrade(
  stream: Stream,
  context: ClientContext | ServerContext,
  options: StartTlsClientOptions | StartTlsServerOptions,
): Promise<TlsStream> {
  const { pipelined = 'refuse', ...rest } = options;
  if (!['refuse', 'tls'].includes(pipelined)) throw new TypeError(`pipelined is 'refuse' or 'tls'`);
  const isClient = settingsOf(context).side === 'client';
  const secure = (transport: Stream): TlsStream =>
    isClient
      ? TlsStream.client(transport, context as ClientContext, rest as TlsClientOptions)
      : TlsStream.server(transport, context as ServerContext, rest);
  // What is wrong with the options is found while the stream is still its user's.
  if (isClient) clientSetup(stream, context as ClientContext, rest as TlsClientOptions);
  else serverSetup(stream, context as ServerContext, rest);
  await stream.waitSendAllMightNotBlock();
  const { transport, early } = takeOver(stream);
  if (early.length > 0 && pipelined === 'refuse') {
    transport.abort();
    throw new ProtocolError(
      `${early.length} bytes in clear came after the word to begin TLS`,
      'RFC 3207 §4.2, RFC 9051 §6.2.1',
    );
  }
  const secured = secure(early.length === 0 ? transport : preceded(early, transport));
  try {
    await secured.doHandshake();
    return secured;
  } catch (error) {
    // What was received and refused may have an answer on its way: an alert.
    await secured.close();
    throw error;
  }
}

/** Takes the stream away from its user, buffers and all. */
function takeOver(stream: Stream): { readonly transport: Stream; readonly early: Uint8Array } {
  if (!(stream instanceof BufferedStream)) return { transport: handedOver(stream), early: new Uint8Array(0) };
  const { stream: below, rest } = (stream as BufferedStream).detach();
  return { transport: handedOver(below), early: rest };
}

function preceded(early: Uint8Array, transport: Stream): Stream {
  const stream = new BufferedStream(transport);
  stream.unread(early);
  return stream;
}

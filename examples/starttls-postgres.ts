/**
 * TLS with PostgreSQL, as a client, for a connection that has just been opened: SSLRequest, eight bytes, and one byte for an
 * answer (PostgreSQL's documentation, "Message Flow", "SSL Session Encryption"; there is no RFC).
 *
 * The answer can be changed on the way. So `N` is an error and not a reason to go on in clear (libpq does, with
 * `sslmode=prefer`); so is `E`, the error message of a server from before 1999, and nobody is shown what it says, for
 * anybody may have said it (CVE-2024-10977). More than one byte is refused by `startTls`: it would be taken for a part of the
 * encrypted session (CVE-2021-23222).
 */
import { BrokenResourceError, BufferedStream, failAfter, openNursery } from 'bowline';
import type { Stream } from 'bowline';
import { ProtocolError } from 'bowline/core';
import { memoryStreamPair, testCertificates } from 'bowline/testing';
import { startTls } from 'bowline/tls';
import type { TlsStream } from 'bowline/tls';
import { clientContext, Identity, pki, serverContext } from 'bowline/trust';
import type { ClientContext } from 'bowline/trust';

/** A length of 8, and 1234 and 5679 where the version of the protocol would be. */
const SSL_REQUEST = Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f);

export async function postgresStartTls(
  connection: Stream,
  context: ClientContext,
  serverName: string,
): Promise<TlsStream> {
  // Closes the connection if anything fails. If nothing does, TLS has it, and this closes nothing.
  await using clear = new BufferedStream(connection);
  await clear.sendAll(SSL_REQUEST);
  const answer = String.fromCharCode(...(await clear.receiveExactly(1)));
  if (answer === 'N' || answer === 'E') throw new BrokenResourceError('the server does not offer TLS');
  if (answer !== 'S') throw new ProtocolError('this is no answer to SSLRequest', 'PostgreSQL, SSL Session Encryption');
  return await startTls(clear, context, { serverName });
}

if (process.argv[1] === import.meta.filename) {
  const { roots, good } = testCertificates();
  const [near, far] = memoryStreamPair();
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      const clear = new BufferedStream(far);
      await clear.receiveExactly(SSL_REQUEST.length);
      await clear.sendAll(new TextEncoder().encode('S'));
      const identity = Identity.from({ cert: good.cert, key: good.key });
      await using secure = await startTls(clear, serverContext({ identity }));
      // AuthenticationOk: its type, its length, and 0.
      await secure.sendAll(Uint8Array.of(0x52, 0, 0, 0, 8, 0, 0, 0, 0));
    });
    const context = clientContext({ verify: pki({ roots }) });
    await using secure = await failAfter(10_000, () => postgresStartTls(near, context, 'localhost'));
    const type = String.fromCharCode(...(await new BufferedStream(secure).receiveExactly(1)));
    console.log(`TLS ${secure.version}: the server speaks of authentication (${type})`);
  });
}

/**
 * StartTLS of LDAP (RFC 4511 §4.14), as a client, for a connection on which no operation is under way.
 *
 * It is an extended operation: one message in BER each way, with lengths in the definite form (§5.1). The answer can be
 * changed on the way. So any result but success is an error and not a reason to go on in clear, and the answer has a bound,
 * which is checked before it is received. What is sent in clear behind it is refused by `startTls`.
 */
import { BrokenResourceError, BufferedStream, failAfter, openNursery } from 'bowline';
import type { Stream } from 'bowline';
import { ProtocolError } from 'bowline/core';
import { memoryStreamPair, testCertificates } from 'bowline/testing';
import { startTls } from 'bowline/tls';
import type { TlsStream } from 'bowline/tls';
import { clientContext, Identity, pki, serverContext } from 'bowline/trust';
import type { ClientContext } from 'bowline/trust';

const MAX_ANSWER_BYTES = 4096;
/** LDAPMessage { messageID 1, ExtendedRequest { requestName 1.3.6.1.4.1.1466.20037 } } */
const REQUEST = Uint8Array.of(
  ...[0x30, 0x1d, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16],
  ...new TextEncoder().encode('1.3.6.1.4.1.1466.20037'),
);

export async function ldapStartTls(connection: Stream, context: ClientContext, serverName: string): Promise<TlsStream> {
  // Closes the connection if anything fails. If nothing does, TLS has it, and this closes nothing.
  await using clear = new BufferedStream(connection);
  await clear.sendAll(REQUEST);
  const code = resultCode(await receiveMessage(clear));
  if (code !== 0) throw new BrokenResourceError(`the server does not begin TLS: result ${code}`);
  return await startTls(clear, context, { serverName });
}

/** What is inside the SEQUENCE of one LDAPMessage. */
async function receiveMessage(stream: BufferedStream): Promise<Uint8Array> {
  const [tag, first = 0x80] = await stream.receiveExactly(2);
  if (tag !== 0x30 || first === 0x80 || first > 0x84) throw noAnswer();
  let length = first;
  if (first > 0x80) {
    length = 0;
    for (const octet of await stream.receiveExactly(first & 0x7f)) length = length * 256 + octet;
  }
  if (length > MAX_ANSWER_BYTES) throw noAnswer();
  return stream.receiveExactly(length);
}

/** Of messageID 1 (02 01 01) and an ExtendedResponse (78, its length) which begins with an ENUMERATED (0a 01 and the code). */
function resultCode(message: Uint8Array): number {
  const length = message[4] ?? 0;
  const response = message.subarray(length < 0x80 ? 5 : 5 + (length & 0x7f));
  const isOurs = [0x02, 0x01, 0x01, 0x78].every((octet, i) => message[i] === octet);
  if (!isOurs || response[0] !== 0x0a || response[1] !== 1 || response[2] === undefined) throw noAnswer();
  return response[2];
}

const noAnswer = () => new ProtocolError('this is no answer to StartTLS', 'RFC 4511 §4.14.2');

if (process.argv[1] === import.meta.filename) {
  const { roots, good } = testCertificates();
  const [near, far] = memoryStreamPair();
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      const clear = new BufferedStream(far);
      await clear.receiveExactly(REQUEST.length);
      // Success, with no name and no text.
      await clear.sendAll(Uint8Array.of(0x30, 12, 0x02, 1, 1, 0x78, 7, 0x0a, 1, 0, 0x04, 0, 0x04, 0));
      const identity = Identity.from({ cert: good.cert, key: good.key });
      await using secure = await startTls(clear, serverContext({ identity }));
      // The answer to a bind, unasked: what it takes to be seen.
      await secure.sendAll(Uint8Array.of(0x30, 12, 0x02, 1, 2, 0x61, 7, 0x0a, 1, 0, 0x04, 0, 0x04, 0));
    });
    const context = clientContext({ verify: pki({ roots }) });
    await using secure = await failAfter(10_000, () => ldapStartTls(near, context, 'localhost'));
    const message = await receiveMessage(new BufferedStream(secure));
    console.log(`TLS ${secure.version}: a message of ${message.length} bytes`);
  });
}

/**
 * STARTTLS of IMAP (RFC 9051 §6.2.1), as a client, for a connection that has just been opened.
 *
 * What is said before TLS can be read and changed on the way. So a server that does not offer TLS is an error and not a
 * reason to go on in clear, and answers have a bound. PREAUTH in a greeting is an error too: STARTTLS is not allowed any
 * more then, which is what somebody on the way wants (§11.1). Capabilities that were heard in clear count for nothing
 * afterwards; ask again. What is sent in clear behind the server's OK is refused by `startTls`.
 */
import { BrokenResourceError, BufferedStream, failAfter, openNursery } from 'bowline';
import type { Stream } from 'bowline';
import { ProtocolError } from 'bowline/core';
import { memoryStreamPair, testCertificates } from 'bowline/testing';
import { startTls } from 'bowline/tls';
import type { TlsStream } from 'bowline/tls';
import { clientContext, Identity, pki, serverContext } from 'bowline/trust';
import type { ClientContext } from 'bowline/trust';

export async function imapStartTls(connection: Stream, context: ClientContext, serverName: string): Promise<TlsStream> {
  // Closes the connection if anything fails. If nothing does, TLS has it, and this closes nothing.
  await using clear = new BufferedStream(connection);
  const greeting = /^\* (OK|PREAUTH|BYE)\b/i.exec(await receiveLine(clear))?.[1]?.toUpperCase();
  if (greeting === undefined) throw new ProtocolError('this is no greeting of IMAP', 'RFC 9051 §7.1');
  if (greeting !== 'OK') throw new BrokenResourceError(`the server greets with ${greeting}: no TLS any more`);
  const said = await command(clear, 'a1', 'CAPABILITY');
  if (!said.some((line) => /^\* CAPABILITY( \S+)*? STARTTLS( |$)/i.test(line)))
    throw new BrokenResourceError('the server does not offer TLS');
  await command(clear, 'a2', 'STARTTLS');
  return await startTls(clear, context, { serverName });
}

/** What the server said before its OK. */
async function command(stream: BufferedStream, tag: string, words: string): Promise<string[]> {
  await send(stream, `${tag} ${words}`);
  const lines: string[] = [];
  while (lines.length < 100) {
    const line = await receiveLine(stream);
    lines.push(line);
    if (line.startsWith('* ')) continue;
    const [, ofTag, status = ''] = /^(\S+) (OK|NO|BAD)\b/i.exec(line) ?? [];
    if (ofTag !== tag) throw new ProtocolError('this is no answer of IMAP', 'RFC 9051 §7.1');
    if (status.toUpperCase() !== 'OK') throw new BrokenResourceError(`the server answered ${words} with ${status}`);
    return lines;
  }
  throw new ProtocolError('an answer without an end', 'RFC 9051 §7.1');
}

const receiveLine = async (stream: BufferedStream) => (await stream.receiveLine({ maxBytes: 8192 })) ?? '';
const send = (stream: Stream, line: string) => stream.sendAll(new TextEncoder().encode(`${line}\r\n`));

if (process.argv[1] === import.meta.filename) {
  const { roots, good } = testCertificates();
  const [near, far] = memoryStreamPair();
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      const clear = new BufferedStream(far);
      await send(clear, '* OK ready');
      await clear.receiveLine();
      await send(clear, '* CAPABILITY IMAP4rev2 STARTTLS LOGINDISABLED\r\na1 OK done');
      await clear.receiveLine();
      await send(clear, 'a2 OK begin');
      const identity = Identity.from({ cert: good.cert, key: good.key });
      await using secure = new BufferedStream(await startTls(clear, serverContext({ identity })));
      await secure.receiveLine();
      await send(secure, '* CAPABILITY IMAP4rev2 AUTH=PLAIN\r\na3 OK done');
    });
    const context = clientContext({ verify: pki({ roots }) });
    await using secure = await failAfter(10_000, () => imapStartTls(near, context, 'localhost'));
    console.log(`TLS ${secure.version}:`, ...(await command(new BufferedStream(secure), 'a3', 'CAPABILITY')));
  });
}

/**
 * STARTTLS of SMTP (RFC 3207 §4), as a client and as a server, for a connection that has just been opened.
 *
 * What is said before TLS can be read and changed on the way. So a server that does not offer TLS is an error and not a
 * reason to go on in clear (§6), replies have a bound, and both sides forget all that they have heard: the session begins
 * again with EHLO (§4.2). What a peer sends in clear behind the last word is refused by `startTls`.
 */
import { BrokenResourceError, BufferedStream, failAfter, openNursery } from 'bowline';
import type { Stream } from 'bowline';
import { ProtocolError } from 'bowline/core';
import { memoryStreamPair, testCertificates } from 'bowline/testing';
import { startTls } from 'bowline/tls';
import type { TlsStream } from 'bowline/tls';
import { clientContext, Identity, pki, serverContext } from 'bowline/trust';
import type { ClientContext, ServerContext } from 'bowline/trust';

const MAX_LINES = 100;

export async function smtpStartTls(connection: Stream, context: ClientContext, serverName: string): Promise<TlsStream> {
  // Closes the connection if anything fails. If nothing does, TLS has it, and this closes nothing.
  await using clear = new BufferedStream(connection);
  await receiveReply(clear, '220');
  await send(clear, 'EHLO localhost');
  const [, ...extensions] = await receiveReply(clear, '250');
  if (!extensions.some((name) => name.toUpperCase() === 'STARTTLS'))
    throw new BrokenResourceError('the server does not offer TLS');
  await send(clear, 'STARTTLS');
  await receiveReply(clear, '220');
  return await startTls(clear, context, { serverName });
}

/**
 * For clients that are known to have TLS, as at a submission port: one that takes mail from anybody must not ask for it (§4).
 *
 * @returns null if the client went away without TLS; it can do nothing else
 */
export async function smtpAcceptTls(connection: Stream, context: ServerContext): Promise<TlsStream | null> {
  await using clear = new BufferedStream(connection);
  await send(clear, '220 localhost ESMTP');
  for (let count = 0; count < MAX_LINES; count++) {
    const command = await clear.receiveLine({ maxBytes: 512 });
    if (command === null) return null;
    if (/^QUIT$/i.test(command)) {
      await send(clear, '221 goodbye');
      return null;
    }
    if (/^STARTTLS$/i.test(command)) {
      await send(clear, '220 go ahead');
      return await startTls(clear, context);
    }
    if (/^EHLO /i.test(command)) await send(clear, '250-localhost\r\n250 STARTTLS');
    else await send(clear, /^NOOP\b/i.test(command) ? '250 fine' : '530 Must issue a STARTTLS command first');
  }
  throw new ProtocolError(`${MAX_LINES} commands and no STARTTLS`, 'RFC 3207 §4');
}

/** The texts of a reply of one line or more. */
async function receiveReply(stream: BufferedStream, expected: string): Promise<string[]> {
  const texts: string[] = [];
  while (texts.length < MAX_LINES) {
    const line = (await stream.receiveLine({ maxBytes: 4096 })) ?? '';
    const [, code, separator, text = ''] = /^(\d{3})([- ]|$)(.*)$/.exec(line) ?? [];
    if (code === undefined) throw new ProtocolError('this is no reply of SMTP', 'RFC 5321 §4.2');
    if (code !== expected) throw new BrokenResourceError(`the server answered ${code}`);
    texts.push(text);
    if (separator !== '-') return texts;
  }
  throw new ProtocolError('a reply without an end', 'RFC 5321 §4.2');
}

const send = (stream: Stream, line: string) => stream.sendAll(new TextEncoder().encode(`${line}\r\n`));

if (process.argv[1] === import.meta.filename) {
  const { roots, good } = testCertificates();
  const [near, far] = memoryStreamPair();
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      const identity = Identity.from({ cert: good.cert, key: good.key });
      await using secure = await smtpAcceptTls(far, serverContext({ identity }));
      if (secure !== null) await send(secure, `250 ${await new BufferedStream(secure).receiveLine()}, again`);
    });
    const context = clientContext({ verify: pki({ roots }) });
    await using secure = await failAfter(10_000, () => smtpStartTls(near, context, 'localhost'));
    await send(secure, 'EHLO localhost');
    console.log(`TLS ${secure.version}:`, ...(await receiveReply(new BufferedStream(secure), '250')));
  });
}

/**
 * STARTTLS of XMPP (RFC 6120 §5.4), as a client, for a connection that has just been opened.
 *
 * What is said before TLS can be read and changed on the way. So a server that does not offer TLS is an error and not a
 * reason to go on in clear, and answers have a bound. There is no XML parser here: three elements are looked for, and
 * whatever is understood wrongly makes the handshake fail, which comes next. The certificate is to be for the domain of
 * the account, whatever host serves it (§13.7.2). Afterwards both sides begin a new stream (§5.4.3.3). What is sent in clear
 * behind `<proceed/>` is refused by `startTls`.
 */
import { BrokenResourceError, BufferedStream, failAfter, openNursery } from 'bowline';
import type { Stream } from 'bowline';
import { ProtocolError } from 'bowline/core';
import { memoryStreamPair, testCertificates } from 'bowline/testing';
import { startTls } from 'bowline/tls';
import type { TlsStream } from 'bowline/tls';
import { clientContext, Identity, pki, serverContext } from 'bowline/trust';
import type { ClientContext } from 'bowline/trust';

const MAX_BYTES = 65_536;
const TLS = `xmlns='urn:ietf:params:xml:ns:xmpp-tls'`;

export async function xmppStartTls(connection: Stream, context: ClientContext, domain: string): Promise<TlsStream> {
  // Closes the connection if anything fails. If nothing does, TLS has it, and this closes nothing.
  await using clear = new BufferedStream(connection);
  await send(clear, opening(domain));
  const features = await receiveTags(clear, /<\/stream:features\s*>$|<stream:features\b[^>]*\/>$/);
  if (!features.some((tag) => /<starttls\b[^>]*['"]urn:ietf:params:xml:ns:xmpp-tls['"]/.test(tag)))
    throw new BrokenResourceError('the server does not offer TLS');
  await send(clear, `<starttls ${TLS}/>`);
  const [answer = ''] = await receiveTags(clear, />$/);
  if (/^\s*<failure\b/.test(answer)) throw new BrokenResourceError('the server refused to begin TLS');
  if (!/^\s*<proceed\b/.test(answer)) throw new ProtocolError('this is no answer to starttls', 'RFC 6120 §5.4.2');
  if (!answer.endsWith('/>')) await receiveTags(clear, /<\/proceed\s*>$/);
  return await startTls(clear, context, { serverName: domain });
}

/** The text up to a tag that matches, cut behind each tag. */
async function receiveTags(stream: BufferedStream, last: RegExp): Promise<string[]> {
  const tags: string[] = [];
  for (let size = 0; size < MAX_BYTES;) {
    const tag = await stream.receiveUntil('>', { maxBytes: MAX_BYTES });
    size += tag.length + 1;
    tags.push(`${new TextDecoder().decode(tag)}>`);
    if (last.test(tags.at(-1) ?? '')) return tags;
  }
  throw new ProtocolError('an answer without an end', 'RFC 6120 §4.3.2');
}

function opening(domain: string): string {
  const to = domain.replace(/[<>&'"]/g, (character) => `&#${character.charCodeAt(0)};`);
  return `<stream:stream to='${to}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;
}

const send = (stream: Stream, text: string) => stream.sendAll(new TextEncoder().encode(text));

if (process.argv[1] === import.meta.filename) {
  const { roots, good } = testCertificates();
  const [near, far] = memoryStreamPair();
  const features = (...inside: string[]) => `<stream:stream><stream:features>${inside.join()}</stream:features>`;
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      const clear = new BufferedStream(far);
      await clear.receiveUntil('>');
      await send(clear, features(`<starttls ${TLS}><required/></starttls>`));
      await clear.receiveUntil('/>');
      await send(clear, `<proceed ${TLS}/>`);
      const identity = Identity.from({ cert: good.cert, key: good.key });
      await using secure = new BufferedStream(await startTls(clear, serverContext({ identity })));
      await secure.receiveUntil('>');
      await send(secure, features('<mechanisms/>'));
    });
    const context = clientContext({ verify: pki({ roots }) });
    await using secure = await failAfter(10_000, () => xmppStartTls(near, context, 'localhost'));
    await send(secure, opening('localhost'));
    console.log(`TLS ${secure.version}:`, ...(await receiveTags(new BufferedStream(secure), /<\/stream:features>$/)));
  });
}

/**
 * STARTTLS of XMPP, as a client (RFC 6120 §5.4).
 *
 * No XML parser: what is looked for are three elements that every server sends in the same few ways, and whatever is
 * understood wrongly here makes the handshake fail, which is next. The search is bounded.
 */
import { DelimiterNotFound, ProtocolError } from '../../core/errors.ts';
import type { Stream } from '../../core/stream.ts';
import type { BufferedStream } from '../../streams/buffered-stream.ts';
import type { Dialogue } from './dialogue.ts';
import { notOffered, sendText } from './dialogue.ts';

const RULE = 'RFC 6120 §5.4';
const MAX_FEATURES_BYTES = 65_536;

export const xmpp: Dialogue = async (stream, serverName) => {
  await sendText(
    stream,
    `<?xml version='1.0'?><stream:stream to='${escapeXml(serverName)}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
  );
  const features = await receiveUpTo(stream, '</stream:features>');
  if (!/<starttls\b/.test(features)) throw notOffered();
  await sendText(stream, `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
  const answer = /^\s*<([a-z:]+)\b[^>]*?(\/?)$/.exec(await receiveUpTo(stream, '>'));
  const [, name = '', isEmpty] = answer ?? [];
  if (name !== 'proceed') throw name === 'failure' ? notOffered('failure') : noAnswer();
  if (isEmpty !== '/' && (await receiveUpTo(stream, '>')).trim() !== '</proceed') throw noAnswer();
};

async function receiveUpTo(stream: BufferedStream<Stream>, delimiter: string): Promise<string> {
  try {
    return new TextDecoder().decode(await stream.receiveUntil(delimiter, { maxBytes: MAX_FEATURES_BYTES }));
  } catch (error) {
    if (error instanceof DelimiterNotFound) throw noAnswer();
    throw error;
  }
}

function noAnswer(): ProtocolError {
  return new ProtocolError('what the server sent is no answer to starttls', RULE);
}

function escapeXml(text: string): string {
  return text.replace(/[<>&'"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

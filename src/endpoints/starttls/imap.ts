/**
 * STARTTLS of IMAP (RFC 9051 §6.2.1).
 *
 * A greeting of PREAUTH is refused: the server takes the connection for somebody's already, so STARTTLS is not allowed any
 * more, and that is what somebody on the way says who wants the client to go on in clear (RFC 9051 §11.1).
 */
import { ProtocolError } from '../../core/errors.ts';
import type { Dialogue } from './dialogue.ts';
import { notOffered, receiveLine, receiveLines, sendText } from './dialogue.ts';

const RULE = 'RFC 9051 §7.1';

export const imap: Dialogue = async (stream) => {
  const greeting = /^\* (OK|PREAUTH|BYE)\b/i.exec(await receiveLine(stream, RULE))?.[1]?.toUpperCase();
  if (greeting === undefined) throw new ProtocolError('what the server sent is no greeting of IMAP', RULE);
  if (greeting !== 'OK') throw notOffered(greeting);
  await sendText(stream, 'a1 STARTTLS\r\n');
  const lines = await receiveLines(stream, RULE, (line) => !line.startsWith('* '));
  const status = /^a1 (OK|NO|BAD)\b/i.exec(lines.at(-1) ?? '')?.[1]?.toUpperCase();
  if (status === undefined) throw new ProtocolError('what the server sent is no answer of IMAP', RULE);
  if (status !== 'OK') throw notOffered(status);
};

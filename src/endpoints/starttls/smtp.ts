/** STARTTLS of SMTP (RFC 3207). */
import { ProtocolError } from '../../core/errors.ts';
import type { Dialogue } from './dialogue.ts';
import { notOffered, receiveLines, sendText } from './dialogue.ts';

const RULE = 'RFC 5321 §4.2.1';

export const smtp: Dialogue = async (stream) => {
  const receiveReply = async (): Promise<{ code: string; lines: string[] }> => {
    const lines = await receiveLines(stream, RULE, (line) => !/^\d{3}-/.test(line));
    const code = /^(\d{3})(?: |$)/.exec(lines.at(-1) ?? '')?.[1];
    if (code === undefined) throw new ProtocolError('what the server sent is no reply of SMTP', RULE);
    return { code, lines };
  };
  const greeting = await receiveReply();
  if (greeting.code !== '220') throw notOffered(greeting.code);
  await sendText(stream, 'EHLO localhost\r\n');
  const hello = await receiveReply();
  if (hello.code !== '250') throw notOffered(hello.code);
  if (!hello.lines.some((line) => /^\d{3}[ -]STARTTLS\s*$/i.test(line))) throw notOffered();
  await sendText(stream, 'STARTTLS\r\n');
  const { code } = await receiveReply();
  if (code !== '220') throw notOffered(code);
};

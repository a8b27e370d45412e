/** STLS of POP3 (RFC 2595 §4). */
import { ProtocolError } from '../../core/errors.ts';
import type { Dialogue } from './dialogue.ts';
import { notOffered, receiveLine, sendText } from './dialogue.ts';

const RULE = 'RFC 1939 §3';

export const pop3: Dialogue = async (stream) => {
  const expectOk = async (): Promise<void> => {
    const status = /^(\+OK|-ERR)\b/.exec(await receiveLine(stream, RULE))?.[1];
    if (status === undefined) throw new ProtocolError('what the server sent is no answer of POP3', RULE);
    if (status !== '+OK') throw notOffered(status);
  };
  await expectOk();
  await sendText(stream, 'STLS\r\n');
  await expectOk();
};

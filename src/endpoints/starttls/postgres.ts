/** SSLRequest of PostgreSQL (its documentation, "Message Formats"): eight bytes, and one for an answer. */
import { ProtocolError } from '../../core/errors.ts';
import type { Dialogue } from './dialogue.ts';
import { notOffered } from './dialogue.ts';

const SSL_REQUEST = Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f);

export const postgres: Dialogue = async (stream) => {
  await stream.sendAll(SSL_REQUEST);
  const answer = String.fromCharCode(...(await stream.receiveExactly(1)));
  if (answer === 'N') throw notOffered();
  if (answer !== 'S')
    throw new ProtocolError('what the server sent is no answer to SSLRequest', 'PostgreSQL SSLRequest');
};

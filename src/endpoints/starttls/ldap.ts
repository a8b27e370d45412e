/** StartTLS of LDAP (RFC 4511 §4.14): an extended operation. */
import { ProtocolError } from '../../core/errors.ts';
import type { Dialogue } from './dialogue.ts';
import { notOffered } from './dialogue.ts';

const RULE = 'RFC 4511 §4.14';
const MAX_ANSWER_BYTES = 4096;

/** LDAPMessage { 1, ExtendedRequest { requestName 1.3.6.1.4.1.1466.20037 } }. */
const START_TLS = Uint8Array.of(
  ...[0x30, 0x1d, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16],
  ...new TextEncoder().encode('1.3.6.1.4.1.1466.20037'),
);

export const ldap: Dialogue = async (stream) => {
  await stream.sendAll(START_TLS);
  const receiveLength = async (): Promise<number> => {
    const [first = 0] = await stream.receiveExactly(1);
    if (first < 0x80) return first;
    if (first > 0x84 || first === 0x80) throw noAnswer();
    let length = 0;
    for (const octet of await stream.receiveExactly(first & 0x7f)) length = length * 256 + octet;
    return length;
  };
  const [tag] = await stream.receiveExactly(1);
  const length = await receiveLength();
  if (tag !== 0x30 || length > MAX_ANSWER_BYTES) throw noAnswer();
  const message = await stream.receiveExactly(length);
  // messageID 1, then [APPLICATION 24] with a length of one to five octets, then the ENUMERATED result.
  const [, , id, operation, lengthOctet = 0] = message;
  if (message[0] !== 0x02 || message[1] !== 1 || id !== 1 || operation !== 0x78) throw noAnswer();
  const result = message.subarray(5 + (lengthOctet < 0x80 ? 0 : lengthOctet & 0x7f));
  if (result[0] !== 0x0a || result[1] !== 1 || result[2] === undefined) throw noAnswer();
  if (result[2] !== 0) throw notOffered(`result ${result[2]}`);
};

function noAnswer(): ProtocolError {
  return new ProtocolError('what the server sent is no answer to StartTLS', RULE);
}

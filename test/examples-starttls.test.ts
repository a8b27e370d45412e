/** The dialogues of the examples, against servers that do not offer TLS, answer nonsense, never end, or say too much. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BrokenResourceError, openNursery } from 'bowline';
import type { Stream } from 'bowline';
import { DelimiterNotFound, IncompleteRead, ProtocolError } from 'bowline/core';
import { memoryStreamPair, testCertificates } from 'bowline/testing';
import type { TlsStream } from 'bowline/tls';
import { clientContext, Identity, serverContext } from 'bowline/trust';
import type { ClientContext } from 'bowline/trust';

import { imapStartTls } from '../examples/starttls-imap.js';
import { ldapStartTls } from '../examples/starttls-ldap.js';
import { postgresStartTls } from '../examples/starttls-postgres.js';
import { smtpAcceptTls, smtpStartTls } from '../examples/starttls-smtp.js';
import { xmppStartTls } from '../examples/starttls-xmpp.js';

type Upgrade = (connection: Stream, context: ClientContext, serverName: string) => Promise<TlsStream>;
type ErrorClass = new (...rest: never[]) => Error;
const latin1 = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text, 'latin1'));
const times = (count: number, text: string): string => text.repeat(count);
const features = (inside: string): string => `<stream:stream><stream:features>${inside}</stream:features>`;
const OFFER = features(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
const LDAP_YES = '\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00';

/** All that the server says, whatever it is asked, and then the end. */
const cases: [Upgrade, string, string, ErrorClass][] = [
  [smtpStartTls, 'a greeting of refusal', '554 no\r\n', BrokenResourceError],
  [smtpStartTls, 'no extension STARTTLS', '220 a\r\n250-a\r\n250 SIZE\r\n', BrokenResourceError],
  [smtpStartTls, 'a domain of that name', '220 a\r\n250-STARTTLS\r\n250 SIZE\r\n', BrokenResourceError],
  [smtpStartTls, 'a refusal', '220 a\r\n250-a\r\n250 STARTTLS\r\n454 later\r\n', BrokenResourceError],
  [smtpStartTls, 'nonsense', 'HTTP/1.1 400\r\n', ProtocolError],
  [smtpStartTls, 'the end', '', ProtocolError],
  [smtpStartTls, 'a long line', times(5000, '2'), DelimiterNotFound],
  [smtpStartTls, 'many lines', times(200, '220-a\r\n'), ProtocolError],
  [smtpStartTls, 'a word too many', '220 a\r\n250-a\r\n250 STARTTLS\r\n220 go\r\n250 a\r\n', ProtocolError],
  [imapStartTls, 'PREAUTH', '* PREAUTH hello\r\n', BrokenResourceError],
  [imapStartTls, 'no capability STARTTLS', '* OK\r\n* CAPABILITY IMAP4\r\na1 OK\r\n', BrokenResourceError],
  [imapStartTls, 'a refusal', '* OK\r\n* CAPABILITY STARTTLS\r\na1 OK\r\na2 NO\r\n', BrokenResourceError],
  [imapStartTls, 'nonsense', 'hello\r\n', ProtocolError],
  [imapStartTls, 'the answer to somebody else', '* OK\r\n* CAPABILITY STARTTLS\r\nb1 OK\r\n', ProtocolError],
  [imapStartTls, 'the end', '* OK\r\n', ProtocolError],
  [imapStartTls, 'a long line', times(10_000, '*'), DelimiterNotFound],
  [imapStartTls, 'many lines', `* OK\r\n${times(200, '* x\r\n')}`, ProtocolError],
  [imapStartTls, 'a word too many', '* OK\r\n* CAPABILITY STARTTLS\r\na1 OK\r\na2 OK\r\n* x\r\n', ProtocolError],
  [xmppStartTls, 'no feature starttls', features('<mechanisms/>'), BrokenResourceError],
  [xmppStartTls, 'no feature at all', '<stream:stream><stream:features/>', BrokenResourceError],
  [xmppStartTls, 'a refusal', `${OFFER}<failure/>`, BrokenResourceError],
  [xmppStartTls, 'nonsense', `${OFFER}<message/>`, ProtocolError],
  [xmppStartTls, 'the end', '<stream:stream>', IncompleteRead],
  [xmppStartTls, 'a long tag', times(70_000, 'x'), DelimiterNotFound],
  [xmppStartTls, 'many tags', times(70_000, '>'), ProtocolError],
  [xmppStartTls, 'a word too many', `${OFFER}<proceed></proceed><message/>`, ProtocolError],
  [postgresStartTls, 'N', 'N', BrokenResourceError],
  [postgresStartTls, 'an error', 'Eno such thing\0', BrokenResourceError],
  [postgresStartTls, 'nonsense', 'X', ProtocolError],
  [postgresStartTls, 'the end', '', IncompleteRead],
  [postgresStartTls, 'a byte too many', 'SR', ProtocolError],
  [ldapStartTls, 'protocolError', LDAP_YES.replace('\x0a\x01\x00', '\x0a\x01\x02'), BrokenResourceError],
  [ldapStartTls, 'another message', LDAP_YES.replace('\x02\x01\x01', '\x02\x01\x00'), ProtocolError],
  [ldapStartTls, 'a sequence without end', '\x30\x80', ProtocolError],
  [ldapStartTls, 'nothing inside', '\x30\x00', ProtocolError],
  [ldapStartTls, 'a long answer', '\x30\x84\x7f\xff\xff\xff', ProtocolError],
  [ldapStartTls, 'the end', LDAP_YES.slice(0, 9), IncompleteRead],
  [ldapStartTls, 'a byte too many', `${LDAP_YES}\x30`, ProtocolError],
];

for (const [upgrade, what, answers, expected] of cases) {
  test(`${upgrade.name}, the server answers with ${what}: an error, no TLS, and nothing left open`, async () => {
    const [near, far] = memoryStreamPair();
    await far.sendAll(latin1(answers));
    await far.sendEof();
    // The class and no other: what failed must not be the handshake.
    await assert.rejects(upgrade(near, clientContext(), 'localhost'), (error: Error) => {
      assert.equal(error.constructor, expected, error.stack);
      assert.doesNotMatch(error.message, /handshake/i);
      return true;
    });
    await assert.rejects(near.receiveSome(), { code: 'ERR_BOWLINE_CLOSED' });
  });
}

test('smtpAcceptTls: nothing but EHLO, NOOP, STARTTLS and QUIT before TLS, and no command in clear behind STARTTLS', async () => {
  const { good } = testCertificates();
  const context = serverContext({ identity: Identity.from({ cert: good.cert, key: good.key }) });
  const serve = async (commands: string): Promise<[unknown, string]> => {
    const [near, far] = memoryStreamPair();
    await near.sendAll(latin1(commands));
    await near.sendEof();
    const end = await openNursery(() => smtpAcceptTls(far, context).catch((error: unknown) => error));
    let said = '';
    try {
      for await (const chunk of near) said += Buffer.from(chunk).toString('latin1');
    } catch (error) {
      // The server has aborted the connection.
      assert.ok(error instanceof BrokenResourceError);
    }
    return [end, said];
  };
  const refusal = '530 Must issue a STARTTLS command first';
  assert.deepEqual(await serve('MAIL FROM:<a@b>\r\nNOOP\r\nQUIT\r\n'), [
    null,
    ['220 localhost ESMTP', refusal, '250 fine', '221 goodbye', ''].join('\r\n'),
  ]);
  assert.deepEqual(await serve(''), [null, '220 localhost ESMTP\r\n']);
  for (const commands of ['STARTTLS\r\nMAIL FROM:<a@b>\r\n', times(200, 'NOOP\r\n')])
    assert.ok((await serve(commands))[0] instanceof ProtocolError);
  assert.ok((await serve(times(600, 'x')))[0] instanceof DelimiterNotFound);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { BowlineError, BrokenResourceError, IncompleteRead, ProtocolError } from 'bowline/core';
import { BufferedStream } from 'bowline/streams';
import { openNursery } from 'bowline/tasks';
import { memoryStreamPair } from 'bowline/testing';

import { dialogues } from '#src/endpoints/starttls/index.js';

type Protocol = keyof typeof dialogues;

/** What the server does: `<` waits until it has received this text, `>` sends. Binary is latin1. */
type Script = readonly (readonly ['<' | '>', string])[];

const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

interface Outcome {
  readonly error: unknown;
  /** What the client has received and not taken, when TLS should begin. */
  readonly leftBytes: number;
}

/** The client's dialogue with a server that does as the script says, then ends. */
async function talk(protocol: Protocol, script: Script, serverName = 'server.test'): Promise<Outcome> {
  const [client, server] = memoryStreamPair();
  const buffered = new BufferedStream(client);
  let error: unknown;
  let leftBytes = 0;
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      const heard = new BufferedStream(server);
      for (const [direction, text] of script) {
        if (direction === '>') await server.sendAll(latin1(text));
        else {
          const received = await heard.receiveExactly(text.length).catch((cause: unknown) => cause as IncompleteRead);
          const shown = received instanceof IncompleteRead ? received.partial : received;
          assert.equal(Buffer.from(shown).toString('latin1'), text);
        }
      }
      await server.sendEof();
    });
    try {
      await dialogues[protocol](buffered, serverName);
    } catch (thrown) {
      error = thrown;
    }
    leftBytes = buffered.bufferedBytes;
    buffered.abort();
  });
  return { error, leftBytes };
}

const streamHeader =
  `<?xml version='1.0'?><stream:stream to='server.test' version='1.0' xmlns='jabber:client' ` +
  `xmlns:stream='http://etherx.jabber.org/streams'>`;
const features =
  `<?xml version='1.0'?><stream:stream id='1' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>` +
  `<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>`;
const startTlsXml = `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`;
const sslRequest = '\0\0\0\x08\x04\xd2\x16\x2f';
const ldapRequest = '\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037';
const ldapYes = '\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00';

const agreements: readonly [Protocol, Script][] = [
  [
    'smtp',
    [
      ['>', '220-mx.test\r\n220 ready\r\n'],
      ['<', 'EHLO localhost\r\n'],
      ['>', '250-mx.test\r\n250-PIPELINING\r\n250-starttls\r\n250 HELP\r\n'],
      ['<', 'STARTTLS\r\n'],
      ['>', '220 2.0.0 go\r\n'],
    ],
  ],
  [
    'imap',
    [
      ['>', '* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n'],
      ['<', 'a1 STARTTLS\r\n'],
      ['>', '* CAPABILITY IMAP4rev1\r\na1 OK begin\r\n'],
    ],
  ],
  [
    'pop3',
    [
      ['>', '+OK ready\r\n'],
      ['<', 'STLS\r\n'],
      ['>', '+OK begin\n'],
    ],
  ],
  [
    'xmpp',
    [
      ['<', streamHeader],
      ['>', features],
      ['<', startTlsXml],
      ['>', `<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`],
    ],
  ],
  [
    'xmpp',
    [
      ['<', streamHeader],
      ['>', features],
      ['<', startTlsXml],
      ['>', `\n<proceed xmlns="urn:ietf:params:xml:ns:xmpp-tls"></proceed>`],
    ],
  ],
  [
    'postgres',
    [
      ['<', sslRequest],
      ['>', 'S'],
    ],
  ],
  [
    'ldap',
    [
      ['<', ldapRequest],
      ['>', ldapYes],
    ],
  ],
  [
    'ldap',
    [
      ['<', ldapRequest],
      // As Active Directory writes its lengths.
      ['>', '\x30\x84\0\0\0\x10\x02\x01\x01\x78\x84\0\0\0\x07\x0a\x01\x00\x04\x00\x04\x00'],
    ],
  ],
];

for (const [i, [protocol, script]] of agreements.entries()) {
  test(`${protocol} (${i}): the server agrees, and TLS begins right behind`, async () => {
    assert.deepEqual(await talk(protocol, script), { error: undefined, leftBytes: 0 });
  });

  test(`${protocol} (${i}): what comes along with the agreement is left for the upgrade to refuse`, async () => {
    const [last = ['>', '']] = script.slice(-1);
    const injected: Script = [...script.slice(0, -1), ['>', `${last[1]}EVIL`]];
    assert.deepEqual(await talk(protocol, injected), { error: undefined, leftBytes: 4 });
  });

  test(`${protocol} (${i}): a server that goes away at any byte is an error`, async () => {
    const [last = ['>', '']] = script.slice(-1);
    for (let cut = 0; cut < last[1].length; cut++) {
      const { error } = await talk(protocol, [...script.slice(0, -1), ['>', last[1].slice(0, cut)]]);
      assert.ok(error instanceof IncompleteRead, `${cut}: ${String(error)}`);
    }
  });
}

test('a server that does not offer TLS, or refuses it, is an error and no reason to go on', async () => {
  const ehlo = ['<', 'EHLO localhost\r\n'] as const;
  const cases: readonly [Protocol, Script, RegExp][] = [
    ['smtp', [['>', '554 no\r\n']], /refused to begin TLS: it answered 554$/],
    ['smtp', [['>', '220 x\r\n'], ehlo, ['>', '502 what\r\n']], /answered 502$/],
    ['smtp', [['>', '220 x\r\n'], ehlo, ['>', '250-XSTARTTLS\r\n250 STARTTLSX\r\n']], /does not offer TLS here$/],
    [
      'smtp',
      [['>', '220 x\r\n'], ehlo, ['>', '250 STARTTLS\r\n'], ['<', 'STARTTLS\r\n'], ['>', '454 later\r\n']],
      /answered 454$/,
    ],
    ['imap', [['>', '* PREAUTH you are in\r\n']], /answered PREAUTH$/],
    ['imap', [['>', '* BYE\r\n']], /answered BYE$/],
    [
      'imap',
      [
        ['>', '* OK\r\n'],
        ['<', 'a1 STARTTLS\r\n'],
        ['>', 'a1 NO hunter2\r\n'],
      ],
      /answered NO$/,
    ],
    [
      'pop3',
      [
        ['>', '+OK\r\n'],
        ['<', 'STLS\r\n'],
        ['>', '-ERR hunter2\r\n'],
      ],
      /answered -ERR$/,
    ],
    [
      'xmpp',
      [
        ['<', streamHeader],
        ['>', '<stream:features><bind/></stream:features>'],
      ],
      /does not offer TLS here$/,
    ],
    [
      'xmpp',
      [
        ['<', streamHeader],
        ['>', features],
        ['<', startTlsXml],
        ['>', `<failure xmlns='x'/>`],
      ],
      /answered failure$/,
    ],
    [
      'postgres',
      [
        ['<', sslRequest],
        ['>', 'N'],
      ],
      /does not offer TLS here$/,
    ],
    [
      'ldap',
      [
        ['<', ldapRequest],
        ['>', ldapYes.replace('\x0a\x01\x00', '\x0a\x01\x02')],
      ],
      /answered result 2$/,
    ],
  ];
  for (const [protocol, script, expected] of cases) {
    const { error } = await talk(protocol, script);
    assert.ok(error instanceof BrokenResourceError, `${protocol}: ${String(error)}`);
    assert.match(error.message, expected, protocol);
  }
});

test('nonsense, and what never ends, is a ProtocolError within a bound', async () => {
  const ehlo = ['<', 'EHLO localhost\r\n'] as const;
  const cases: readonly [Protocol, Script, RegExp][] = [
    ['smtp', [['>', 'SSH-2.0-x\r\n']], /no reply of SMTP/],
    ['smtp', [['>', `220 ${'x'.repeat(5000)}\r\n`]], /a line of more than 4096 bytes/],
    ['smtp', [['>', '220 x\r\n'], ehlo, ['>', '250-x\r\n'.repeat(300)]], /200 lines and no end/],
    ['imap', [['>', '220 mx\r\n']], /no greeting of IMAP/],
    [
      'imap',
      [
        ['>', '* OK\r\n'],
        ['<', 'a1 STARTTLS\r\n'],
        ['>', 'a2 OK\r\n'],
      ],
      /no answer of IMAP/,
    ],
    [
      'imap',
      [
        ['>', '* OK\r\n'],
        ['<', 'a1 STARTTLS\r\n'],
        ['>', '* x\r\n'.repeat(300)],
      ],
      /200 lines and no end/,
    ],
    ['pop3', [['>', 'OK\r\n']], /no answer of POP3/],
    [
      'xmpp',
      [
        ['<', streamHeader],
        ['>', 'x'.repeat(70_000)],
      ],
      /no answer to starttls/,
    ],
    [
      'xmpp',
      [
        ['<', streamHeader],
        ['>', features],
        ['<', startTlsXml],
        ['>', 'proceed>'],
      ],
      /no answer to starttls/,
    ],
    [
      'xmpp',
      [
        ['<', streamHeader],
        ['>', features],
        ['<', startTlsXml],
        ['>', '<proceed x="1"><x/>'],
      ],
      /no answer/,
    ],
    [
      'postgres',
      [
        ['<', sslRequest],
        ['>', 'E'],
      ],
      /no answer to SSLRequest/,
    ],
    [
      'ldap',
      [
        ['<', ldapRequest],
        ['>', '\x30\x85\0\0\0\0\x01'],
      ],
      /no answer to StartTLS/,
    ],
    [
      'ldap',
      [
        ['<', ldapRequest],
        ['>', '\x30\x80\0\0'],
      ],
      /no answer to StartTLS/,
    ],
    [
      'ldap',
      [
        ['<', ldapRequest],
        ['>', '\x30\x84\xff\xff\xff\xff'],
      ],
      /no answer to StartTLS/,
    ],
    [
      'ldap',
      [
        ['<', ldapRequest],
        ['>', '\x31\x00'],
      ],
      /no answer to StartTLS/,
    ],
    [
      'ldap',
      [
        ['<', ldapRequest],
        ['>', '\x30\x00'],
      ],
      /no answer to StartTLS/,
    ],
    [
      'ldap',
      [
        ['<', ldapRequest],
        ['>', ldapYes.replace('\x78', '\x61')],
      ],
      /no answer to StartTLS/,
    ],
    [
      'ldap',
      [
        ['<', ldapRequest],
        ['>', '\x30\x05\x02\x01\x01\x78\x00'],
      ],
      /no answer to StartTLS/,
    ],
  ];
  for (const [protocol, script, expected] of cases) {
    const { error } = await talk(protocol, script);
    assert.ok(error instanceof ProtocolError, `${protocol}: ${String(error)}`);
    assert.match(error.message, expected, protocol);
  }
});

test('the name of the server is escaped in XML', async () => {
  const script: Script = [
    ['<', streamHeader.replace('server.test', 'a&#39; b=&#39;&#60;')],
    ['>', '</stream:features>'],
  ];
  const { error } = await talk('xmpp', script, `a' b='<`);
  assert.match(String(error), /does not offer TLS/);
});

test('whatever a server says, the dialogue ends: agreed, or with an error of the library', async () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '220 x\r\n',
      '250-STARTTLS\r\n',
      '250 STARTTLS\r\n',
      '* OK\r\n',
      'a1 OK\r\n',
      '+OK\r\n',
      features,
      '<proceed',
      '/>',
      '>',
    ),
    fc.constantFrom('S', 'N', ldapYes, '\x30\x84\0\0\x0f\xff', '\x30', '\x02\x01\x01\x78', '\r\n', '\n'),
    fc.uint8Array({ maxLength: 20 }).map((noise) => Buffer.from(noise).toString('latin1')),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...(Object.keys(dialogues) as Protocol[])),
      fc.array(piece),
      async (protocol, said) => {
        const { error } = await talk(protocol, [['>', said.join('')]]);
        assert.ok(error === undefined || error instanceof BowlineError, String(error));
      },
    ),
    { numRuns: 1000 },
  );
});

/**
 * Against node:http on generated and mutated requests: whatever Node's parser refuses is refused here too, and what both take,
 * both understand in the same way. Where this one is stricter is written down below, each with its reason; where a mutation finds
 * another such place, the test fails.
 */
import assert from 'node:assert/strict';
import { createServer, METHODS } from 'node:http';
import { duplexPair } from 'node:stream';
import { test } from 'node:test';

import fc from 'fast-check';

import { IncompleteRead } from 'bowline/core';

import { requestDecoder } from '#src/protocols/http1/message-decoder.js';
import { MessageError } from '#src/protocols/http1/message-error.js';
import { isPersistent } from '#src/protocols/http1/persistence.js';

import { bytesOf, textOf } from './messages.js';

type Verdict = 'incomplete' | 'refused' | { readonly requests: readonly string[] };

/** What bowline makes of a connection that sends `text` and ends. As in a server, nothing counts behind a message that closes. */
function ours(text: string): { verdict: Verdict; why: string } {
  const decoder = requestDecoder();
  const requests: string[] = [];
  decoder.push(bytesOf(text));
  try {
    let isLast = false;
    for (let part = decoder.next(); part !== undefined; part = decoder.next()) {
      if (part.kind === 'head') {
        requests.push(`${part.head.method} ${part.head.target} `);
        isLast = !isPersistent(part.head);
      } else if (part.kind === 'data') {
        requests.push(`${requests.pop()}${textOf(part.data)}`);
      } else if (isLast) {
        return { verdict: { requests }, why: '' };
      }
    }
    decoder.end();
    return { verdict: { requests }, why: '' };
  } catch (error) {
    if (error instanceof IncompleteRead) return { verdict: 'incomplete', why: '' };
    assert.ok(error instanceof MessageError);
    return { verdict: 'refused', why: error.message };
  }
}

/** What node:http makes of it, with `insecureHTTPParser` off, as it is by default. */
async function nodes(text: string): Promise<Verdict> {
  const requests: string[] = [];
  let refused = false;
  let whole = 0;
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    const at = requests.push('') - 1;
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')));
    request.on('end', () => {
      whole++;
      requests[at] = `${request.method} ${request.url} ${body}`;
      response.end();
    });
    request.on('error', () => undefined);
  });
  // Ends and resets of the connection come as errors of the client, too; only the parser's own are verdicts.
  server.on('clientError', ({ code = '' }: NodeJS.ErrnoException) => {
    if (code.startsWith('HPE_') && !['HPE_INVALID_EOF_STATE', 'HPE_CLOSED_CONNECTION'].includes(code)) refused = true;
  });
  const [client, accepted] = duplexPair();
  server.emit('connection', accepted);
  client.on('error', () => undefined);
  client.resume();
  client.end(Buffer.from(bytesOf(text)));
  // Everything is in memory: turns of the event loop until nothing can happen any more.
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
  accepted.destroy();
  client.destroy();
  server.close();
  if (refused) return 'refused';
  return whole < requests.length ? 'incomplete' : { requests };
}

/** Why bowline refuses what node:http takes. */
const stricter: readonly [reason: RegExp, because: string][] = [
  [/Host|authority/, 'node checks that there is one Host, not what is in it, and not that the target agrees'],
  [
    /no known form|fragment|CONNECT|\*/,
    'node hands any target to the handler; a form that its method may not have is 400 here',
  ],
  [
    /proper method|proper target|HTTP version|behind the version|version of HTTP/,
    'the request line is one space, target, one space',
  ],
  [/empty line|field line|field value/, 'llhttp passes over several empty lines in front of a request'],
  [/chunk|too large/, 'llhttp allows white space behind a chunk size, and more in extensions'],
  [/trailers/, 'node keeps any trailer'],
  [
    /transfer coding|Transfer-Encoding|Content-Length/,
    'equal Content-Lengths, and codings that end in chunked, are taken by node',
  ],
  [/a tab behind/, 'older llhttp refuses it around what decides the framing, newer takes it'],
  [/line feed/, 'llhttp takes a bare LF in some places'],
];

async function compare(text: string): Promise<void> {
  const { verdict, why } = ours(text);
  const other = await nodes(text);
  const shown = JSON.stringify(text);
  if (verdict === 'refused') {
    if (other === 'refused') return;
    assert.ok(
      stricter.some(([reason]) => reason.test(why)),
      `refused here alone, undocumented: ${why}: ${shown}`,
    );
    return;
  }
  if (other === 'refused') {
    // Any token is a method (RFC 9110 §9.1); llhttp has a list, which a proxy for other protocols cannot live with.
    if (
      typeof verdict === 'object' &&
      verdict.requests.some((request) => !METHODS.includes(request.split(' ')[0] ?? ''))
    )
      return;
    // What is refused at its first byte is not looked at further, so one reader may wait where the other knows.
    assert.equal(verdict, 'incomplete', `node refuses what is taken here: ${shown}`);
    return;
  }
  // CONNECT and upgrades are handed over by node without a request; ours leaves them to the caller.
  if (/^CONNECT |^upgrade:/im.test(text)) return;
  if (verdict !== 'incomplete' && other !== 'incomplete') assert.deepEqual(verdict, other, shown);
}

const seeds = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /a?b HTTP/1.1\r\nHost: a:80\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello',
  'POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=1\r\nhello\r\n0\r\nX-T: 1\r\n\r\n',
  'GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET / HTTP/1.0\r\n\r\n',
];

for (const seed of seeds)
  test(`the same as node:http: ${JSON.stringify(seed.slice(0, 30))}`, async () => {
    const { verdict } = ours(seed);
    assert.notEqual(verdict, 'refused');
    assert.deepEqual(verdict, await nodes(seed));
  });

test('mutated requests are refused wherever node:http refuses them, and understood as node:http does', async () => {
  const interesting = [
    '\r',
    '\n',
    '\r\n',
    ' ',
    '\t',
    ':',
    '\0',
    '0',
    '1',
    ';',
    ',',
    'a',
    'chunked',
    '/',
    '*',
    '\x80',
    '\r\n ',
    '+',
    '-',
  ];
  const mutation = fc.record({
    at: fc.nat(10_000),
    remove: fc.nat(2),
    insert: fc.constantFrom('', ...interesting),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...seeds),
      fc.array(mutation, { minLength: 1, maxLength: 2 }),
      async (seed, mutations) => {
        let text = seed;
        for (const { at, remove, insert } of mutations) {
          const place = at % (text.length + 1);
          text = text.slice(0, place) + insert + text.slice(place + remove);
        }
        await compare(text);
      },
    ),
    { numRuns: Number(process.env['BOWLINE_FUZZ_RUNS'] ?? 1500) },
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { expectsContinue } from '#src/protocols/http1/expectation.js';
import { Fields } from '#src/protocols/http1/fields.js';
import { requestDecoder } from '#src/protocols/http1/message-decoder.js';
import { isPersistent, upgradesOf } from '#src/protocols/http1/persistence.js';

import { bytesOf } from './messages.js';

const head = (minorVersion: 0 | 1, ...fields: [string, string][]): { minorVersion: 0 | 1; fields: Fields } => ({
  minorVersion,
  fields: new Fields(
    fields.map(([name]) => name),
    fields.map(([, value]) => value),
  ),
});

test('a connection goes on by default in HTTP/1.1 and ends by default in HTTP/1.0', () => {
  assert.equal(isPersistent(head(1)), true);
  assert.equal(isPersistent(head(0)), false);
  assert.equal(isPersistent(head(0, ['connection', 'Keep-Alive'])), true);
  assert.equal(isPersistent(head(1, ['connection', 'upgrade, CLOSE'])), false);
  assert.equal(isPersistent(head(0, ['connection', 'keep-alive'], ['connection', 'close'])), false, 'close wins');
});

test('an upgrade counts only where Connection names it, and never in HTTP/1.0', () => {
  const fields: [string, string][] = [
    ['upgrade', 'WebSocket, h2c'],
    ['connection', 'keep-alive, Upgrade'],
  ];
  assert.deepEqual(upgradesOf(head(1, ...fields)), ['websocket', 'h2c']);
  assert.deepEqual(upgradesOf(head(0, ...fields)), []);
  assert.deepEqual(upgradesOf(head(1, ['upgrade', 'websocket'])), []);
});

test('100-continue is heard from HTTP/1.1 clients that have a body, anything else expected is 417', () => {
  const expecting = (message: string): boolean => {
    const decoder = requestDecoder();
    decoder.push(bytesOf(message));
    const part = decoder.next();
    assert.ok(part?.kind === 'head');
    return expectsContinue(part.head, part.framing);
  };
  assert.equal(expecting('PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n'), true);
  assert.equal(expecting('PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n'), false);
  assert.equal(expecting('PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n'), false);
  assert.throws(() => expecting('PUT / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n'), { status: 417 });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ProtocolError } from 'bowline/core';
import fc from 'fast-check';

import {
  encodeMethodChoice,
  encodeMethodOffer,
  methodChoice,
  methodOffer,
} from '#src/protocols/socks/method-selection.js';
import {
  encodePasswordRequest,
  encodePasswordStatus,
  passwordRequest,
  passwordStatus,
} from '#src/protocols/socks/password.js';
import { encodeSocksReply, socksReply } from '#src/protocols/socks/reply.js';
import { encodeSocksRequest, socksRequest } from '#src/protocols/socks/request.js';
import { encodeSocksDatagram, parseSocksDatagram } from '#src/protocols/socks/udp-header.js';

import { socksAddress } from '../../support/socks-arbitraries.js';
import { checkFormat, decodeOne, hex, latin1, refuses } from '../../support/check-format.js';

const code = fc.integer({ min: 0, max: 255 });
const rest = fc.uint8Array({ maxLength: 20 });

test('what another protocol answers is refused with its first byte', () => {
  for (const format of [methodChoice, socksReply, socksRequest, methodOffer]) {
    refuses(format, latin1('H'), /version 72, expected 5/);
    refuses(format, Uint8Array.of(4), /version 4, expected 5/);
  }
  // RFC 1929 counts its own versions: a 5 here is what one known client sends by mistake.
  for (const format of [passwordRequest, passwordStatus]) refuses(format, Uint8Array.of(5), /version 5, expected 1/);
});

test('lengths of zero, unknown address types and names that are none are refused', () => {
  refuses(methodOffer, hex('05 00'), /vector of 0 bytes/);
  refuses(passwordRequest, hex('01 00 01 61'), /vector of 0 bytes/);
  refuses(passwordRequest, hex('01 01 61 00'), /vector of 0 bytes/);
  refuses(socksReply, hex('05 00 00 03 00 00 50'), /vector of 0 bytes/);
  refuses(socksReply, hex('05 00 00 02 00 00 00 00 00 50'), /address type 2/);
  refuses(socksRequest, hex('05 01 00 03 02 61 20 00 50'), /not visible ASCII/);
  refuses(socksRequest, hex('05 01 00 03 02 61 00 00 50'), /not visible ASCII/);
  refuses(passwordRequest, hex('01 01 ff 01 61'), /user name that is not UTF-8/);
  refuses(passwordRequest, hex('01 01 61 01 ff'), /password that is not UTF-8/);
});

test('a message may be any part of what arrived, and what follows it is left alone', () => {
  const reply = hex('05 00 00 01 7f 00 00 01 1f 90');
  const outcome = checkFormat(socksReply, Uint8Array.of(...reply, 0x16, 0x03, 0x01));
  assert.ok(outcome.kind === 'message');
  assert.deepEqual(outcome.message, { code: 0, bound: { host: '127.0.0.1', port: 8080 } });
  assert.deepEqual([...outcome.rest], [0x16, 0x03, 0x01]);
  for (let length = 1; length < reply.length; length++)
    assert.equal(checkFormat(socksReply, reply.subarray(0, length)).kind, 'incomplete');
});

test('the three kinds of address are read, and a name that is an address is one', () => {
  const bound = (text: string): unknown => decodeOne(socksReply, hex(text)).bound;
  assert.deepEqual(bound('05 00 00 04 20010db8000000000000000000000001 01bb'), { host: '2001:db8::1', port: 443 });
  assert.deepEqual(bound('05 00 00 03 01 78 0000'), { host: 'x', port: 0 });
  const asName = `05 00 00 03 0f ${Buffer.from('0:0:0:0:0:0:0:1').toString('hex')} 0050`;
  assert.deepEqual(bound(asName), { host: '::1', port: 80 });
});

test('RSV is not looked at', () => {
  assert.equal(decodeOne(socksReply, hex('05 00 ff 01 00000000 0000')).code, 0);
});

test('what does not fit a field is a RangeError that shows no password', () => {
  const target =
    (host: string): (() => unknown) =>
    () =>
      encodeSocksRequest({ command: 1, target: { host, port: 1 } });
  assert.throws(target('a'.repeat(256)), RangeError);
  assert.throws(target(''), RangeError);
  assert.throws(target('bücher.example'), RangeError);
  assert.throws(target('fe80::1%eth0'), RangeError);
  assert.throws(() => encodeMethodOffer([]), RangeError);
  assert.throws(() => encodeMethodOffer([0xff]), RangeError);
  const secret = 'hunter2'.repeat(40);
  for (const credentials of [
    { username: secret, password: 'x' },
    { username: 'x', password: secret },
    { username: 'x', password: '' },
  ]) {
    assert.throws(
      () => encodePasswordRequest(credentials),
      (error) => error instanceof RangeError && !error.message.includes('hunter2'),
    );
  }
});

test('every message survives encode and parse, alone and in front of other bytes', () => {
  const check =
    <T>(format: Parameters<typeof checkFormat<T>>[0], encode: (value: T) => Uint8Array) =>
    (value: T, tail: Uint8Array): void => {
      const outcome = checkFormat(format, Uint8Array.of(...encode(value), ...tail), encode);
      assert.ok(outcome.kind === 'message');
      assert.deepEqual(outcome.message, value);
      assert.deepEqual([...outcome.rest], [...tail]);
    };
  const methods = fc.array(fc.integer({ min: 0, max: 254 }), { minLength: 1, maxLength: 255 });
  fc.assert(fc.property(methods, rest, check(methodOffer, encodeMethodOffer)));
  fc.assert(fc.property(code, rest, check(methodChoice, encodeMethodChoice)));
  fc.assert(fc.property(fc.boolean(), rest, check(passwordStatus, encodePasswordStatus)));
  const part = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((text) => {
    const bytes = Buffer.byteLength(text);
    return bytes <= 255 && text === Buffer.from(text).toString();
  });
  const credentials = fc.record({ username: part, password: part }, { noNullPrototype: true });
  fc.assert(fc.property(credentials, rest, check(passwordRequest, encodePasswordRequest)));
  const request = fc.record({ command: code, target: socksAddress }, { noNullPrototype: true });
  fc.assert(fc.property(request, rest, check(socksRequest, encodeSocksRequest)));
  const reply = fc.record({ code, bound: socksAddress }, { noNullPrototype: true });
  fc.assert(fc.property(reply, rest, check(socksReply, encodeSocksReply)));
});

test('the header of a relayed datagram survives encode and parse, and a short one is refused', () => {
  const datagram = fc.record(
    { fragment: code, peer: socksAddress, data: fc.uint8Array({ maxLength: 50 }) },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(datagram, (value) => {
      const bytes = encodeSocksDatagram(value);
      const parsed = parseSocksDatagram(bytes);
      assert.deepEqual(
        { ...parsed, data: Uint8Array.from(parsed.data) },
        { ...value, data: Uint8Array.from(value.data) },
      );
      const headerBytes = bytes.length - value.data.length;
      for (let length = 0; length < headerBytes; length++)
        assert.throws(() => parseSocksDatagram(bytes.subarray(0, length)), ProtocolError);
    }),
    { numRuns: 50 },
  );
});

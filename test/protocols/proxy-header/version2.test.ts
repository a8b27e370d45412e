import assert from 'node:assert/strict';
import { test } from 'node:test';

import { inetAddress } from 'bowline/core';
import type { SocketAddress } from 'bowline/core';
import fc from 'fast-check';

import { crc32c } from '#src/protocols/proxy-header/crc32c.js';
import { proxyHeaderFormat } from '#src/protocols/proxy-header/header.js';
import { parseProxyTls, proxyTlvTypes } from '#src/protocols/proxy-header/tlv.js';
import { encodeVersion2, inOneFamily } from '#src/protocols/proxy-header/version2.js';

import { checkFormat, decodeOne, hex, latin1, refuses } from '../../support/check-format.js';

const format = proxyHeaderFormat(65_551);
const signature = '0d0a0d0a000d0a515549540a';
const tcp4 = '11 000c c0000201 c6336407 dc04 01bb';

test('a header as HAProxy sends it', () => {
  const header = decodeOne(format, hex(`${signature} 21 ${tcp4}`));
  assert.deepEqual(header, {
    version: 2,
    command: 'proxy',
    transport: 'stream',
    source: inetAddress('192.0.2.1', 56324),
    destination: inetAddress('198.51.100.7', 443),
    tlvs: [],
  });
});

test('LOCAL is accepted whatever its block says, and says nothing', () => {
  for (const rest of ['00 0000', '11 000c c0000201 c6336407 dc04 01bb', 'ff 0003 ffffff']) {
    assert.deepEqual(decodeOne(format, hex(`${signature} 20 ${rest}`)), {
      version: 2,
      command: 'local',
      transport: 'unspecified',
      source: undefined,
      destination: undefined,
      tlvs: [],
    });
  }
});

test('values that the specification does not assign are refused', () => {
  refuses(format, hex(`${signature} 11 ${tcp4}`), /version 1 of the binary/);
  refuses(format, hex(`${signature} 31 ${tcp4}`), /version 3 of the binary/);
  refuses(format, hex(`${signature} 22 ${tcp4}`), /command 2/);
  refuses(format, hex(`${signature} 21 13 000c c0000201 c6336407 dc04 01bb`), /transport 3/);
  refuses(format, hex(`${signature} 21 41 000c c0000201 c6336407 dc04 01bb`), /family 4/);
  refuses(format, hex(`${signature} 21 10 000c c0000201 c6336407 dc04 01bb`), /combination 0x10/);
  refuses(format, hex(`${signature} 21 01 0000`), /combination 0x1/);
  refuses(format, hex('0d0a0d0a000d0a515549540b'), /does not begin with/);
});

test('addresses and TLVs that are cut off are refused, not read beyond', () => {
  refuses(format, hex(`${signature} 21 11 000b c0000201 c6336407 dc04 01`), /2 bytes wanted/);
  refuses(format, hex(`${signature} 21 11 0000`), /4 bytes wanted/);
  refuses(format, hex(`${signature} 21 11 000e c0000201 c6336407 dc04 01bb 0100`), /2 bytes wanted/);
  refuses(format, hex(`${signature} 21 11 0010 c0000201 c6336407 dc04 01bb 01000241`), /2 bytes wanted/);
  refuses(format, hex(`${signature} 21 00 0084 05 0081 ${'61'.repeat(129)}`), /unique id of 129/);
});

test('a header longer than allowed is refused as soon as its length is known', () => {
  const small = proxyHeaderFormat(107);
  refuses(small, hex(`${signature} 21 11 ffff`), /65551 bytes or more, where 107 are allowed/);
  assert.equal(checkFormat(small, hex(`${signature} 21 11 005b`)).kind, 'incomplete');
});

test('a checksum is checked, wherever it stands; a wrong one refuses the header', () => {
  assert.equal(crc32c(latin1('123456789')), 0xe3069283);
  const addresses = { source: inetAddress('192.0.2.1', 1), destination: inetAddress('192.0.2.2', 2) };
  const tlv = { type: proxyTlvTypes.authority, value: latin1('example.org') };
  const good = encodeVersion2({ command: 'proxy', addresses, tlvs: [tlv], checksum: true });
  const header = decodeOne(format, good);
  assert.deepEqual(
    header.tlvs.map(({ type, value }) => [type, Buffer.from(value).toString()]),
    [[2, 'example.org']],
    'the checksum itself is not passed on',
  );
  for (let at = 16; at < good.length; at++) {
    // Turned into another type, the checksum is not there any more: it is no signature.
    if (at === good.length - 7) continue;
    const bad = good.slice();
    bad[at] = (bad[at] as number) ^ 1;
    assert.equal(checkFormat(format, bad).kind, 'refused', `byte ${at}`);
  }
  refuses(format, hex(`${signature} 21 00 0003 030000`), /checksum of 0 bytes/);
  refuses(format, hex(`${signature} 21 00 000e 03000400000000 03000400000000`), /two checksums/);
});

test('Unix addresses: paths, abstract names, full fields', () => {
  const paths = ['/run/app.sock', '\0abstract', '', `/${'x'.repeat(107)}`, '/ünï'];
  for (const path of paths) {
    const source: SocketAddress = { family: 'unix', path };
    const destination: SocketAddress = { family: 'unix', path: '/run/server' };
    const header = decodeOne(format, encodeVersion2({ command: 'proxy', addresses: { source, destination } }));
    assert.deepEqual([header.source, header.destination], [source, destination]);
  }
  const tooLong: SocketAddress = { family: 'unix', path: 'x'.repeat(109) };
  assert.throws(
    () => encodeVersion2({ command: 'proxy', addresses: { source: tooLong, destination: tooLong } }),
    RangeError,
  );
  const notUtf8 = `${signature} 21 31 00d8 ff ${'00'.repeat(215)}`;
  refuses(format, hex(notUtf8), /not UTF-8/);
});

test('IPv4 beside IPv6 becomes IPv4-mapped', () => {
  const mixed = inOneFamily(inetAddress('192.0.2.1', 1), inetAddress('2001:db8::1', 2));
  assert.deepEqual(mixed, { source: inetAddress('::ffff:192.0.2.1', 1), destination: inetAddress('2001:db8::1', 2) });
  const mapped = inOneFamily(inetAddress('::ffff:192.0.2.1', 1), inetAddress('192.0.2.2', 2));
  assert.deepEqual(mapped, { source: inetAddress('192.0.2.1', 1), destination: inetAddress('192.0.2.2', 2) });
});

test('what the sender knows about TLS', () => {
  const value = hex(`07 00000000 21 0007 ${Buffer.from('TLSv1.3').toString('hex')} 22 0002 4d65 23 0001 41`);
  assert.deepEqual(parseProxyTls(value), {
    isTls: true,
    certificate: 'connection',
    isVerified: true,
    version: 'TLSv1.3',
    commonName: 'Me',
    cipher: 'A',
    signatureAlgorithm: undefined,
    keyAlgorithm: undefined,
  });
  assert.equal(parseProxyTls(hex('01 00000000')).isVerified, false, 'no certificate is not a verified one');
  assert.equal(parseProxyTls(hex('03 00000001')).isVerified, false);
  assert.equal(parseProxyTls(hex('05 00000000')).certificate, 'session');
  assert.throws(() => parseProxyTls(hex('01 0000')), /wanted/);
});

test('headers survive encode and parse, and what follows is left alone', () => {
  const port = fc.integer({ min: 0, max: 65535 });
  const inet = (bytes: number): fc.Arbitrary<SocketAddress> =>
    fc
      .tuple(fc.uint8Array({ minLength: bytes, maxLength: bytes }), port)
      .map(([address, n]) => inetAddress({ family: bytes === 4 ? 4 : 6, bytes: Uint8Array.from(address) }, n));
  const unix: fc.Arbitrary<SocketAddress> = fc
    .stringMatching(/^\/[a-z/]{0,107}$/)
    .map((path) => ({ family: 'unix', path }));
  const addresses = fc.oneof(
    ...[inet(4), inet(16), unix].map((one) => fc.record({ source: one, destination: one }, { noNullPrototype: true })),
    fc.constant(undefined),
  );
  // 5 has a limit, 3 and 4 are about the header itself.
  const type = fc.integer({ min: 0, max: 255 }).filter((n) => n < 3 || n > 5);
  const tlv = fc.record({ type, value: fc.uint8Array({ maxLength: 30 }) }, { noNullPrototype: true });
  const init = fc.record({
    addresses,
    tlvs: fc.array(tlv, { maxLength: 5 }),
    checksum: fc.boolean(),
    transport: fc.constantFrom('stream' as const, 'datagram' as const),
  });
  fc.assert(
    fc.property(init, fc.uint8Array({ maxLength: 10 }), (value, tail) => {
      const bytes = Uint8Array.of(...encodeVersion2({ command: 'proxy', ...value }), ...tail);
      const outcome = checkFormat(format, bytes);
      assert.ok(outcome.kind === 'message');
      const { message } = outcome;
      assert.deepEqual(message.source, value.addresses?.source);
      assert.deepEqual(message.destination, value.addresses?.destination);
      assert.equal(message.transport, value.addresses === undefined ? 'unspecified' : value.transport);
      assert.deepEqual(
        message.tlvs.map((one) => [one.type, [...one.value]]),
        value.tlvs.map((one) => [one.type, [...one.value]]),
      );
      assert.deepEqual([...outcome.rest], [...tail]);
    }),
  );
});

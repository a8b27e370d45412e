import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';

import fc from 'fast-check';

import {
  AddressError,
  ByteReader,
  ByteWriter,
  cidrContains,
  compareIpAddresses,
  formatCidr,
  formatHostPort,
  formatIpAddress,
  inetAddress,
  ipAddressFromBytes,
  ipAddressOf,
  ipVersion,
  isIpv4Mapped,
  parseCidr,
  parseHostPort,
  parseIpAddress,
  ProtocolError,
  quoteText,
} from 'bowline/core';

/** Bytes with long runs of zeros and of ones, where the text forms differ. */
const byte = fc.oneof(fc.constant(0), fc.constant(0xff), fc.integer({ min: 0, max: 255 }));
const addressBytes = fc
  .oneof(fc.array(byte, { minLength: 4, maxLength: 4 }), fc.array(byte, { minLength: 16, maxLength: 16 }))
  .map((values) => new Uint8Array(values));
const zone = fc.option(fc.stringMatching(/^[0-9A-Za-z._~:-]{1,12}$/), { nil: undefined });
const address = fc
  .tuple(addressBytes, zone)
  .map(([bytes, scopeId]) => ipAddressFromBytes(bytes, bytes.length === 16 ? scopeId : undefined));
const port = fc.integer({ min: 0, max: 65535 });
/** Text near the grammars: their own characters more often than others. */
const nearText = fc.string({
  unit: fc.oneof(fc.constantFrom(...'0123456789abfx:.[]%/-'), fc.string({ minLength: 1, maxLength: 1 })),
  maxLength: 50,
});

test('an IP address survives format and parse', () => {
  fc.assert(fc.property(address, (ip) => assert.deepEqual(parseIpAddress(formatIpAddress(ip)), ip)));
});

test('the canonical text of equal addresses is equal, and of different ones different', () => {
  fc.assert(
    fc.property(address, address, (a, b) => {
      assert.equal(formatIpAddress(a) === formatIpAddress(b), compareIpAddresses(a, b) === 0);
      assert.equal(Math.sign(compareIpAddresses(a, b)) + Math.sign(compareIpAddresses(b, a)), 0);
    }),
  );
});

test('net.isIP agrees on every text near the grammar', () => {
  fc.assert(
    fc.property(nearText, (text) => {
      // A zone may hold "_" and "~" here and not there.
      fc.pre(!/%.*[_~]/.test(text));
      assert.equal(ipVersion(text), isIP(text));
    }),
    { numRuns: 2000 },
  );
});

test('an InetAddress keeps its address', () => {
  fc.assert(fc.property(address, port, (ip, n) => assert.deepEqual(ipAddressOf(inetAddress(ip, n)), ip)));
});

test('host:port survives format and parse', () => {
  const host = fc.oneof(fc.domain(), address.map(formatIpAddress), fc.constant(''));
  fc.assert(
    fc.property(host, port, (h, n) => {
      const target = { host: h, port: n };
      assert.deepEqual(parseHostPort(formatHostPort(target)), target);
    }),
  );
});

test('an address block survives format and parse, and holds its own addresses', () => {
  fc.assert(
    fc.property(addressBytes, fc.nat(128), addressBytes, (bytes, length, other) => {
      const prefixLength = Math.min(length, bytes.length * 8);
      const base = bytes.map((value, i) => value & (0xff << Math.min(8, Math.max(0, 8 * (i + 1) - prefixLength))));
      const block = parseCidr(`${formatIpAddress(ipAddressFromBytes(base))}/${prefixLength}`);
      assert.deepEqual(parseCidr(formatCidr(block)), block);
      assert.equal(cidrContains(block, ipAddressFromBytes(bytes)), true);
      if (other.length === bytes.length) {
        const bits = (data: Uint8Array): string => Array.from(data, (v) => v.toString(2).padStart(8, '0')).join('');
        const inside = bits(other).slice(0, prefixLength) === bits(bytes).slice(0, prefixLength);
        // A mapped address counts as IPv4, so that a block of IPv6 holds it only where the block itself is mapped.
        if (block.family === 4 || !isIpv4Mapped(ipAddressFromBytes(other))) {
          assert.equal(cidrContains(block, ipAddressFromBytes(other)), inside);
        }
      }
    }),
  );
});

test('whatever the text, a parser throws nothing but AddressError, in one safe line', () => {
  for (const parse of [parseIpAddress, parseCidr, parseHostPort]) {
    fc.assert(
      fc.property(fc.oneof(nearText, fc.string({ unit: 'binary', maxLength: 300 })), (text) => {
        try {
          parse(text);
        } catch (error) {
          assert.ok(error instanceof AddressError);
          assert.ok(error.message.length < 1000);
          assert.doesNotMatch(error.message, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
        }
      }),
      { numRuns: 500 },
    );
  }
});

test('quoted text holds no character that moves or hides others', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) =>
      assert.doesNotMatch(quoteText(text), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Cn}\p{Co}]/u),
    ),
  );
});

const field = fc.oneof(
  ...([1, 2, 3, 4, 6] as const).map((width) =>
    fc.record({ width: fc.constant(width), value: fc.maxSafeNat().map((n) => n % 256 ** width) }),
  ),
);

test('fields and nested blocks survive writing and reading', () => {
  fc.assert(
    fc.property(
      fc.array(field),
      fc.uint8Array({ maxLength: 300 }),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      (fields, data, big) => {
        const writer = new ByteWriter(1);
        writer.block(3, (w) => {
          for (const { width, value } of fields) {
            if (width === 1) w.u8(value);
            else if (width === 2) w.u16(value);
            else if (width === 3) w.u24(value);
            else if (width === 4) w.u32(value);
            else w.u48(value);
          }
          w.block(2, () => w.bytes(data)).u64(big);
        });
        const reader = new ByteReader(writer.take(), 'rule').vectorReader(3);
        for (const { width, value } of fields) {
          const read = {
            1: () => reader.u8(),
            2: () => reader.u16(),
            3: () => reader.u24(),
            4: () => reader.u32(),
            6: () => reader.u48(),
          };
          assert.equal(read[width](), value);
        }
        assert.deepEqual(new Uint8Array(reader.vector(2)), data);
        assert.equal(reader.u64(), big);
        reader.expectEnd();
      },
    ),
  );
});

test('whatever the bytes and the calls, a reader throws nothing but its failure', () => {
  const calls = fc.array(
    fc.tuple(fc.nat(9), fc.oneof(fc.integer({ min: -3, max: 12 }), fc.constantFrom(0.5, NaN, Infinity))),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), calls, (input, sequence) => {
      const reader = new ByteReader(input, 'rule');
      for (const [which, n] of sequence) {
        const before = reader.position;
        try {
          [
            () => reader.u8(),
            () => reader.u24(),
            () => reader.u48(),
            () => reader.u64(),
            () => reader.bytes(n),
            () => reader.vector(1, 1, n),
            () => reader.vectorReader(2).u16(),
            () => reader.items(1, (item) => item.u16()),
            () => reader.reader(n).u8(),
            () => reader.expectEnd(),
          ][which]?.();
        } catch (error) {
          assert.ok(error instanceof ProtocolError);
        }
        assert.ok(reader.position >= before && reader.position + reader.remaining === input.length);
      }
    }),
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { DerReader } from '#src/protocols/x509/der-reader.js';
import { civilTime, formatTime } from '#src/protocols/x509/der-time.js';
import * as der from '#src/protocols/x509/der-writer.js';

const read = <T>(bytes: Uint8Array<ArrayBuffer>, readIt: (reader: DerReader) => T): T => {
  const reader = new DerReader(bytes, 'RFC 0 §1');
  const value = readIt(reader);
  reader.expectEnd();
  return value;
};

const bytes = (maxLength: number): fc.Arbitrary<Uint8Array<ArrayBuffer>> =>
  fc.uint8Array({ maxLength }).map((array) => new Uint8Array(array));

test('any contents come back out of an element, whatever their length', () => {
  fc.assert(
    fc.property(fc.constantFrom(0, 1, 127, 128, 255, 256, 65_535, 65_536), (length) => {
      assert.equal(read(der.octetString(new Uint8Array(length)), (r) => r.octetString()).length, length);
    }),
  );
  assert.equal(read(der.octetString(new Uint8Array(0x100_0000)), (r) => r.octetString()).length, 0x100_0000);
});

test('integers come back, signed and unsigned', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }), (value) => {
      const contents = read(der.integer(value), (r) => r.integerBytes());
      assert.equal(BigInt.asIntN(contents.length * 8, BigInt(`0x${Buffer.from(contents).toString('hex')}`)), value);
    }),
  );
  fc.assert(
    fc.property(bytes(24), (value) => {
      const contents = read(der.integer(value), (r) => r.integerBytes());
      assert.equal(
        BigInt(`0x0${Buffer.from(contents).toString('hex')}`),
        BigInt(`0x0${Buffer.from(value).toString('hex')}`),
      );
      assert.ok((contents[0] as number) < 0x80);
    }),
  );
});

test('object identifiers come back', () => {
  const arc = fc.oneof(fc.bigInt({ min: 0n, max: 200n }), fc.bigInt({ min: 0n, max: 2n ** 128n }));
  const dotted = fc
    .tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 39 }), fc.array(arc, { maxLength: 3 }))
    .map((parts) => parts.flat().join('.'));
  fc.assert(
    fc.property(dotted, (oid) =>
      assert.equal(
        read(der.oid(oid), (r) => r.oid()),
        oid,
      ),
    ),
  );
  for (const wrong of ['', '1', '3.1', '1.40', '1.02', '1.2.', '.1', '1.-2', 'a.b']) {
    assert.throws(() => der.oid(wrong), RangeError, wrong);
  }
});

test('named bits come back without their trailing zeros', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 9, maxLength: 9 }), (bits) => {
      const encoded = der.namedBits(bits);
      assert.deepEqual(
        read(encoded, (r) => r.namedBits(9)),
        bits,
      );
      assert.equal(encoded.length, 3 + Math.ceil((bits.lastIndexOf(true) + 1) / 8));
    }),
  );
});

test('a SET OF is written in order, however it was given', () => {
  fc.assert(
    fc.property(fc.array(bytes(40), { maxLength: 8 }), (items) => {
      const found = read(der.setOf(...items.map((item) => der.octetString(item))), (r) =>
        r.setOf((s) => s.octetString()),
      );
      assert.equal(found.length, items.length);
    }),
  );
});

test('times from the year 0 to 9999 come back to the second, and agree with Date', () => {
  const moment = fc.integer({ min: Date.UTC(0, 0, 1) / 1000, max: Date.UTC(9999, 11, 31, 23, 59, 59) / 1000 });
  fc.assert(
    fc.property(moment, (seconds) => {
      const date = new Date(seconds * 1000);
      assert.equal(formatTime(seconds * 1000), date.toISOString().replace('.000Z', 'Z'));
      assert.equal(civilTime(seconds * 1000 + 999).second, date.getUTCSeconds());
      assert.equal(
        read(der.time(seconds * 1000), (r) => r.time()),
        seconds * 1000,
      );
      assert.equal(
        read(der.generalizedTime(seconds * 1000), (r) => r.generalizedTime()),
        seconds * 1000,
      );
    }),
  );
  assert.equal(der.time(Date.UTC(2049, 11, 31))[0], 0x17);
  assert.equal(der.time(Date.UTC(2050, 0, 1))[0], 0x18);
  assert.equal(der.time(Date.UTC(1949, 11, 31))[0], 0x18);
  for (const wrong of [NaN, Infinity, Date.UTC(10_000, 0, 1), Date.UTC(-1, 0, 1)])
    assert.throws(() => der.time(wrong), RangeError);
});

test('what has no encoding is a RangeError', () => {
  assert.throws(() => der.printableString('a@b'), RangeError);
  assert.throws(() => der.ia5String('ä'), RangeError);
  assert.throws(() => der.element(0x1f), RangeError);
  assert.throws(() => der.element(256), RangeError);
});

test('any element can be put under another tag', () => {
  for (const length of [0, 127, 128, 300, 70_000]) {
    const moved = der.retagged(0x80, der.octetString(new Uint8Array(length).fill(7)));
    assert.deepEqual(
      read(moved, (r) => r.octetString(0x80)),
      new Uint8Array(length).fill(7),
    );
  }
});

test('whatever the bytes are, the reader ends with a value or its one failure', () => {
  const walk = (reader: DerReader): void => {
    while (!reader.atEnd) {
      const element = reader.any();
      if ((element.tag & 0x20) !== 0) walk(reader.insideOf(element));
    }
  };
  fc.assert(
    fc.property(bytes(200), (input) => {
      try {
        walk(new DerReader(input, 'RFC 0 §1'));
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'ERR_BOWLINE_PROTOCOL');
      }
    }),
    { numRuns: 500 },
  );
});

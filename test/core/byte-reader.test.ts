import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ByteReader, ProtocolError } from 'bowline/core';

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);
const reader = (...values: number[]): ByteReader => new ByteReader(bytes(...values), 'RFC 0 §1');

const shortReads: [string, number, (r: ByteReader) => unknown][] = [
  ['u8', 0, (r) => r.u8()],
  ['u16', 1, (r) => r.u16()],
  ['u24', 2, (r) => r.u24()],
  ['u32', 3, (r) => r.u32()],
  ['u48', 5, (r) => r.u48()],
  ['u64', 7, (r) => r.u64()],
  ['bytes', 3, (r) => r.bytes(4)],
  ['skip', 3, (r) => r.skip(4)],
  ['reader', 3, (r) => r.reader(4)],
  ['bytes of a negative length', 3, (r) => r.bytes(-1)],
  ['bytes of a fractional length', 3, (r) => r.bytes(1.5)],
  ['bytes of no length', 3, (r) => r.bytes(NaN)],
  ['vector', 3, (r) => r.vector(1)],
  ['vectorReader', 3, (r) => r.vectorReader(2)],
  ['items', 3, (r) => r.items(1, (item) => item.u8())],
  ['expectEnd', 3, (r) => r.expectEnd()],
  ['fail', 3, (r) => r.fail('a reason')],
];

for (const [name, length, read] of shortReads) {
  test(`${name}: too few bytes are the reader's one failure`, () => {
    const input = new Uint8Array(length).fill(0xff);
    assert.throws(
      () => read(new ByteReader(input, 'RFC 0 §1')),
      (error) => error instanceof ProtocolError && error.rule === 'RFC 0 §1',
    );
    const own = new Error('own');
    assert.throws(
      () => read(new ByteReader(input, () => own)),
      (error) => error === own,
    );
  });
}

test('a failed read moves nothing', () => {
  const r = reader(1, 2, 3);
  r.u8();
  assert.throws(() => r.u32(), /4 bytes wanted at offset 1, but 2 are left/);
  assert.equal(r.position, 1);
  assert.equal(r.u16(), 0x0203);
});

test('a nested reader cannot read past its part, and names offsets of the whole input', () => {
  const r = reader(0, 2, 0xaa, 0xbb, 0xcc);
  r.u8();
  const inner = r.vectorReader(1);
  assert.equal(inner.remaining, 2);
  assert.equal(inner.u8(), 0xaa);
  assert.throws(() => inner.u16(), /at offset 3, but 1 are left/);
  assert.equal(inner.u8(), 0xbb);
  inner.expectEnd();
  assert.equal(r.u8(), 0xcc);
});

test('a vector outside its bounds is refused', () => {
  assert.throws(() => reader(1, 9).vector(1, 2), /a vector of 1 bytes at offset 1, where 2 to Infinity/);
  assert.throws(() => reader(3, 9, 9, 9).vector(1, 0, 2), ProtocolError);
  assert.equal(reader(2, 9, 9).vector(1, 2, 2).length, 2);
});

test('items end exactly at the end of their vector, and an item that reads nothing ends the parse', () => {
  assert.deepEqual(
    reader(0, 4, 0, 1, 0, 2, 7).items(2, (r) => r.u16()),
    [1, 2],
  );
  assert.throws(() => reader(3, 0, 1, 0).items(1, (r) => r.u16()), ProtocolError);
  assert.throws(() => reader(1, 0).items(1, () => 0), /an item of no bytes/);
});

test('numbers are big-endian and exact', () => {
  const r = reader(
    0xff,
    0xff,
    0xfe,
    0xff,
    0xff,
    0xfd,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xfc,
    0x80,
    0,
    0,
    0,
    0,
    0,
    0,
    1,
  );
  assert.equal(r.u8(), 0xff);
  assert.equal(r.u16(), 0xfffe);
  assert.equal(r.u24(), 0xfffffd);
  assert.equal(r.u32(), 0xffffffff);
  assert.equal(r.u48(), 0xffff_ffff_fffc);
  assert.equal(r.u64(), 0x8000_0000_0000_0001n);
  assert.equal(r.remaining, 0);
});

test('bytes, vectors and the rest are views; peeking moves nothing', () => {
  const input = bytes(7, 1, 2, 3);
  const r = new ByteReader(input.subarray(1), 'rule');
  assert.equal(r.peekU8(), 1);
  const view = r.bytes(1);
  assert.equal(view.buffer, input.buffer);
  assert.deepEqual([...r.rest()], [2, 3]);
  assert.equal(r.peekU8(), undefined);
  assert.deepEqual([...r.rest()], []);
  r.expectEnd();
});

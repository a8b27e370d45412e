import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ByteReader, ByteWriter, MisuseError } from 'bowline/core';

test('a value that does not fit its field is a RangeError and writes nothing', () => {
  const w = new ByteWriter();
  for (const write of [
    () => w.u8(256),
    () => w.u8(-1),
    () => w.u8(0.5),
    () => w.u8(NaN),
    () => w.u16(0x1_0000),
    () => w.u24(0x100_0000),
    () => w.u32(0x1_0000_0000),
    () => w.u48(0x1_0000_0000_0000),
    () => w.u64(0x1_0000_0000_0000_0000n),
    () => w.u64(-1n),
    () => w.zeros(-1),
    () => w.vector(1, new Uint8Array(256)),
    () => w.block(1, () => w.zeros(256)),
  ]) {
    assert.throws(write, RangeError);
    assert.equal(w.length, 0);
  }
  assert.throws(() => new ByteWriter(0), RangeError);
});

test('a block whose contents fail is taken back, and so are the blocks around it', () => {
  const w = new ByteWriter(1).u8(1);
  assert.throws(
    () =>
      w.block(2, () => {
        w.u8(2).block(1, () => {
          w.u8(3);
          throw new Error('no');
        });
      }),
    /no/,
  );
  assert.deepEqual([...w.take()], [1]);
});

test('take inside a block is a MisuseError', () => {
  const w = new ByteWriter();
  assert.throws(() => w.block(1, () => w.take()), MisuseError);
  assert.deepEqual([...w.block(1, () => w.u8(9)).take()], [1, 9]);
});

test('blocks nest and their lengths are patched in place, over any number of growths', () => {
  const w = new ByteWriter(1);
  w.block(3, () => w.block(2, () => w.zeros(300)).u8(7));
  const taken = w.take();
  assert.deepEqual([...taken.subarray(0, 5)], [0, 1, 47, 1, 44]);
  assert.equal(taken.length, 306);
  assert.equal(taken[305], 7);
});

test('what was taken is its own memory, and the writer starts again', () => {
  const w = new ByteWriter(4).u32(0xffffffff);
  const first = w.take();
  assert.equal(first.buffer.byteLength, 4);
  assert.equal(w.length, 0);
  w.zeros(4);
  assert.deepEqual([...first], [255, 255, 255, 255]);
  assert.deepEqual([...w.take()], [0, 0, 0, 0]);
});

test('a reader reads back what a writer wrote', () => {
  const w = new ByteWriter(2);
  w.u8(0xff)
    .u16(0xfffe)
    .u24(0xfffffd)
    .u32(0xfffffffc)
    .u48(0xffff_ffff_fffb)
    .u64(0xffff_ffff_ffff_fffan)
    .vector(4, new Uint8Array([1, 2]))
    .bytes(new Uint8Array([3]));
  const r = new ByteReader(w.take(), 'rule');
  assert.equal(r.u8(), 0xff);
  assert.equal(r.u16(), 0xfffe);
  assert.equal(r.u24(), 0xfffffd);
  assert.equal(r.u32(), 0xfffffffc);
  assert.equal(r.u48(), 0xffff_ffff_fffb);
  assert.equal(r.u64(), 0xffff_ffff_ffff_fffan);
  assert.deepEqual([...r.vector(4)], [1, 2]);
  assert.deepEqual([...r.rest()], [3]);
});

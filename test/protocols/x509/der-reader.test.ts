import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ProtocolError } from 'bowline/core';
import { DerReader } from '#src/protocols/x509/der-reader.js';

const reader = (text: string): DerReader =>
  new DerReader(new Uint8Array(Buffer.from(text.replace(/ /g, ''), 'hex')), 'RFC 0 §1');

const refused: [string, string, (r: DerReader) => unknown][] = [
  ['nothing at all', '', (r) => r.any()],
  ['an identifier alone', '30', (r) => r.any()],
  ['a length past the end', '0402 00', (r) => r.any()],
  ['a length of 4 GiB', '0484ffffffff', (r) => r.any()],
  ['a length of five octets', '04850000000001 00', (r) => r.any()],
  ['an indefinite length', '3080 0000', (r) => r.any()],
  ['the reserved length FF', '04ff', (r) => r.any()],
  ['a short length in the long form', '0481 01 00', (r) => r.any()],
  ['a length with a leading zero', `048200 80${'00'.repeat(128)}`, (r) => r.any()],
  ['a tag number above 30', '1f2000', (r) => r.any()],
  ['another tag', '0400', (r) => r.sequence()],
  ['the end where an element should be', '', (r) => r.element(0x30)],
  ['an INTEGER of no octets', '0200', (r) => r.integerBytes()],
  ['an INTEGER padded with 00', '0202 007f', (r) => r.integerBytes()],
  ['an INTEGER padded with FF', '0202 ff80', (r) => r.integerBytes()],
  ['a negative number', '0201 ff', (r) => r.smallInteger(10)],
  ['a number above the maximum', '0201 0b', (r) => r.smallInteger(10)],
  ['a number of five octets', '0205 0100000000', (r) => r.smallInteger(2 ** 31 - 1)],
  ['a BOOLEAN of 01', '0101 01', (r) => r.boolean()],
  ['a BOOLEAN of two octets', '0102 ffff', (r) => r.boolean()],
  ['a BOOLEAN of no octets', '0100', (r) => r.boolean()],
  ['a default FALSE that is written out', '0101 00', (r) => r.booleanDefaultFalse()],
  ['a NULL with contents', '0501 00', (r) => r.null()],
  ['an OID of no octets', '0600', (r) => r.oid()],
  ['an OID that ends inside an arc', '0602 2a86', (r) => r.oid()],
  ['an OID arc with padding', '0603 2a8001', (r) => r.oid()],
  ['an OID of 65 octets', `0641${'01'.repeat(65)}`, (r) => r.oid()],
  ['a BIT STRING of no octets', '0300', (r) => r.bitString()],
  ['a BIT STRING with 8 unused bits', '0302 0800', (r) => r.bitString()],
  ['an empty BIT STRING with unused bits', '0301 01', (r) => r.bitString()],
  ['unused bits that are set', '0302 0101', (r) => r.bitString()],
  ['a key of seven bits', '0302 0100', (r) => r.bitStringOctets()],
  ['a named bit without a name', '0303 07 0080', (r) => r.namedBits(8)],
  ['a thousand named bits', `0381 81 00 ${'00'.repeat(128)}`, (r) => r.namedBits(9)],
  ['an IA5String above ASCII', '1601 80', (r) => r.ia5String()],
  ['an IA5String of 5 KB', `16821388${'61'.repeat(5000)}`, (r) => r.ia5String()],
  ['a SET OF out of order', '3106 020102 020101', (r) => r.setOf((s) => s.integerBytes())],
  ['an empty list where one item is wanted', '3000', (r) => r.sequence().items((s) => s.any(), 1)],
  ['an item that reads nothing', '0500', (r) => r.items(() => 0)],
  ['what follows the last element', '0500', (r) => r.expectEnd()],
  ['a time without seconds', `170b${Buffer.from('2601010000Z').toString('hex')}`, (r) => r.time()],
  ['a time of another zone', `1711${Buffer.from('260101000000+0100').toString('hex')}`, (r) => r.time()],
  ['a GeneralizedTime with a fraction', `1811${Buffer.from('20260101000000.5Z').toString('hex')}`, (r) => r.time()],
  ['31 February', `170d${Buffer.from('260231000000Z').toString('hex')}`, (r) => r.time()],
  ['29 February 2100', `180f${Buffer.from('21000229000000Z').toString('hex')}`, (r) => r.time()],
  ['the hour 24', `170d${Buffer.from('260101240000Z').toString('hex')}`, (r) => r.time()],
  ['the second 60', `170d${Buffer.from('260101000060Z').toString('hex')}`, (r) => r.time()],
  ['the month 0', `170d${Buffer.from('260001000000Z').toString('hex')}`, (r) => r.time()],
  ['letters in a time', `170d${Buffer.from('26010100000xZ').toString('hex')}`, (r) => r.time()],
  ['a text where a time should be', '0c00', (r) => r.time()],
  [
    'a UTCTime where a GeneralizedTime should be',
    `170d${Buffer.from('260101000000Z').toString('hex')}`,
    (r) => r.generalizedTime(),
  ],
];

for (const [name, input, read] of refused) {
  test(`${name} is a ProtocolError that cites the rule`, () => {
    assert.throws(
      () => read(reader(input)),
      (error) => error instanceof ProtocolError && error.rule === 'RFC 0 §1' && /at offset \d+/.test(error.message),
    );
  });
}

test('nesting ends at a depth that no certificate has, not with the stack', () => {
  let bytes = new Uint8Array([0x30, 0x00]);
  for (let i = 0; i < 40; i++) bytes = new Uint8Array([0x30, bytes.length, ...bytes]);
  const descend = (r: DerReader): number => (r.atEnd ? 0 : 1 + descend(r.sequence()));
  assert.throws(() => descend(new DerReader(bytes, 'RFC 0 §1')), /nested deeper/);
});

test('offsets count from the start of the outermost input', () => {
  const outer = reader('3006 3004 0500 0101');
  const inner = outer.sequence().sequence();
  inner.null();
  assert.throws(() => inner.boolean(), /past the end \(at offset 8\)/);
});

test('values are what was written', () => {
  assert.deepEqual([...reader('0202 0080').integerBytes()], [0x00, 0x80]);
  assert.equal(reader('0204 7fffffff').smallInteger(2 ** 31 - 1), 2 ** 31 - 1);
  assert.equal(reader('0101 ff').boolean(), true);
  assert.equal(reader('').booleanDefaultFalse(), false);
  assert.equal(reader('0609 2a864886f70d01010b').oid(), '1.2.840.113549.1.1.11');
  assert.equal(reader('0603 883703').oid(), '2.999.3');
  assert.deepEqual(reader('0302 0106').namedBits(9), [false, false, false, false, false, true, true, false, false]);
  assert.deepEqual(reader('0302 0006').namedBits(9), [false, false, false, false, false, true, true, false, false]);
  assert.equal(reader('16 03 612d62').ia5String(), 'a-b');
  assert.deepEqual(
    reader('3106 020101 020102').setOf((s) => s.smallInteger(9)),
    [1, 2],
  );
  assert.equal(
    reader(`170d${Buffer.from('491231235959Z').toString('hex')}`).time(),
    Date.UTC(2049, 11, 31, 23, 59, 59),
  );
  assert.equal(reader(`170d${Buffer.from('500101000000Z').toString('hex')}`).time(), Date.UTC(1950, 0, 1));
  assert.equal(reader(`180f${Buffer.from('20000229120000Z').toString('hex')}`).time(), Date.UTC(2000, 1, 29, 12));
});

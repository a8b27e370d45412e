import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formatBytes, formatDuration, parseCount, parseDuration, parseSize } from '#src/cli/quantities.js';
import { UsageError } from '#src/cli/usage-error.js';

test('a duration without a unit is refused, and the message offers both readings', () => {
  assert.throws(() => parseDuration('30', '--drain'), {
    name: 'UsageError',
    message: '--drain 30: say the unit, 30s or 30ms',
  });
});

test('what is not a duration is refused', () => {
  for (const text of ['', '-1s', 's', '1 s', '1d', '1e3s', 'Infinity', '0x10ms', '25d', '600h', '1.s', '1s1s']) {
    assert.throws(() => parseDuration(text, '--drain'), UsageError, text);
  }
});

test('durations of every unit', () => {
  const cases: [string, number][] = [
    ['0', 0],
    ['0s', 0],
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['2min', 120_000],
    ['2h', 7_200_000],
    ['0.5ms', 1],
  ];
  for (const [text, ms] of cases) assert.equal(parseDuration(text, 'x'), ms, text);
});

test('what is not a whole number of bytes is refused', () => {
  for (const text of ['', '-1', '1.5', '1 TB', 'ten', '1e9', '0x10', '99999999999999999999', '1.0001kB']) {
    assert.throws(() => parseSize(text, '--source'), UsageError, text);
  }
});

test('sizes of both families of units', () => {
  const cases: [string, number][] = [
    ['0', 0],
    ['4096', 4096],
    ['64KiB', 65_536],
    ['64kb', 64_000],
    ['1.5MB', 1_500_000],
    ['1 GiB', 2 ** 30],
  ];
  for (const [text, bytes] of cases) assert.equal(parseSize(text, 'x'), bytes, text);
});

test('a count outside of its range is refused, and the message says the range', () => {
  for (const text of ['0', '5', '-1', '1.5', '', 'x', '1e0']) {
    assert.throws(() => parseCount(text, '--workers', { min: 1, max: 4 }), {
      message: `--workers takes a whole number from 1 to 4, not '${text}'`,
    });
  }
  assert.equal(parseCount('4', '--workers', { min: 1, max: 4 }), 4);
});

test('bytes are shown in at most eight characters, without a jump to four digits', () => {
  const cases: [number, string][] = [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [999_949, '999.9 kB'],
    [999_950, '1.0 MB'],
    [67_108_864, '67.1 MB'],
    [1e12, '1.0 TB'],
  ];
  for (const [bytes, text] of cases) {
    assert.equal(formatBytes(bytes), text);
    assert.ok(text.length <= 8);
  }
});

test('durations are shown with the two units that matter', () => {
  const cases: [number, string][] = [
    [0, '0 ms'],
    [999, '999 ms'],
    [12_345, '12.3 s'],
    [59_940, '59.9 s'],
    [59_960, '1m00s'],
    [125_000, '2m05s'],
    [3_599_999, '1h00m'],
    [11_220_000, '3h07m'],
  ];
  for (const [ms, text] of cases) assert.equal(formatDuration(ms), text);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { escapeText, quoteText } from 'bowline/core';

test('control, direction and line characters never get through', () => {
  const hostile = '\0\n\r\t\u001b\u007f\u0085\u009b\u00a0\u200b\u202e\u2028\u2066\ufeff\ud800';
  assert.match(quoteText(hostile), /^"(?:\\u\{[0-9a-f]+\})+"$/);
});

test('quotes and backslashes are escaped, so that the end of the quotation is certain', () => {
  assert.equal(quoteText('a"b\\'), '"a\\"b\\\\"');
  assert.equal(escapeText('a"b\\'), 'a"b\\');
});

test('letters and printable ASCII stay, and length is bounded in characters', () => {
  assert.equal(quoteText('bücher/日本 ~'), '"bücher/日本 ~"');
  assert.equal(quoteText('x'.repeat(81)), `"${'x'.repeat(80)}…"`);
  assert.equal(escapeText('😀'.repeat(3), 2), '\\u{1f600}\\u{1f600}…');
  assert.equal(escapeText('abc', 3), 'abc');
});

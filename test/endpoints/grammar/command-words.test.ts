import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

import fc from 'fast-check';

import { AddressError } from 'bowline/core';
import { indexOutsideQuotes, joinCommand, splitCommand } from '#src/endpoints/grammar/command-words.js';

test('what a shell would ask to complete is refused', () => {
  for (const text of [`a 'b`, `a "b`, `a "b\\"`, 'a \\', '\\', `'a"`, 'a\0b', `'a\0b'`, 'a\\\0b']) {
    assert.throws(() => splitCommand(text), AddressError, JSON.stringify(text));
  }
});

test('words are cut at blanks outside of quotes', () => {
  const cases: [string, string[]][] = [
    ['', []],
    ['  ', []],
    ['cat', ['cat']],
    [' cat \t-n\n', ['cat', '-n']],
    [`sh -c 'exit 3'`, ['sh', '-c', 'exit 3']],
    [`a'b c'"d e"f`, ['ab cd ef']],
    [`'' ""`, ['', '']],
    [`"a\\"b\\\\c\\d"`, ['a"b\\c\\d']],
    [`'a\\b'`, ['a\\b']],
    ['a\\ b\\\\\\"', ['a b\\"']],
  ];
  for (const [text, words] of cases) assert.deepEqual(splitCommand(text), words, text);
});

test('nothing is expanded', () => {
  assert.deepEqual(splitCommand('echo $HOME * | > & ; `x` ~ #c {a,b} !'), [
    'echo',
    '$HOME',
    '*',
    '|',
    '>',
    '&',
    ';',
    '`x`',
    '~',
    '#c',
    '{a,b}',
    '!',
  ]);
});

const word = fc
  .string({
    unit: fc.oneof(fc.constantFrom(...' \'"\\?&$*ab\t\n'), fc.string({ minLength: 1, maxLength: 1 })),
  })
  .filter((text) => !text.includes('\0'));

test('words survive joining and splitting', () => {
  fc.assert(fc.property(fc.array(word), (words) => assert.deepEqual(splitCommand(joinCommand(words)), words)));
});

test('a joined command holds no mark outside of quotes', () => {
  fc.assert(fc.property(fc.array(word), (words) => assert.equal(indexOutsideQuotes(joinCommand(words), '?'), -1)));
  assert.equal(indexOutsideQuotes(`a '?' "?\\"?" \\? b?c`, '?'), 17);
});

test('a POSIX shell reads a joined command the same way', { skip: process.platform === 'win32' && 'needs sh' }, () => {
  const words = fc.sample(fc.array(word, { maxLength: 5 }), { numRuns: 100, seed: 1 });
  const script = words.map((line) => `printf '%s\\0' ${joinCommand(line.map((w) => `x${w}`))} end`).join('\n');
  const { stdout, status } = spawnSync('sh', ['-c', script], { encoding: 'utf8', timeout: 10_000 });
  assert.equal(status, 0);
  assert.deepEqual(
    stdout.split('\0').slice(0, -1),
    words.flatMap((line) => [...line.map((w) => `x${w}`), 'end']),
  );
});

test('whatever the text, splitting throws nothing but AddressError', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.oneof(fc.constantFrom(...` '"\\`), fc.string({ unit: 'binary', maxLength: 1 })) }),
      (text) => {
        try {
          assert.ok(splitCommand(text).every((w) => typeof w === 'string'));
        } catch (error) {
          assert.ok(error instanceof AddressError);
        }
      },
    ),
  );
});

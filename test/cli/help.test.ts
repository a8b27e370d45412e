import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseArguments } from '#src/cli/arguments.js';
import { commandTable } from '#src/cli/command-table.js';
import { helpOf, overview } from '#src/cli/help.js';

/** The words of a shell command as simple as those of the examples. */
function shellWords(line: string): string[] {
  return [...line.matchAll(/(?:[^\s']|'[^']*')+/g)].map(([word]) => word.replaceAll("'", ''));
}

test('no line of the help is wider than 100 columns or ends in a space', () => {
  for (const text of [overview(), ...commandTable.map(({ name }) => helpOf(name))]) {
    for (const line of text.split('\n')) {
      assert.ok(line.length <= 100, `${line.length} columns: ${line}`);
      assert.doesNotMatch(line, /\s$/);
    }
  }
});

test('the help of a command names all its options, and all its examples are command lines that it takes', () => {
  for (const { name, options, examples } of commandTable) {
    const text = helpOf(name);
    for (const option of options) assert.ok(text.includes(`--${option.name}`), option.name);
    assert.ok(examples.length > 0);
    for (const [line] of examples) {
      assert.ok(text.includes(line));
      const command = /bowline ([^<]*)/.exec(line.replace(/^ssh .*'(bowline [^']*)'.*$/, '$1'))?.[1] ?? '';
      assert.equal(parseArguments(shellWords(command)).name, name, line);
    }
  }
});

test('the overview names every command, every scheme and every exit status', () => {
  const text = overview();
  for (const { name } of commandTable) assert.match(text, new RegExp(`^ {2}${name} `, 'm'));
  for (const scheme of ['tcp:', 'tls:', 'unix:', 'exec:', 'stdio:']) assert.ok(text.includes(`  ${scheme}`), scheme);
  for (const status of ['0', '1', '2', '130', '143']) assert.match(text, new RegExp(`\\b${status}\\b`));
});

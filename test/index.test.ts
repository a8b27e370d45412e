import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import * as paved from 'bowline';

const { exports: subpaths } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  exports: Record<string, unknown>;
};

test('every name of the paved path is the same thing in a subpath', async () => {
  const homes = Object.keys(subpaths).filter((subpath) => !['.', './package.json'].includes(subpath));
  const modules = await Promise.all(
    homes.map(async (subpath) => (await import(subpath.replace('.', 'bowline'))) as Record<string, unknown>),
  );
  for (const [name, value] of Object.entries(paved)) {
    const having = modules.filter((module) => module[name] === value);
    assert.equal(having.length, 1, `${name} is exported by ${having.length} subpaths`);
  }
});

test('the paved path stays short', () => {
  const names = Object.keys(paved).length;
  assert.ok(names <= 64, `${names} names: which of them does not everybody need?`);
});

/**
 * The behaviour contract has numbered cases; each is the start of the name of a test, or docs/differences.md says why not.
 *
 * Read on the AST from strings that start with an id, so that an id in a comment does not count.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import ts from 'typescript';

const root = new URL('../../', import.meta.url);

/** How many cases each family has. */
const families = {
  CORE: 32,
  CHAN: 13,
  CONN: 5,
  SOCK: 8,
  LIST: 5,
  OTL: 10,
  HE: 21,
  SERVE: 5,
  HLP: 5,
  STAPLE: 4,
  MEM: 8,
  TLS: 29,
  NET: 6,
  DTLS: 28,
};

/** The ids in a text: `HE-7`, and `CHAN-8/9` or `HE-1 to 4` stand for several. */
function idsIn(text: string): string[] {
  const found: string[] = [];
  for (const match of text.matchAll(/\b([A-Z]{2,6})-(\d+)(?:\s*(\/|to|–|\.\.)\s*(?:\1-)?(\d+)\b)?/g)) {
    const [, family = '', from = '', how, until] = match;
    if (until === undefined) found.push(`${family}-${from}`);
    else if (how === '/') found.push(`${family}-${from}`, `${family}-${until}`);
    else for (let n = Number(from); n <= Number(until); n++) found.push(`${family}-${n}`);
  }
  return found;
}

/** The strings that start with an id: titles, and the tables that titles are made from. Comments are not strings. */
function caseNamesIn(path: string, text: string): string[] {
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    const isText = ts.isStringLiteralLike(node) || ts.isTemplateHead(node);
    if (isText && /^[A-Z]+-\d/.test(node.text)) names.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
  return names;
}

test('every numbered case of the contract is a test, or a difference with its reason', () => {
  const present = new Set<string>();
  const tests = new URL('test/', root);
  for (const path of readdirSync(tests, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.test.ts') || path === 'contract-cases.test.ts') continue;
    for (const name of caseNamesIn(path, readFileSync(new URL(path, tests), 'utf8'))) {
      for (const id of idsIn(name)) present.add(id);
    }
  }
  const differences = new URL('docs/differences.md', root);
  if (existsSync(differences)) for (const id of idsIn(readFileSync(differences, 'utf8'))) present.add(id);

  const missing = Object.entries(families).flatMap(([family, count]) =>
    Array.from({ length: count }, (_, i) => `${family}-${i + 1}`).filter((id) => !present.has(id)),
  );
  assert.deepEqual(missing, []);
});

test('ids are read from the names of cases only, ranges and pairs included', () => {
  assert.deepEqual(idsIn('HE-7 x, CHAN-8/9 y; OTL-1 to 3, MEM-2..3'), [
    'HE-7',
    'CHAN-8',
    'CHAN-9',
    'OTL-1',
    'OTL-2',
    'OTL-3',
    'MEM-2',
    'MEM-3',
  ]);
  const text =
    '// HE-1\ntest("HE-2 a", () => {}); test(`HE-3 ${x}`, () => {}); const t = [["HE-4", f]]; f("see HE-5");';
  assert.deepEqual(caseNamesIn('x.ts', text).flatMap(idsIn), ['HE-2', 'HE-3', 'HE-4']);
});

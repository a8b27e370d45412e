import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { sep } from 'node:path';
import { test } from 'node:test';

import { layers } from './architecture/layers.js';
import { layerOf, valueCycles, violations } from './architecture/rules.js';
import type { Source } from './architecture/rules.js';

const root = new URL('../../', import.meta.url);

function sourcesOfTree(): Source[] {
  const src = new URL('src/', root);
  return readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => path.split(sep).join('/'))
    .map((path) => ({ path, text: readFileSync(new URL(path, src), 'utf8') }));
}

/** Violations in one synthetic file, without their position. */
function verdict(path: string, text: string): string[] {
  return violations([{ path, text }], layers).map((line) => line.replace(/^\S+ /, ''));
}

test('the sources keep to the layer picture, and no values are imported in a circle', () => {
  const sources = sourcesOfTree();
  assert.ok(sources.some(({ path }) => path === 'core/stream.ts'));
  assert.deepEqual(violations(sources, layers), []);
});

test('the table has no arrow upwards, and siblings only where the picture says so', () => {
  const siblings: string[] = [];
  for (const [name, layer] of Object.entries(layers)) {
    for (const other of layer.imports) {
      const target = layers[other] ?? layers[other.split('/')[0] ?? ''];
      assert.ok(target !== undefined, `${name} imports ${other}, which is not in the table`);
      assert.ok(target.level <= layer.level, `${name} imports ${other}, which is above it`);
      if (target.level === layer.level && name !== 'index.ts') siblings.push(`${name} -> ${other}`);
    }
  }
  assert.deepEqual(siblings.sort(), [
    'dtls -> sockets',
    'dtls -> trust',
    'http -> adapters',
    'http -> proxies',
    'observe -> platform',
    'protocols/dtls -> protocols/x509',
    'sockets -> streams',
    'tasks -> observe',
    'tasks -> platform',
    'tls -> sockets',
    'tls -> streams',
    'tls -> trust',
  ]);
  for (const [name, layer] of Object.entries(layers)) {
    assert.ok(!layer.imports.includes('testing'), `${name} imports testing`);
  }
});

test('an arrow that is not in the table is rejected, however the import is written', () => {
  const written = [
    `import { openNursery } from '../tasks/index.ts';`,
    `import type { Nursery } from '../tasks/nursery.ts';`,
    `export * from '../tasks/index.ts';`,
    `export type { Nursery } from '../tasks/index.ts';`,
    `export const tasks = import('../tasks/index.ts');`,
    `export type N = import('../tasks/nursery.ts').Nursery;`,
    `import tasks = require('../tasks/index.ts'); export { tasks };`,
    `import '../tasks/index.ts';`,
  ];
  for (const text of written) assert.deepEqual(verdict('core/x.ts', text), ['core may not import tasks'], text);
});

test('every folder of the table rejects what its row does not list', () => {
  for (const [name, layer] of Object.entries(layers)) {
    if (name === 'index.ts') continue;
    const up = '../'.repeat(name.split('/').length);
    for (const other of Object.keys(layers)) {
      if (other === 'index.ts' || other === name || other === 'protocols') continue;
      const allowed = layer.imports.includes(other) || layer.imports.includes(other.split('/')[0] ?? '');
      const own = name === 'protocols' ? 'protocols/http1' : name;
      const path = name === 'protocols' ? 'protocols/http1/x.ts' : `${name}/x.ts`;
      const prefix = name === 'protocols' ? '../../' : up;
      assert.deepEqual(
        verdict(path, `import '${prefix}${other}/y.ts';`),
        allowed ? [] : [`${own} may not import ${other}`],
        `${name} -> ${other}`,
      );
    }
  }
});

test('protocols do not see each other, but dtls sees x509', () => {
  assert.deepEqual(verdict('protocols/dtls/record/header.ts', `import '../../x509/name.ts';`), []);
  assert.deepEqual(verdict('protocols/x509/name.ts', `import '../dtls/alert.ts';`), [
    'protocols/x509 may not import protocols/dtls',
  ]);
  assert.deepEqual(verdict('protocols/socks/request.ts', `import '../http1/head.ts';`), [
    'protocols/socks may not import protocols/http1',
  ]);
});

test('specifiers are relative with .ts, or node:, and stay inside src', () => {
  assert.deepEqual(verdict('sockets/x.ts', `import net from 'net';`), [
    `'net' is neither relative nor node: (there are no runtime dependencies)`,
  ]);
  assert.deepEqual(verdict('sockets/x.ts', `import 'bowline/tasks';`), [
    `'bowline/tasks' is neither relative nor node: (there are no runtime dependencies)`,
  ]);
  assert.deepEqual(verdict('sockets/x.ts', `import '../core/errors.js';`), [`'../core/errors.js' does not end in .ts`]);
  assert.deepEqual(verdict('sockets/x.ts', `import '../../test/x.ts';`), [`'../../test/x.ts' leaves src`]);
  assert.deepEqual(verdict('utils/x.ts', ''), ['is in no layer of the table']);
  assert.deepEqual(verdict('stray.ts', ''), ['is in no layer of the table']);
});

test('node: modules are rejected outside the folders that may have them', () => {
  for (const folder of ['core', 'framing', 'protocols/socks', 'streams', 'callbacks', 'endpoints']) {
    assert.deepEqual(verdict(`${folder}/x.ts`, `import type net from 'node:net';`), [
      `${folder} may not import node:net`,
    ]);
  }
  assert.deepEqual(verdict('sockets/x.ts', `import net from 'node:net';`), []);
  assert.deepEqual(verdict('tasks/x.ts', `import { AsyncLocalStorage } from 'node:async_hooks';`), []);
  assert.deepEqual(verdict('tasks/x.ts', `import net from 'node:net';`), ['tasks may not import node:net']);
});

test('Node globals are rejected in clean folders, and names of their own are not', () => {
  for (const text of [
    'export const x = process.pid;',
    'export const x = { process };',
    'export function f(b: Buffer): void {}',
    'export type T = NodeJS.Timeout;',
    'setTimeout(() => {}, 1);',
    'export const x = globalThis.process;',
    `export const x = globalThis['process'];`,
    'export const f = () => { { const process = 1; } return process; };',
    `/// <reference types="node" />`,
  ]) {
    for (const folder of ['core', 'framing', 'protocols/socks', 'streams', 'callbacks']) {
      assert.equal(verdict(`${folder}/x.ts`, text).length, 1, `${folder}: ${text}`);
    }
    assert.deepEqual(verdict('sockets/x.ts', text), [], text);
  }
  for (const text of [
    'export const f = (process: number) => process;',
    'export const x = (y: { process: number }) => y.process;',
    'export interface T { setTimeout(ms: number): void; readonly module: string }',
    'export const x = { require: true };',
    `import { process } from './process.ts'; export const x = process;`,
    'export const f = ({ module: m }: { module: string }) => m;',
    'for (const process of [1, 2]) { [process].length; }',
  ]) {
    assert.deepEqual(verdict('streams/x.ts', text), [], text);
  }
});

test('promises, clocks and randomness are rejected in protocol cores and codecs', () => {
  for (const text of [
    'export type T = Promise<void>;',
    'export const f = async () => 1;',
    'export class C { async m() {} }',
    'export const x = new Date();',
    'export const x = Date.now();',
    'export const x = Math.random();',
    `export const x = Math['random']();`,
    'export const x = performance.now();',
    'export const x = globalThis.Date;',
    'export const x = crypto.getRandomValues(new Uint8Array(1));',
    'queueMicrotask(() => {});',
    'setTimeout(() => {}, 1);',
  ]) {
    assert.equal(verdict('framing/x.ts', text).length, 1, text);
    assert.equal(verdict('protocols/http1/x.ts', text).length, 1, text);
  }
  assert.deepEqual(verdict('framing/x.ts', 'export const x = Math.max(1, 2); export const d = { Date: 1 };'), []);
  assert.deepEqual(verdict('streams/x.ts', 'export const f = async (): Promise<void> => {};'), []);
});

test('a wait that does not go through suspend, and a race that leaves its losers running, are rejected', () => {
  const bare = 'export const f = () => new Promise<void>((resolve) => void resolve());';
  assert.deepEqual(verdict('sockets/x.ts', bare), ['sockets may not make a promise: wait through suspend']);
  assert.deepEqual(verdict('adapters/x.ts', bare), ['adapters may not make a promise: wait through suspend']);
  assert.deepEqual(verdict('tasks/x.ts', bare), []);
  assert.equal(verdict('tasks/x.ts', 'export const f = () => Promise.race([]);').length, 1);
  assert.equal(verdict('cli/x.ts', 'export const f = () => Promise.any([]);').length, 1);
  assert.deepEqual(verdict('sockets/x.ts', 'export const f = () => Promise.resolve();'), []);
});

test('a circle of value imports is named; one of types only is not a circle', () => {
  const file = (path: string, text: string): Source => ({ path, text });
  assert.deepEqual(
    valueCycles([
      file('core/a.ts', `import { b } from './b.ts';`),
      file('core/b.ts', `export { c } from './c.ts';`),
      file('core/c.ts', `import './a.ts';`),
    ]),
    ['core/a.ts:1: import cycle: core/a.ts -> core/b.ts -> core/c.ts -> core/a.ts'],
  );
  assert.deepEqual(
    valueCycles([
      file('core/a.ts', `import { b } from './b.ts';`),
      file('core/b.ts', `import type { a } from './a.ts';`),
    ]),
    [],
  );
  assert.equal(
    valueCycles([
      file('core/a.ts', `import { b } from './b.ts';`),
      file('core/b.ts', `import { type a } from './a.ts';`),
    ]).length,
    1,
    'an import whose names are all types still loads the module',
  );
});

test('the subpaths of package.json are the public folders', () => {
  const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const expected: Record<string, unknown> = { './package.json': './package.json' };
  const folders = Object.keys(layers).filter((name) => layers[name]?.public === true && name !== 'index.ts');
  for (const name of ['index.ts', ...folders]) {
    const isRoot = name === 'index.ts';
    if (!existsSync(new URL(isRoot ? 'src/index.ts' : `src/${name}/index.ts`, root))) continue;
    const stem = isRoot ? './dist/index' : `./dist/${name}/index`;
    expected[isRoot ? '.' : `./${name}`] = { types: `${stem}.d.ts`, default: `${stem}.js` };
  }
  assert.deepEqual(manifest.exports, expected);
  for (const name of readdirSync(new URL('src/', root))) {
    assert.notEqual(layerOf(name.endsWith('.ts') ? name : `${name}/x.ts`, layers), undefined, `src/${name}`);
  }
});

test('the picture in ARCHITECTURE.md names the folders that exist, and no others', () => {
  const picture = readFileSync(new URL('ARCHITECTURE.md', root), 'utf8');
  const drawn = [...picture.matchAll(/^ {2}(\w+)\/ +L(\d) {2}/gm)].map(([, name = '', level]) => [name, Number(level)]);
  const folders = readdirSync(new URL('src/', root), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  assert.deepEqual(drawn.sort(), folders.map(({ name }) => [name, layers[name]?.level]).sort());
});

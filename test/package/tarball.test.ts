/**
 * What users install: the tarball, unpacked into a `node_modules` of its own outside the repository, compiled against and
 * loaded. Packed once; everything else reads from that one folder.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { typeErrors } from './compile.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const subpaths = Object.keys(manifest.exports).filter((subpath) => subpath !== './package.json');
const specifier = (subpath: string): string => `bowline${subpath.slice(1)}`;

/** Limit for the download: a fifth more than it was when last looked at. */
const maxPackedBytes = 1_800_000;

let scratch = '';
let installed = '';
let packedBytes = 0;

function run(command: string, args: readonly string[], cwd: string): string {
  // NODE_OPTIONS and the test runner's own variables would change what a user sees.
  const env = { ...process.env, NODE_OPTIONS: undefined, NODE_TEST_CONTEXT: undefined };
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', env });
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

before(() => {
  scratch = mkdtempSync(join(tmpdir(), 'bowline-package-'));
  const packed = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', scratch], root),
  );
  // An array up to npm 11, by name in npm 12.
  const { filename, size } = Array.isArray(packed) ? packed[0] : packed.bowline;
  packedBytes = size;
  installed = join(scratch, 'node_modules', 'bowline');
  mkdirSync(installed, { recursive: true });
  run('tar', ['-xzf', join(scratch, filename), '-C', installed, '--strip-components=1'], scratch);
});

after(() => rmSync(scratch, { recursive: true, force: true }));

test('the tarball holds what is needed, nothing else, and is small', () => {
  const files = readdirSync(installed, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(installed.length + 1));
  for (const name of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md']) {
    assert.ok(files.includes(name), `${name} is missing`);
  }
  const strangers = files.filter(
    (file) =>
      !/^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/.test(file) &&
      !/^src\/.+\.ts$/.test(file) &&
      !/^dist\/.+\.(js|d\.ts)(\.map)?$/.test(file),
  );
  assert.deepEqual(strangers, []);
  // What was compiled from a file that is gone would be shipped as well.
  const stale = files.filter(
    (file) =>
      file.startsWith('dist/') && !files.includes(file.replace(/^dist\/(.+?)\.(d\.ts|js)(\.map)?$/, 'src/$1.ts')),
  );
  assert.deepEqual(stale, [], 'compiled files without a source: remove dist and build again');
  assert.ok(packedBytes <= maxPackedBytes, `${packedBytes} bytes packed; the limit is ${maxPackedBytes}`);
  assert.deepEqual(manifest.dependencies ?? {}, {}, 'there are no runtime dependencies');
});

test('every source map leads to a source that is shipped', () => {
  for (const entry of readdirSync(join(installed, 'dist'), { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('.map')) continue;
    const file = join(installed, 'dist', entry);
    for (const source of JSON.parse(readFileSync(file, 'utf8')).sources) {
      assert.ok(existsSync(join(dirname(file), source)), `${entry} names ${source}`);
    }
  }
});

test('import and require of every subpath give the same names', () => {
  const names = (how: string): string =>
    `for (const s of ${JSON.stringify(subpaths.map(specifier))}) {` +
    ` const m = ${how}; console.log(s, Object.keys(m).filter((k) => k !== 'module.exports').sort().join());` +
    ` if (m.default !== undefined) throw new Error(s + ' has a default export'); }`;
  writeFileSync(join(scratch, 'imports.mjs'), names('await import(s)'));
  writeFileSync(join(scratch, 'requires.cjs'), names('require(s)'));
  const imported = run(process.execPath, ['imports.mjs'], scratch);
  assert.match(imported, /^bowline\/core .*\bConnectError\b/m);
  assert.equal(run(process.execPath, ['--no-warnings', 'requires.cjs'], scratch), imported);
});

test('what is not a subpath cannot be reached', () => {
  for (const inner of [
    'bowline/core/errors',
    'bowline/dist/core/errors.js',
    'bowline/src/core/errors.ts',
    'bowline/platform',
  ]) {
    writeFileSync(
      join(scratch, 'inner.mjs'),
      `await import('${inner}').then(() => process.exit(1), (e) => process.exit(e.code === 'ERR_PACKAGE_PATH_NOT_EXPORTED' ? 0 : 2));`,
    );
    run(process.execPath, ['inner.mjs'], scratch);
  }
});

test('the root is imported in well under a second, and starts nothing', () => {
  writeFileSync(
    join(scratch, 'time.mjs'),
    `const from = performance.now(); await import('bowline'); console.log(performance.now() - from, process.getActiveResourcesInfo().join());`,
  );
  const [ms, resources] = run(process.execPath, ['time.mjs'], scratch).trim().split(' ');
  assert.ok(Number(ms) < 1000, `${ms} ms`);
  // The pipe is this child's standard output, the rest is the module loader reading files.
  assert.match(resources ?? '', /^(,?(PipeWrap|CloseReq|FSReq\w+))*$/);
});

test('the command is in the package and runs', () => {
  const command = join(installed, manifest.bin.bowline);
  assert.match(readFileSync(command, 'utf8'), /^#!\/usr\/bin\/env node\n/);
  assert.match(run(process.execPath, [command, '--help'], scratch), /bowline relay/);
});

test('a strict consumer compiles with library checks on, with @types/node and without', () => {
  const consumer = (of: readonly string[]): string =>
    of.map((subpath, i) => `import * as m${i} from '${specifier(subpath)}';\nexport { m${i} };\n`).join('') +
    `import type { Stream } from 'bowline/core';
     import { ConnectError, attributeKey, attributeOf } from 'bowline/core';
     export async function body(stream: Stream): Promise<Response> {
       await stream.sendAll(new TextEncoder().encode('x'));
       const chunk = await stream.receiveSome();
       return new Response(chunk);
     }
     export const first = (error: ConnectError): number | undefined => error.attempts[0]?.durationMs;
     const color = attributeKey<'red'>('color');
     // @ts-expect-error the type comes with the key
     export const wrong: 'blue' | undefined = attributeOf({}, color);
     // @ts-expect-error optional is not undefined here
     export const connector: (stream: Stream) => Promise<void> = async (stream) => stream.receiveSome('1');
    `;
  writeFileSync(join(scratch, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(scratch, 'with.ts'), consumer(subpaths));
  // The subpaths that stand on the web's types alone: what these name exists in lib.dom as well.
  const portable = subpaths.filter((subpath) => ['./core', './tasks', './streams'].includes(subpath));
  writeFileSync(join(scratch, 'without.ts'), consumer(portable));
  assert.deepEqual(
    typeErrors([join(scratch, 'without.ts')], {
      types: [],
      checkLibraries: true,
      lib: ['es2023', 'esnext.disposable', 'dom'],
    }),
    [],
  );

  mkdirSync(join(scratch, 'node_modules', '@types'), { recursive: true });
  for (const name of ['@types/node', 'undici-types']) {
    symlinkSync(join(root, 'node_modules', name), join(scratch, 'node_modules', name), 'junction');
  }
  assert.deepEqual(typeErrors([join(scratch, 'with.ts')], { types: ['node'], checkLibraries: true }), []);
});

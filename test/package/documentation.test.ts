/**
 * What the documentation says compiles, and where it says `ts run`, it runs.
 *
 * Every TypeScript block of the Markdown files at the root and under docs/ is a module of its own, compiled as strictly as
 * a user would, against the package's own subpaths. There is no way out of that: a sketch that is not meant to compile is a
 * `text` block. Marks say only whether it is executed: `ts run` is, and has to exit 0; `ts no-run` says that it would need
 * something this machine has not got; no mark says the same of a fragment. Shell blocks are checked for syntax.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { codeBlocks } from './code-blocks.js';
import type { CodeBlock } from './code-blocks.js';
import { typeErrors } from './compile.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const isMarkdown = (name: string): boolean => name.endsWith('.md');
const guides = existsSync(join(root, 'docs')) ? readdirSync(join(root, 'docs')).filter(isMarkdown) : [];
const documents = [...readdirSync(root).filter(isMarkdown), ...guides.map((name) => join('docs', name))];

const blocks = documents.flatMap((document) =>
  codeBlocks(readFileSync(join(root, document), 'utf8')).map((block) => ({ ...block, document })),
);
const inTypeScript = ({ language }: CodeBlock): boolean => language === 'ts' || language === 'typescript';

/** Compiled inside the package, so that `bowline/tasks` means this package. */
const folder = join(root, 'dist-test', 'documentation');

test('blocks are known languages with known marks', () => {
  for (const { document, line, language, marks } of blocks) {
    const place = `${document}:${line}`;
    assert.match(language, /^(ts|sh|text|json|c|console)$/, `${place}: say the language (text, if none)`);
    assert.ok(marks.length === 0 || language === 'ts', `${place}: only ts blocks have marks`);
    assert.match(marks.join(' '), /^(run|no-run)?$/, `${place}: the mark is run or no-run`);
  }
});

interface Module {
  readonly block: CodeBlock & { readonly document: string };
  readonly compiled: string;
}

let modules: readonly Module[] = [];
let errors: readonly string[] = [];

/** A module on its own, away from the test runner's variables. */
const environment = { ...process.env, NODE_TEST_CONTEXT: undefined };

before(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const files: string[] = [];
  modules = blocks.filter(inTypeScript).map((block) => {
    const name = `${basename(block.document, '.md')}-line-${block.line}`;
    const file = join(folder, `${name}.ts`);
    writeFileSync(file, `${block.text}\nexport {};\n`);
    files.push(file);
    return { block, compiled: join(folder, 'out', `${name}.js`) };
  });
  errors = typeErrors(files, { types: ['node'], rootDir: folder, outDir: join(folder, 'out') });
});

test('every TypeScript block compiles, and those marked run exit with 0', () => {
  assert.deepEqual(errors, []);
  for (const { block, compiled } of modules) {
    if (!block.marks.includes('run')) continue;
    const { status, stderr } = spawnSync(process.execPath, ['--unhandled-rejections=strict', compiled], {
      encoding: 'utf8',
      timeout: 20_000,
      env: environment,
    });
    assert.equal(status, 0, `${block.document}:${block.line}: ${stderr}`);
  }
});

test('the server and the client that the README opens with talk to each other', async () => {
  const [server, client] = modules.filter(({ block }) => block.document === 'README.md');
  assert.ok(server?.block.text.includes('serveTcp') === true && client?.block.text.includes('openTcpStream') === true);
  for (const { block } of [server, client]) {
    assert.ok(block.text.trimEnd().split('\n').length <= 12, 'at most 12 lines');
  }

  const port = await freePort();
  for (const { compiled } of [server, client]) {
    writeFileSync(compiled, readFileSync(compiled, 'utf8').replaceAll('4040', String(port)));
  }
  const serving = spawn(process.execPath, [server.compiled], {
    env: environment,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  try {
    while (!(await accepts(port))) assert.equal(serving.exitCode, null, 'the server ended');
    const { status, stdout, stderr } = spawnSync(process.execPath, [client.compiled], {
      encoding: 'utf8',
      timeout: 20_000,
      env: environment,
    });
    assert.equal(stderr, '');
    assert.equal(stdout, 'hello, bowline\n');
    assert.equal(status, 0);
    assert.equal(serving.exitCode, null, 'the server goes on');
  } finally {
    serving.kill('SIGKILL');
    await once(serving, 'exit');
  }
});

test('every relative link leads to a file', () => {
  for (const document of documents) {
    const prose = readFileSync(join(root, document), 'utf8').replace(/^```[^]*?^```|`[^`\n]*`/gm, '');
    for (const [, target = ''] of prose.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      assert.ok(existsSync(join(root, dirname(document), target)), `${document}: ${target}`);
    }
  }
});

test('every shell block is shell', { skip: process.platform === 'win32' && 'no sh' }, () => {
  for (const { document, line, language, text } of blocks) {
    if (language !== 'sh') continue;
    const { status, stderr } = spawnSync('sh', ['-n'], { input: text, encoding: 'utf8' });
    assert.equal(status, 0, `${document}:${line}: ${stderr}`);
  }
});

test('every link to a file of the repository leads to one', () => {
  for (const document of documents) {
    const prose = readFileSync(join(root, document), 'utf8').replaceAll(/```[^]*?```|`[^`]*`/g, '');
    for (const [, target = ''] of prose.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      assert.ok(existsSync(join(root, dirname(document), target)), `${document} links to ${target}`);
    }
  }
});

test('blocks are found with their line, language and marks, indented and nested ones too', () => {
  const markdown = [
    'text `inline` ```not a fence``` text',
    '```ts run',
    'const x = 1;',
    '```',
    '- item',
    '  ```sh',
    '  npm test',
    '    -- x',
    '  ```',
    '````text',
    '```ts',
    '````',
  ].join('\n');
  assert.deepEqual(codeBlocks(markdown), [
    { line: 2, language: 'ts', marks: ['run'], text: 'const x = 1;\n' },
    { line: 6, language: 'sh', marks: [], text: 'npm test\n  -- x\n' },
    { line: 10, language: 'text', marks: [], text: '```ts\n' },
  ]);
  assert.throws(() => codeBlocks('```ts\nx'), /line 1 is not closed/);
});

test('a block that does not fit the API is refused', () => {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'wrong.ts');
  writeFileSync(file, `import { noSuchName } from 'bowline/core';\nexport const x: number = noSuchName;\n`);
  const errors = typeErrors([file], { types: ['node'] });
  assert.match(errors.join('\n'), /wrong\.ts:1: .*noSuchName/);
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const accepted = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  // Between two looks at a child that is still starting.
  if (!accepted) await setTimeout(20);
  return accepted;
}

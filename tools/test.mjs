// Runs the compiled tests. Node 20 takes folders, Node 22 and later take globs; a list of files is what all of them agree on.
// Usage: node tools/test.mjs [substring …]   only test files whose path contains one of the substrings
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';

const wanted = process.argv.slice(2);
const files = readdirSync('dist-test/test', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.test.js'))
  .map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`)
  // The compiler leaves behind what it made of a file that is gone.
  .filter((path) => existsSync(path.replace(/^dist-test\/(.*)\.js$/, '$1.ts')))
  .filter((path) => wanted.length === 0 || wanted.some((part) => path.includes(part)))
  .sort();
if (files.length === 0) {
  process.stderr.write(`no test file matches: ${wanted.join(' ')}\n`);
  process.exit(2);
}
const { status, signal } = spawnSync(
  process.execPath,
  [
    '--enable-source-maps',
    '--test',
    '--test-timeout=120000',
    `--test-concurrency=${Math.max(2, availableParallelism())}`,
    ...files,
  ],
  { stdio: 'inherit' },
);
process.exit(signal === null ? (status ?? 1) : 1);

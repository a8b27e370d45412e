// What the bench runs on, and what of its rivals and tools this machine has. Nothing is installed here except a second Node,
// which the repository knows how to get (tools/node-binary.mjs) and the speed targets ask for.
//
// A rival that is missing is a note in the report, not an error: the comparison that matters, against node:net on the same
// Node, needs nothing.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, homedir, loadavg, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeBinary } from '../../tools/node-binary.mjs';

/**
 * @typedef {{ major: number, version: string, binary: string }} NodeEngine
 * @typedef {{
 *   description: { cpu: string, cores: number, memoryGiB: number, kernel: string, loadBefore: number, pinned: boolean },
 *   nodes: NodeEngine[],
 *   c: { compiler: string, load: string, server: string, loadTls: string | null } | null,
 *   tls: { cert: string, key: string } | null,
 *   python: { binary: string, trio: string | null, uvloop: string | null } | null,
 *   bun: { binary: string, version: string } | null,
 *   onServerCore: (argv: string[]) => string[],
 *   onLoadCore: (argv: string[]) => string[],
 *   missing: string[],
 * }} Machine
 */

/** @returns {Machine} */
export function inspect() {
  /** @type {string[]} */
  const missing = [];
  const cores = allowedCores();
  const pinned = cores.length >= 2 && run('taskset', ['--version']) !== null;
  if (!pinned) missing.push('taskset with two cores: server and load share the processor, trust the ratios only');
  const pin = (/** @type {number} */ core) => (/** @type {string[]} */ argv) =>
    pinned ? ['taskset', '-c', String(core), ...argv] : argv;

  return {
    description: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      kernel: `${process.platform} ${release()}`,
      loadBefore: loadavg()[0],
      pinned,
    },
    nodes: nodes(missing),
    c: compiled(missing),
    tls: certificate(missing),
    python: python(missing),
    bun: bun(missing),
    onServerCore: pin(cores[0]),
    onLoadCore: pin(cores[1]),
    missing,
  };
}

/** The processors this process may run on, from the list the kernel gives ("0-1,4"). */
function allowedCores() {
  const list = /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** @param {string[]} missing */
function nodes(missing) {
  const engines = [engine(process.execPath)];
  if (engines[0].major !== 24) {
    try {
      engines.push(engine(nodeBinary(24)));
    } catch (error) {
      missing.push(`Node 24: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return engines;
}

/** @param {string} binary */
function engine(binary) {
  const version = run(binary, ['-p', 'process.versions.node']) ?? 'unknown';
  return { binary, version, major: Number(version.split('.')[0]) };
}

/** Compiles the C programs. @param {string[]} missing */
function compiled(missing) {
  const compiler = ['gcc', 'cc', 'clang'].find((name) => run(name, ['--version']) !== null);
  if (compiler === undefined) {
    missing.push(
      'a C compiler: no C epoll row, and the load generator is Node (slower than most servers: trust CPU only)',
    );
    return null;
  }
  const folder = scratchFolder();
  const [load, server] = ['load', 'server'].map((name) => {
    const source = fileURLToPath(new URL(`../c/${name}.c`, import.meta.url));
    execFileSync(compiler, ['-O2', '-o', join(folder, name), source], { stdio: ['ignore', 'inherit', 'inherit'] });
    return join(folder, name);
  });
  const loadTls = join(folder, 'load-tls');
  const source = fileURLToPath(new URL('../c/load.c', import.meta.url));
  const hasTls = run(compiler, ['-O2', '-DWITH_TLS', '-o', loadTls, source, '-lssl', '-lcrypto']) !== null;
  if (!hasTls) missing.push("OpenSSL's headers (libssl-dev): no TLS workloads");
  return {
    compiler: run(compiler, ['--version'])?.split('\n')[0] ?? compiler,
    load,
    server,
    loadTls: hasTls ? loadTls : null,
  };
}

/** The certificate of all TLS servers; the generator does not verify it. @param {string[]} missing */
function certificate(missing) {
  const folder = scratchFolder();
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(folder, name));
  const wanted = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bench.test'.split(' ');
  const made = run('openssl', ['req', ...wanted, '-keyout', key, '-out', cert]) !== null;
  if (!made) missing.push('the openssl command: no certificate, no TLS workloads');
  return made ? { cert, key } : null;
}

/** Goes when the bench does. */
function scratchFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'bowline-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Debian's packages belong to /usr/bin/python3, which need not be the first on PATH. @param {string[]} missing */
function python(missing) {
  const found = ['python3', '/usr/bin/python3'].map((binary) => ({
    binary,
    trio: run(binary, ['-c', 'import trio; print(trio.__version__)']),
    uvloop: run(binary, ['-c', 'import uvloop; print(uvloop.__version__)']),
  }));
  const best =
    found.find((one) => one.trio !== null && one.uvloop !== null) ?? found.find((one) => one.trio ?? one.uvloop);
  if (!best?.trio) missing.push('python3-trio');
  if (!best?.uvloop) missing.push('python3-uvloop');
  return best ?? null;
}

/** On PATH, or put into the cache by `npm install --prefix ~/.cache/bowline/bun bun`. @param {string[]} missing */
function bun(missing) {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  for (const binary of ['bun', join(cache, 'bowline/bun/node_modules/.bin/bun')]) {
    const version = run(binary, ['--version']);
    if (version !== null) return { binary, version };
  }
  missing.push('Bun');
  return null;
}

/**
 * @param {string} command
 * @param {string[]} args
 * @returns {string | null} what it printed, or null where it is not there or failed
 */
function run(command, args) {
  try {
    return execFileSync(command, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 10_000,
    }).trim();
  } catch {
    return null;
  }
}

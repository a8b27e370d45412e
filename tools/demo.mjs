// The main job on real input, as a user would run it: real `bowline relay` processes between real endpoints.
//
//   this script ──TCP──▶ bowline relay ──Unix socket──▶ bowline relay ──▶ child ──TCP──▶ this script
//     clients              (a process)                   (a process)    (one each)    verifying server
//
// First one large file (Node's own executable) goes through, with `exec:bowline connect …` as the child. Then 500
// connections that are all open at the same time, while at most 32 children are alive and the other connections wait; the
// child is then `--through cat`, because 500 starts of Node would be most of the time.
//
// The server sends back what it gets. The SHA-256 of every connection is taken at the far end and again of what comes
// back, and both are compared with that of what was sent. Both ends are plain node:net, so that bowline is not judged by
// itself. The exit status is 0 only if every byte arrived.
//
// Usage: npm run demo
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { sendThrough, openConnection } from './demo/client.mjs';
import { Chain } from './demo/chain.mjs';
import { readPayload, slices } from './demo/payload.mjs';
import { printTables } from './demo/table.mjs';
import { startVerifyingServer } from './demo/verifying-server.mjs';

const LARGE_BYTES = 64 * 2 ** 20;
const CONNECTIONS = 500;
const MAX_CHILDREN = 32;
const TIME_LIMIT_MS = 60_000;
/** Two for each connection in the busier relay, and some more. */
const DESCRIPTORS = 2 * CONNECTIONS + 200;

const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
/** What is to be undone, last first. */
const cleanups = [];

async function demo() {
  checkSurroundings();
  const { Messages } = await import('../dist/cli/messages.js');
  const { showThroughput } = await import('../dist/cli/throughput-line.js');
  const messages = new Messages(process.stderr);

  const folder = mkdtempSync(join(tmpdir(), 'bowline-demo-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));

  const payload = readPayload(LARGE_BYTES);
  const server = await startVerifyingServer();
  cleanups.push(() => server.close());

  const progress = { connections: 0, open: 0, returnedBytes: 0 };
  const now = () => performance.now();
  const totals = () => ({
    connections: progress.connections,
    open: progress.open,
    forwardBytes: server.receivedBytes,
    backwardBytes: progress.returnedBytes,
  });
  const hideThroughput = showThroughput(messages, totals, now);
  cleanups.push(hideThroughput);

  const stages = [];
  const stage = async (name, onwards, payloads) => {
    const limits = { connections: payloads.length, maxConnections: payloads.length, maxChildren: MAX_CHILDREN };
    const chain = new Chain({ main, socketPath: join(folder, `${stages.length}.sock`), onwards, ...limits });
    cleanups.push(() => chain.kill());
    const { port } = await chain.started;
    const startedAt = now();
    const connections = await Promise.all(payloads.map(() => openConnection(port, progress)));
    // Nothing is sent until both relays have all of them.
    await chain.opened(payloads.length);
    if (progress.open !== payloads.length)
      throw new Error(`${progress.open} of ${payloads.length} connections are open`);
    await Promise.all(connections.map((socket, i) => sendThrough(socket, payloads[i], progress)));
    const seconds = (now() - startedAt) / 1000;
    for (const { digest } of payloads) server.take(digest);
    const bytes = payloads.reduce((sum, { length }) => sum + length, 0);
    stages.push({ name, connections: payloads.length, bytes, seconds, costs: await chain.stop(limits) });
  };
  const farEnd = `tcp:127.0.0.1:${server.port}`;
  const connect = [process.execPath, main, 'connect', '--json', farEnd].map(quoted).join(' ');
  await stage('one file', [`exec:${connect}`], [payload]);
  await stage(`${CONNECTIONS} at once`, ['--through', 'cat', farEnd], slices(payload, CONNECTIONS));
  hideThroughput();
  if (server.peakOpen > MAX_CHILDREN) throw new Error(`${server.peakOpen} children were connected at once`);
  printTables(process.stdout, stages);
  process.stdout.write(
    'Every byte arrived: the SHA-256 of each connection is the same here, at the far end, and back here.\n',
  );
}

/** A word of an exec: address. */
function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function checkSurroundings() {
  if (!existsSync(main)) throw new Error(`${main} is missing: run 'npm run build' first`);
  if (process.platform === 'win32')
    throw new Error('the demo needs Unix sockets and signals: it does not run on Windows');
  let limit = Infinity;
  try {
    limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? Infinity);
  } catch {
    // Only Linux tells; elsewhere a lack of descriptors shows by itself.
  }
  if (limit < DESCRIPTORS) {
    throw new Error(
      `${DESCRIPTORS} open files are needed and ${limit} are allowed: raise the limit (ulimit -n ${DESCRIPTORS})`,
    );
  }
}

let ending;

/** Undoes everything and exits. The first call counts: what fails because of the clean-up says nothing any more. */
function end(status, complaint) {
  ending ??= (async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
    if (complaint !== undefined) process.stderr.write(`demo: ${complaint}\n`);
    process.exit(status);
  })();
  return ending;
}

process.once('SIGINT', () => void end(130, 'interrupted'));
process.once('SIGTERM', () => void end(143, 'terminated'));
setTimeout(() => void end(1, `not finished after ${TIME_LIMIT_MS / 1000} s`), TIME_LIMIT_MS).unref();
try {
  await demo();
  await end(0);
} catch (error) {
  await end(1, error.message);
}

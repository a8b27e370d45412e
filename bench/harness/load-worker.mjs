// The load generator for machines without a C compiler: the protocol of c/load.c, spoken by Node.
//
// Slower than most servers it loads, so the rates it reports are its own; the server's CPU per operation, which is the
// column the bench stands on, holds all the same. Latencies include this process's own garbage collection.
import { readFileSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const PIECE = Buffer.alloc(65_536);
const PER_SOURCE = 5_000;
const SILENCE_MS = 2;

/** @type {{ host: string, port: number, pid: number }} */
let server = { host: '', port: 0, pid: 0 };
/** @type {import('node:net').Socket[]} */
const sockets = [];
/** @type {import('node:net').Socket[]} */
const idle = [];

/** @type {Record<string, (...args: string[]) => Promise<object>>} */
const commands = {
  async open(host, port, pid, count) {
    server = { host, port: Number(port), pid: Number(pid) };
    while (sockets.length < Number(count)) sockets.push(await dial());
    return { open: sockets.length };
  },
  async idle(count) {
    while (idle.length < Number(count)) idle.push(await dial(`127.0.0.${2 + Math.floor(idle.length / PER_SOURCE)}`));
    return { idle: idle.length };
  },
  exchange: (ms, request, response) => exchange(Number(ms), Number(request), Number(response)),
  sink: (bytes) => bulk(true, Number(bytes)),
  source: (bytes) => bulk(false, Number(bytes)),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...args] = line.split(' ');
  console.log(JSON.stringify(await commands[name](...args)));
}
process.exit(0);

/** @param {string} [localAddress] @returns {Promise<import('node:net').Socket>} */
function dial(localAddress) {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...server, localAddress, noDelay: true, allowHalfOpen: true }, () => resolve(socket));
    socket.on('error', reject);
  });
}

/** @param {number} ms @param {number} requestSize @param {number} responseSize */
async function exchange(ms, requestSize, responseSize) {
  const head = Buffer.from('GET / HTTP/1.1\r\nHost: bench.test\r\n\r\n');
  const request = requestSize === head.length ? head : Buffer.alloc(requestSize, 'x');
  /** @type {number[]} */
  const latencies = [];
  const end = startWindow();
  const until = performance.now() + ms;
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise((resolve, reject) => {
          let received = 0;
          let sentAt = performance.now();
          const onData = (/** @type {Buffer} */ chunk) => {
            received += chunk.length;
            if (received < responseSize) return;
            if (received > responseSize) return reject(new Error('the server sent too much'));
            const at = performance.now();
            latencies.push(at - sentAt);
            received = 0;
            sentAt = at;
            if (at < until) return socket.write(request);
            socket.off('data', onData);
            resolve(undefined);
          };
          socket.on('data', onData);
          socket.write(request);
        }),
    ),
  );
  return end(latencies.length, latencies);
}

/** @param {boolean} sending @param {number} total */
async function bulk(sending, total) {
  const socket = await dial();
  const end = startWindow();
  let moved = 0;
  await new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', resolve);
    socket.on('data', (chunk) => (moved += sending ? 0 : chunk.length));
    socket.on('end', () => socket.end());
    const pump = () => {
      while (moved < total) {
        moved += PIECE.length;
        if (!socket.write(PIECE)) return;
      }
      socket.end();
    };
    if (sending) socket.on('drain', pump);
    if (sending) pump();
  });
  if (moved !== total) throw new Error('bulk: wrong number of bytes');
  return end(moved, []);
}

function startWindow() {
  const stolen = stolenTicks();
  const cpu = serverCpu();
  const wall = performance.now();
  return async (/** @type {number} */ operations, /** @type {number[]} */ latencies) => {
    const wallNs = Math.round((performance.now() - wall) * 1e6);
    await new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
    latencies.sort((a, b) => a - b);
    const percentile = (/** @type {number} */ fraction) =>
      Math.round((latencies[Math.floor(latencies.length * fraction)] ?? 0) * 1000);
    return {
      operations,
      wallNs,
      cpuNs: serverCpu() - cpu,
      stolenTicks: stolenTicks() - stolen,
      p50us: percentile(0.5),
      p99us: percentile(0.99),
    };
  };
}

function serverCpu() {
  const tasks = `/proc/${server.pid}/task`;
  return readdirSync(tasks).reduce(
    (sum, task) => sum + Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]),
    0,
  );
}

function stolenTicks() {
  return Number(readFileSync('/proc/stat', 'utf8').split('\n')[0].split(/\s+/)[8] ?? 0);
}

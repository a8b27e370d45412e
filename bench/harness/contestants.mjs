// Who runs: every server program of servers/ and c/ on every engine this machine has.
//
// `reference` names the contestant whose CPU a row is divided by: node:net with 'data' handlers on the same Node, which is what
// a user of bowline would otherwise write, or node:tls; for everybody else, that on the Node that runs the bench.
import { fileURLToPath } from 'node:url';

/**
 * @typedef {{ name: string, family: 'bowline' | 'rival', variant: string, engine: string, nodeMajor: number | null,
 *             reference: string, argv: (kind: import('./workloads.mjs').Kind, bytes: number) => string[] }} Contestant
 */

const server = (/** @type {string} */ file) => fileURLToPath(new URL(`../servers/${file}`, import.meta.url));

/** The bowline programs: how connections are owned, and how bytes are received. */
const variants = [
  { variant: 'serveTcp', title: 'bowline, serveTcp', kinds: ['http', 'echo', 'source', 'sink'] },
  { variant: 'serveTcp-into', title: 'bowline, serveTcp, receiveInto', kinds: ['sink'] },
  { variant: 'bare', title: 'bowline, bare accept loop', kinds: ['http', 'echo', 'source', 'sink'] },
  { variant: 'protocol', title: 'bowline, Protocol', kinds: ['http', 'echo', 'sink'] },
  { variant: 'bare-into', title: 'bowline, bare, receiveInto', kinds: ['sink'] },
];

/**
 * @param {import('./machine.mjs').Machine} machine
 * @param {import('./workloads.mjs').Workload} workload
 * @returns {Contestant[]}
 */
export function contestants(machine, workload) {
  if (workload.tls) return tlsContestants(machine);
  if (workload.kind.startsWith('udp')) return udpContestants(machine, workload);
  const host = nodeNet(machine.nodes[0]);
  const rival = { family: /** @type {const} */ ('rival'), nodeMajor: null, reference: host };
  /** @type {Contestant[]} */
  const all = [];
  const { c, python, bun } = machine;
  if (c !== null) {
    all.push({
      ...rival,
      name: 'C epoll',
      variant: 'c',
      engine: c.compiler,
      argv: (kind, bytes) => [c.server, kind, String(bytes)],
    });
  }
  for (const engine of machine.nodes) {
    const onNode = { engine: `Node ${engine.version}`, nodeMajor: engine.major, reference: nodeNet(engine) };
    const program =
      (/** @type {string} */ file, /** @type {string[]} */ ...args) =>
      (/** @type {string} */ kind, /** @type {number} */ bytes) => [
        engine.binary,
        server(file),
        kind,
        String(bytes),
        ...args,
      ];
    all.push({ ...onNode, family: 'rival', name: nodeNet(engine), variant: 'node:net', argv: program('node-net.mjs') });
    for (const { variant, title, kinds } of variants) {
      if (!kinds.includes(workload.kind)) continue;
      const name = `${title} (Node ${engine.major})`;
      all.push({ ...onNode, family: 'bowline', name, variant, argv: program('bowline.mjs', ...variant.split('-')) });
    }
  }
  if (bun !== null) {
    const engine = `Bun ${bun.version}`;
    all.push({
      ...rival,
      name: 'Bun.listen',
      variant: 'bun',
      engine,
      argv: (kind, bytes) => [bun.binary, server('bun.mjs'), kind, String(bytes)],
    });
  }
  for (const library of /** @type {const} */ (['uvloop', 'trio'])) {
    const version = python?.[library];
    if (!python || !version) continue;
    const argv = (/** @type {string} */ kind, /** @type {number} */ bytes) => [
      python.binary,
      server(`${library}_server.py`),
      kind,
      String(bytes),
    ];
    all.push({ ...rival, name: library, variant: library, engine: `${library} ${version}`, argv });
  }
  return all;
}

/**
 * @param {import('./machine.mjs').Machine} machine
 * @returns {Contestant[]} none where there is no certificate or no generator
 */
function tlsContestants(machine) {
  const { tls, python } = machine;
  if (tls === null || !machine.c?.loadTls) return [];
  const argv =
    (/** @type {string} */ binary, /** @type {string} */ file, /** @type {string[]} */ ...args) =>
    (/** @type {string} */ kind, /** @type {number} */ bytes) => [
      binary,
      server(file),
      kind,
      String(bytes),
      tls.cert,
      tls.key,
      ...args,
    ];
  /** @type {Contestant[]} */
  const all = machine.nodes.flatMap(({ version, major, binary }) => {
    const reference = `node:tls (Node ${major})`;
    const onNode = { engine: `Node ${version}`, nodeMajor: major, reference };
    return [
      {
        ...onNode,
        family: /** @type {const} */ ('rival'),
        name: reference,
        variant: 'node:tls',
        argv: argv(binary, 'node-tls.mjs'),
      },
      ...['strict', 'https'].map((mode) => ({
        ...onNode,
        family: /** @type {const} */ ('bowline'),
        name: `bowline, ${mode === 'strict' ? 'strict' : 'httpsCompatible'} (Node ${major})`,
        variant: mode,
        argv: argv(binary, 'bowline-tls.mjs', mode),
      })),
    ];
  });
  if (python?.trio) {
    all.push({
      family: 'rival',
      nodeMajor: null,
      reference: `node:tls (Node ${machine.nodes[0].major})`,
      name: 'trio SSLStream',
      variant: 'trio',
      engine: `trio ${python.trio}`,
      argv: argv(python.binary, 'trio_tls_server.py'),
    });
  }
  return all;
}

/** The same for UDP: node:dgram as its users write it, and bowline by callback, by receive() and connected. */
const udpVariants = [
  { variant: 'dgram', file: 'node-dgram.mjs', title: 'node:dgram', kinds: ['udp-echo', 'udp-source'] },
  { variant: 'dgram-connected', file: 'node-dgram.mjs', title: 'node:dgram, connected', kinds: ['udp-source'] },
  { variant: 'onDatagram', file: 'bowline-udp.mjs', title: 'bowline, onDatagram', kinds: ['udp-echo'] },
  { variant: 'receive', file: 'bowline-udp.mjs', title: 'bowline, receive()', kinds: ['udp-echo'] },
  { variant: 'send', file: 'bowline-udp.mjs', title: 'bowline, UdpSocket', kinds: ['udp-source'] },
  { variant: 'send-connected', file: 'bowline-udp.mjs', title: 'bowline, UdpChannel', kinds: ['udp-source'] },
  {
    variant: 'nowait-connected',
    file: 'bowline-udp.mjs',
    title: 'bowline, UdpChannel, sendNowait',
    kinds: ['udp-source'],
  },
];

/**
 * Loaded from C only: a generator on dgram would be slower than what it loads.
 *
 * @param {import('./machine.mjs').Machine} machine
 * @param {import('./workloads.mjs').Workload} workload
 * @returns {Contestant[]}
 */
function udpContestants(machine, workload) {
  if (machine.c === null) return [];
  return machine.nodes.flatMap((engine) =>
    udpVariants
      .filter(({ kinds }) => kinds.includes(workload.kind))
      .map(({ variant, file, title }) => ({
        name: `${title} (Node ${engine.major})`,
        family: /** @type {'bowline' | 'rival'} */ (file.startsWith('bowline') ? 'bowline' : 'rival'),
        variant,
        engine: `Node ${engine.version}`,
        nodeMajor: engine.major,
        reference: `node:dgram (Node ${engine.major})`,
        argv: (kind) => [engine.binary, server(file), kind, variant],
      })),
  );
}

/** @param {import('./machine.mjs').NodeEngine} engine */
function nodeNet(engine) {
  return `node:net 'data' (Node ${engine.major})`;
}

// What is asked of every server. Five shapes of traffic over TCP on loopback, and one of silence.
//
// "Fake HTTP" answers every received chunk with one canned response and parses nothing: it prices a small request and a small
// answer, the commonest thing a server does, without the price of anybody's HTTP parser. Echo hands back the bytes it got, so a
// chunk has to be owned. Bulk is one connection, as fast as it goes. Idle is what ten thousand silent clients weigh. Over UDP
// (its `bytes` is a number of datagrams) there is echo, and sending as fast as it goes.

/**
 * @typedef {'http' | 'echo' | 'source' | 'sink' | 'udp-echo' | 'udp-source'} Kind what the server is told to do
 * @typedef {{ name: string, title: string, kind: Kind, unit: 'operation' | 'MiB' | 'connection' | 'handshake', connections: number,
 *             request?: number, response?: number, bytes?: number, tls?: boolean }} Workload
 */

/**
 * @param {{ quick: boolean }} options quick: fewer bytes; never fewer connections, because the fixed
 *        costs of a process would be divided by too few
 * @returns {Workload[]}
 */
export function workloads({ quick }) {
  const bytes = quick ? 256 * 2 ** 20 : 2 ** 30;
  const tlsBytes = bytes / 4;
  const http = {
    kind: /** @type {const} */ ('http'),
    unit: /** @type {const} */ ('operation'),
    request: 36,
    response: 78,
  };
  const echo = {
    kind: /** @type {const} */ ('echo'),
    unit: /** @type {const} */ ('operation'),
    request: 64,
    response: 64,
  };
  return [
    {
      name: 'http-64',
      title: 'Fake HTTP, 64 connections (36-byte request, 78-byte response)',
      connections: 64,
      ...http,
    },
    { name: 'http-1000', title: 'Fake HTTP, 1,000 connections', connections: 1000, ...http },
    { name: 'echo-1', title: 'Echo of 64 bytes, 1 connection', connections: 1, ...echo },
    { name: 'echo-100', title: 'Echo of 64 bytes, 100 connections', connections: 100, ...echo },
    {
      name: 'bulk-send',
      title: `Bulk send, ${mebibytes(bytes)} in 64 KiB pieces`,
      kind: 'source',
      unit: 'MiB',
      connections: 0,
      bytes,
    },
    {
      name: 'bulk-receive',
      title: `Bulk receive, ${mebibytes(bytes)} in 64 KiB pieces`,
      kind: 'sink',
      unit: 'MiB',
      connections: 0,
      bytes,
    },
    {
      name: 'tls-echo-100',
      title: 'TLS 1.3: echo of 64 bytes, 100 connections',
      connections: 100,
      tls: true,
      ...echo,
    },
    {
      name: 'tls-bulk-send',
      title: `TLS 1.3: bulk send, ${mebibytes(tlsBytes)} in 64 KiB pieces`,
      kind: 'source',
      unit: 'MiB',
      connections: 0,
      bytes: tlsBytes,
      tls: true,
    },
    {
      name: 'tls-bulk-receive',
      title: `TLS 1.3: bulk receive, ${mebibytes(tlsBytes)} in 64 KiB pieces`,
      kind: 'sink',
      unit: 'MiB',
      connections: 0,
      bytes: tlsBytes,
      tls: true,
    },
    {
      name: 'tls-handshakes',
      title: 'TLS 1.3: full handshakes one after another, ECDSA P-256',
      kind: 'sink',
      unit: 'handshake',
      connections: 0,
      tls: true,
    },
    {
      name: 'udp-echo',
      title: 'UDP echo of 100 bytes, 32 in flight',
      kind: 'udp-echo',
      unit: 'operation',
      connections: 32,
      request: 100,
    },
    {
      name: 'udp-send',
      title: 'UDP one way, 100 bytes, as fast as they can be sent',
      kind: 'udp-source',
      unit: 'operation',
      connections: 0,
      request: 100,
      bytes: quick ? 20_000 : 40_000,
    },
    {
      name: 'idle',
      title: 'Memory per idle connection, 10,000 connections',
      kind: 'echo',
      unit: 'connection',
      connections: 10_000,
    },
  ];
}

/** @param {number} bytes */
function mebibytes(bytes) {
  return bytes >= 2 ** 30 ? `${bytes / 2 ** 30} GiB` : `${bytes / 2 ** 20} MiB`;
}

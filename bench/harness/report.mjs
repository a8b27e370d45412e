// The run as Markdown: for people, in bench/RESULTS.md and on the terminal. The machine-readable form is the results themselves.

/**
 * @typedef {import('./statistics.mjs').Summary} Summary
 * @typedef {import('./measure.mjs').Result} Result
 * @typedef {import('./memory.mjs').MemoryResult} MemoryResult
 * @typedef {{ date: string, bowline: string, seconds: number, options: { rounds: number, windowMs: number, quick: boolean },
 *             machine: import('./machine.mjs').Machine, results: (Result | MemoryResult)[],
 *             verdicts: import('./targets.mjs').Verdict[] }} Run
 */

/** @param {Run} run */
export function report(run) {
  return [
    '# Bench results\n',
    'Written by `npm run bench`; do not edit. How it measures is at the end.\n',
    machineSection(run),
    targetSection(run),
    ...run.results.map(resultSection),
    methodSection(run),
  ].join('\n');
}

/** @param {Result | MemoryResult} result */
export function resultSection(result) {
  const memory = result.workload.unit === 'connection';
  const table = memory
    ? memoryTable(/** @type {MemoryResult} */ (result))
    : trafficTable(/** @type {Result} */ (result));
  const failed = result.failed.map(({ name, error }) => `\n${name} failed: ${error}\n`);
  return `## ${result.workload.title}\n\n${table}\n${failed.join('')}`;
}

/** @param {Run} run */
export function targetSection({ verdicts }) {
  if (verdicts.length === 0) return '## Targets\n\nNone could be judged in this run.\n';
  const rows = verdicts.map(({ target, name, value, met }) => {
    const limit = target.atMost !== undefined ? `at most ${target.atMost}` : `at least ${target.atLeast}`;
    const what = {
      cpuVersusNode: target.workload.startsWith('udp') ? 'CPU, times node:dgram' : "CPU, times node:net 'data'",
      rateVersusNode: 'rate, times node:tls',
      rateVersusTrio: 'rate, times Trio',
      kibPerConnection: 'KiB per connection',
    }[target.measure];
    return [target.workload, name, what, limit, value.toFixed(2), met ? 'met' : '**missed**'];
  });
  return `## Targets\n\n${table(['workload', 'server', 'measure', 'target', 'measured', ''], rows)}\n`;
}

/** @param {Result} result */
function trafficTable({ workload, rows }) {
  const bulk = workload.unit === 'MiB';
  const isUdp = workload.kind.startsWith('udp');
  const hasC = !workload.tls && !isUdp;
  const rate = (/** @type {number} */ n) => (bulk ? (n / 1024).toFixed(2) : Math.round(n).toLocaleString('en'));
  const cpu = (/** @type {number} */ n) => n.toFixed(bulk ? 0 : 1);
  const times = (/** @type {number} */ n) => n.toFixed(2);
  const header = [
    'server',
    bulk ? 'GiB/s' : 'per second',
    bulk ? 'CPU µs/MiB' : 'CPU µs each',
    ...(hasC ? ['CPU / C'] : []),
    workload.tls ? 'CPU / node:tls' : isUdp ? 'CPU / node:dgram' : 'CPU / node:net',
    ...(workload.tls ? ['rate / node:tls'] : []),
  ];
  const hasLatency = workload.unit === 'operation' && workload.kind !== 'udp-source';
  const latency = hasLatency ? ['p50 µs', 'p99 µs'] : [];
  return table(
    [...header, ...latency],
    [...rows]
      .sort((a, b) => (a.cpuUs?.median ?? 0) - (b.cpuUs?.median ?? 0))
      .map((row) => [
        label(row),
        ...[
          spread(row.rate, rate),
          spread(row.cpuUs, cpu),
          ...(hasC ? [spread(row.cpuVersusC, times)] : []),
          spread(row.cpuVersusNode, times),
          ...(workload.tls ? [spread(row.rateVersusNode, times)] : []),
        ],
        ...(hasLatency ? [median(row.p50us), median(row.p99us)] : []),
      ]),
  );
}

/** @param {MemoryResult} result */
function memoryTable({ rows }) {
  return table(
    ['server', 'KiB per connection', 'MiB before the first'],
    [...rows]
      .sort((a, b) => (a.kibPerConnection?.median ?? 0) - (b.kibPerConnection?.median ?? 0))
      .map((row) => [label(row), spread(row.kibPerConnection, (n) => n.toFixed(1)), median(row.baseMib)]),
  );
}

/** @param {Run} run */
function machineSection({ date, bowline, machine, seconds }) {
  const { description, nodes, c, python, bun, missing } = machine;
  const versions = [
    ...nodes.map((node) => `Node ${node.version}`),
    ...(bun ? [`Bun ${bun.version}`] : []),
    ...(python?.trio ? [`Trio ${python.trio}`] : []),
    ...(python?.uvloop ? [`uvloop ${python.uvloop}`] : []),
    ...(c ? [c.compiler] : []),
  ];
  return [
    `- bowline ${bowline}, ${date}, ${Math.round(seconds / 60)} minutes`,
    `- ${description.cpu}, ${description.cores} cores, ${description.memoryGiB} GiB, ${description.kernel}; load average before the run ${description.loadBefore.toFixed(1)}`,
    `- ${versions.join(', ')}`,
    ...(missing.length > 0 ? [`- not on this machine: ${missing.join('; ')}`] : []),
    '',
  ].join('\n');
}

/** @param {Run} run */
function methodSection({ options, machine, results }) {
  const dropped = results.reduce((sum, result) => sum + ('droppedWindows' in result ? result.droppedWindows : 0), 0);
  const pinned = machine.description.pinned ? ' pinned to one core, the load generator to another' : ' not pinned';
  return `## Method

Loopback only. All servers of a table are alive at once,${pinned}. In each of ${options.rounds} rounds every server gets one
window (${options.windowMs} ms of requests, or one bulk connection), in shuffled order. CPU is the server's, all threads, from
/proc/PID/task/*/schedstat, with the server silent at both ends of the window. Bulk servers are
started anew every second round, because the pages a process gets decide how fast the kernel copies for it. Ratios are formed inside a round, then the median is
taken: trust them before the absolute figures. Cells are medians (min–max). "CPU / node:net" is against 'data' handlers on the same
Node, for other engines on the Node that ran the bench; "node:tls" likewise. Windows with stolen time are measured again; ${dropped} were dropped. Memory is the
growth of the resident set of a fresh process, nothing collected by force. bowline's servers are written with its public API:
\`receiveSome\` or \`receiveInto\` and \`sendAll\` in an async handler, under \`serveTcp\`, or in a bare accept loop that opens no scope.
`;
}

/** @param {{ name: string, family: string }} row */
function label({ name, family }) {
  return family === 'bowline' ? `**${name}**` : name;
}

/** @param {Summary | null} summary @param {(n: number) => string} format */
function spread(summary, format) {
  return summary === null ? '' : `${format(summary.median)} (${format(summary.min)}–${format(summary.max)})`;
}

/** @param {Summary | null} summary */
function median(summary) {
  return summary === null ? '' : Math.round(summary.median).toLocaleString('en');
}

/** @param {string[]} header @param {string[][]} rows */
function table(header, rows) {
  const widths = header.map((title, i) => Math.max(3, title.length, ...rows.map((row) => row[i].length)));
  const line = (/** @type {string[]} */ cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

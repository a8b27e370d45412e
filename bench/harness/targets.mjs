// The speed and memory bowline holds itself to, and whether this run saw it.
//
// All are ratios against node:net's 'data' handlers (UDP: node:dgram's) on the same Node, per round (a pull API that costs more than callbacks would
// be a reason to keep callbacks), one against Trio, memory in KiB, and for TLS rates against node:tls and Trio's SSLStream. Node 20 has its own figures: entering an AsyncLocalStorage,
// which every scope does, makes each await dearer there; a process that only loops on accept() never enters one.

/**
 * @typedef {'cpuVersusNode' | 'rateVersusNode' | 'rateVersusTrio' | 'kibPerConnection'} Measure
 * @typedef {{ workload: string, variant: string, nodeMajor: number | null, measure: Measure, atMost?: number, atLeast?: number }} Target
 *          nodeMajor null: on every Node that ran
 * @typedef {{ target: Target, name: string, value: number, met: boolean }} Verdict
 */

/** @type {readonly Target[]} */
export const targets = [
  { workload: 'http-64', variant: 'serveTcp', nodeMajor: 24, measure: 'cpuVersusNode', atMost: 0.95 },
  { workload: 'http-64', variant: 'serveTcp', nodeMajor: 24, measure: 'rateVersusTrio', atLeast: 2.2 },
  { workload: 'echo-100', variant: 'serveTcp', nodeMajor: 24, measure: 'cpuVersusNode', atMost: 1.0 },
  { workload: 'bulk-receive', variant: 'serveTcp-into', nodeMajor: 24, measure: 'cpuVersusNode', atMost: 0.6 },
  { workload: 'bulk-receive', variant: 'serveTcp', nodeMajor: 24, measure: 'cpuVersusNode', atMost: 1.05 },
  { workload: 'bulk-send', variant: 'serveTcp', nodeMajor: 24, measure: 'cpuVersusNode', atMost: 1.05 },
  { workload: 'http-64', variant: 'serveTcp', nodeMajor: 20, measure: 'cpuVersusNode', atMost: 1.2 },
  { workload: 'echo-100', variant: 'serveTcp', nodeMajor: 20, measure: 'cpuVersusNode', atMost: 1.2 },
  { workload: 'http-64', variant: 'bare', nodeMajor: 20, measure: 'cpuVersusNode', atMost: 0.95 },
  { workload: 'echo-100', variant: 'bare', nodeMajor: 20, measure: 'cpuVersusNode', atMost: 1.0 },
  { workload: 'tls-echo-100', variant: 'https', nodeMajor: null, measure: 'rateVersusNode', atLeast: 1 },
  { workload: 'tls-echo-100', variant: 'https', nodeMajor: null, measure: 'rateVersusTrio', atLeast: 3 },
  { workload: 'tls-bulk-send', variant: 'https', nodeMajor: null, measure: 'rateVersusNode', atLeast: 1 },
  { workload: 'tls-bulk-receive', variant: 'https', nodeMajor: null, measure: 'rateVersusNode', atLeast: 1 },
  { workload: 'tls-echo-100', variant: 'strict', nodeMajor: 20, measure: 'rateVersusNode', atLeast: 0.6 },
  { workload: 'tls-echo-100', variant: 'strict', nodeMajor: 24, measure: 'rateVersusNode', atLeast: 0.7 },
  { workload: 'tls-bulk-send', variant: 'strict', nodeMajor: null, measure: 'rateVersusNode', atLeast: 0.75 },
  { workload: 'tls-bulk-receive', variant: 'strict', nodeMajor: null, measure: 'rateVersusNode', atLeast: 0.75 },
  { workload: 'tls-handshakes', variant: 'strict', nodeMajor: null, measure: 'rateVersusNode', atLeast: 0.9 },
  { workload: 'udp-echo', variant: 'onDatagram', nodeMajor: null, measure: 'cpuVersusNode', atMost: 1.0 },
  { workload: 'udp-echo', variant: 'receive', nodeMajor: null, measure: 'cpuVersusNode', atMost: 1.17 },
  { workload: 'udp-send', variant: 'send-connected', nodeMajor: null, measure: 'cpuVersusNode', atMost: 0.71 },
  { workload: 'idle', variant: 'bare', nodeMajor: null, measure: 'kibPerConnection', atMost: 5.5 },
  { workload: 'idle', variant: 'serveTcp', nodeMajor: null, measure: 'kibPerConnection', atMost: 7.5 },
];

/**
 * @param {readonly (import('./measure.mjs').Result | import('./memory.mjs').MemoryResult)[]} results
 * @returns {Verdict[]} one for each target and row that this run could judge
 */
export function judge(results) {
  return targets.flatMap((target) =>
    results
      .filter((result) => result.workload.name === target.workload)
      .flatMap((result) => /** @type {any[]} */ (result.rows))
      .filter(
        (row) => row.variant === target.variant && (target.nodeMajor === null || row.nodeMajor === target.nodeMajor),
      )
      .flatMap((row) => {
        const value = row[target.measure]?.median;
        if (value === undefined) return [];
        const met = value <= (target.atMost ?? Infinity) && value >= (target.atLeast ?? -Infinity);
        return [{ target, name: row.name, value, met }];
      }),
  );
}

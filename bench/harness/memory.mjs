// What an idle connection weighs: growth of the server's resident memory while it accepts ten thousand clients that stay silent.
//
// Each sample is a fresh process, since a heap that has grown once hides what it takes later, and no garbage collection is
// forced: what a program really occupies includes the garbage of having accepted. Every server of the bench has a read
// outstanding on each connection (a 'data' handler, a parked receiveSome), as a real idle connection has. Kernel memory,
// which is the same for all, is not in the figure.
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { start, stop } from './measure.mjs';
import { shuffled, summarise } from './statistics.mjs';

const SETTLE_MS = 700;
const PATIENCE_MS = 45_000;

/**
 * @typedef {{ name: string, family: string, variant: string, engine: string, nodeMajor: number | null,
 *             kibPerConnection: import('./statistics.mjs').Summary | null, baseMib: import('./statistics.mjs').Summary | null }} MemoryRow
 * @typedef {{ workload: import('./workloads.mjs').Workload, rows: MemoryRow[], failed: { name: string, error: string }[], rounds: number }} MemoryResult
 */

/**
 * @param {import('./machine.mjs').Machine} machine
 * @param {import('./workloads.mjs').Workload} workload
 * @param {readonly import('./contestants.mjs').Contestant[]} contestants
 * @param {{ rounds: number, until: number }} effort
 * @param {(text: string) => void} progress
 * @returns {Promise<MemoryResult>}
 */
export async function measureMemory(machine, workload, contestants, effort, progress) {
  /** @type {Map<import('./contestants.mjs').Contestant, { kib: number[], base: number[] }>} */
  const samples = new Map(contestants.map((contestant) => [contestant, { kib: [], base: [] }]));
  /** @type {MemoryResult['failed']} */
  const failed = [];
  let round = 0;
  for (; round < effort.rounds && performance.now() < effort.until; round++) {
    progress(`round ${round + 1} of ${effort.rounds}`);
    for (const contestant of shuffled([...samples.keys()])) {
      try {
        const { before, after } = await sample(machine, workload, contestant);
        samples.get(contestant)?.kib.push((after - before) / workload.connections);
        samples.get(contestant)?.base.push(before / 1024);
      } catch (error) {
        samples.delete(contestant);
        failed.push({ name: contestant.name, error: error instanceof Error ? error.message : String(error) });
      }
    }
  }
  const rows = [...samples].map(([{ name, family, variant, engine, nodeMajor }, { kib, base }]) => ({
    ...{ name, family, variant, engine, nodeMajor },
    ...{ kibPerConnection: summarise(kib), baseMib: summarise(base) },
  }));
  return { workload, rows, failed, rounds: round };
}

/**
 * Resident KiB before the first connection and with all of them.
 * @param {import('./machine.mjs').Machine} machine
 * @param {import('./workloads.mjs').Workload} workload
 * @param {import('./contestants.mjs').Contestant} contestant
 */
async function sample(machine, workload, contestant) {
  const runner = await start(machine, workload, contestant);
  try {
    const { pid } = runner.server;
    await sleep(SETTLE_MS);
    const before = residentKib(pid);
    const files = openFiles(pid);
    await runner.load.ask(`idle ${workload.connections}`, PATIENCE_MS);
    // Connected means "in the kernel's queue": wait until the server holds them all.
    const patience = performance.now() + PATIENCE_MS;
    while (openFiles(pid) < files + workload.connections) {
      if (performance.now() > patience) throw new Error(`accepted only ${openFiles(pid) - files} connections`);
      await sleep(50);
    }
    await sleep(SETTLE_MS);
    return { before, after: residentKib(pid) };
  } finally {
    stop(runner);
  }
}

/** @param {number} pid */
function residentKib(pid) {
  return Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN);
}

/** @param {number} pid */
function openFiles(pid) {
  return readdirSync(`/proc/${pid}/fd`).length;
}

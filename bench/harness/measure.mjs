// One workload, all contestants: the measurement itself.
//
// Every contestant is started and warmed up first and stays alive; then, round after round, each gets one short window in
// shuffled order. What changes on the machine within seconds (frequency, neighbours, caches) thus hits all alike, and what
// changes within minutes cancels in ratios that are formed inside a round. A window in which the hypervisor stole time is
// measured again, and dropped if that does not help. A contestant that fails is left out with its error; the rest goes on.
//
// In bulk nearly all the time is the kernel copying, and how fast it copies depends on the physical pages a process happened to
// get: one and the same server differs from its own copies by a seventh, for as long as each lives. No number of rounds
// averages that away, so bulk servers are started anew every second round.
import { LineProcess } from './line-process.mjs';
import { ratio, shuffled, summarise } from './statistics.mjs';

const START_MS = 15_000;
const ANSWER_MS = 45_000;
const ATTEMPTS_PER_WINDOW = 3;
/** Enough for a JIT to have compiled what is hot, however slow the machine is just now. */
const WARM_OPERATIONS = 30_000;
const WARM_WINDOWS = 6;
const BULK_ROUNDS_PER_PROCESS = 2;

/**
 * @typedef {import('./contestants.mjs').Contestant} Contestant
 * @typedef {import('./workloads.mjs').Workload} Workload
 * @typedef {import('./statistics.mjs').Summary} Summary
 * @typedef {{ rate: number, cpuUs: number, p50us: number, p99us: number }} Window rate in units per second, CPU in us per unit
 * @typedef {{ contestant: Contestant, server: LineProcess, load: LineProcess, windows: (Window | undefined)[] }} Runner
 * @typedef {{ name: string, family: string, variant: string, engine: string, nodeMajor: number | null,
 *             rate: Summary | null, cpuUs: Summary | null, p50us: Summary | null, p99us: Summary | null,
 *             cpuVersusC: Summary | null, cpuVersusNode: Summary | null, rateVersusNode: Summary | null,
 *             rateVersusTrio: Summary | null }} Row
 * @typedef {{ workload: Workload, rows: Row[], failed: { name: string, error: string }[], rounds: number, droppedWindows: number }} Result
 * @typedef {{ rounds: number, windowMs: number, warmUpMs: number, until: number }} Effort `until` in performance.now() time
 */

/**
 * @param {import('./machine.mjs').Machine} machine
 * @param {Workload} workload
 * @param {readonly Contestant[]} contestants
 * @param {Effort} effort
 * @param {(text: string) => void} progress
 * @returns {Promise<Result>}
 */
export async function measure(machine, workload, contestants, effort, progress) {
  /** @type {Result['failed']} */
  const failed = [];
  /** @type {Runner[]} */
  let runners = [];
  let dropped = 0;
  let round = 0;

  /** @template T @param {Contestant} contestant @param {() => Promise<T>} work @returns {Promise<T | undefined>} */
  const guarded = async (contestant, work) => {
    try {
      return await work();
    } catch (error) {
      failed.push({ name: contestant.name, error: error instanceof Error ? error.message : String(error) });
      runners = runners.filter((runner) => runner.contestant !== contestant);
      return undefined;
    }
  };

  try {
    for (const contestant of contestants) {
      progress(`starting ${contestant.name}`);
      await guarded(contestant, async () => {
        const runner = await start(machine, workload, contestant);
        runners.push(runner);
        await warmUp(runner, workload, effort.warmUpMs);
      });
    }
    for (; round < effort.rounds && performance.now() < effort.until; round++) {
      progress(`round ${round + 1} of ${effort.rounds}`);
      if (workload.unit === 'MiB' && round > 0 && round % BULK_ROUNDS_PER_PROCESS === 0) {
        for (const runner of runners)
          await guarded(runner.contestant, () => restart(machine, runner, workload, effort));
      }
      for (const runner of shuffled(runners)) {
        await guarded(runner.contestant, async () => {
          for (let attempt = 0; attempt < ATTEMPTS_PER_WINDOW && runner.windows[round] === undefined; attempt++) {
            const { window, stolen } = await run(runner, workload, effort.windowMs);
            if (stolen) dropped++;
            else runner.windows[round] = window;
          }
        });
      }
    }
  } finally {
    for (const runner of runners) stop(runner);
  }
  return {
    workload,
    rows: runners.map((runner) => row(runner, runners)),
    failed,
    rounds: round,
    droppedWindows: dropped,
  };
}

/**
 * Starts a server and its load generator, connected.
 * @param {import('./machine.mjs').Machine} machine
 * @param {Workload} workload
 * @param {Contestant} contestant
 * @returns {Promise<Runner>}
 */
export async function start(machine, workload, contestant) {
  const program = workload.tls ? machine.c?.loadTls : machine.c?.load;
  if (workload.tls && !program) throw new Error('TLS workloads need the generator in C, with OpenSSL');
  const worker = new URL('./load-worker.mjs', import.meta.url).pathname;
  const server = new LineProcess(
    contestant.name,
    machine.onServerCore(contestant.argv(workload.kind, workload.bytes ?? 0)),
  );
  const { port } = JSON.parse(await server.next(START_MS));
  const load = new LineProcess(
    'the load generator',
    machine.onLoadCore(program ? [program] : [process.execPath, worker]),
  );
  const connections = workload.unit === 'connection' ? 0 : workload.connections;
  const open = workload.kind.startsWith('udp')
    ? `udp 127.0.0.1 ${port} ${server.pid}`
    : `open 127.0.0.1 ${port} ${server.pid} ${connections}`;
  await load.ask(open, ANSWER_MS);
  return { contestant, server, load, windows: [] };
}

/**
 * @param {import('./machine.mjs').Machine} machine
 * @param {Runner} runner
 * @param {Workload} workload
 * @param {Effort} effort
 */
async function restart(machine, runner, workload, effort) {
  stop(runner);
  const { server, load } = await start(machine, workload, runner.contestant);
  Object.assign(runner, { server, load });
  await warmUp(runner, workload, effort.warmUpMs);
}

/** @param {{ server: LineProcess, load: LineProcess }} runner */
export function stop({ server, load }) {
  load.kill();
  server.kill();
}

/**
 * Two windows at least, and more until the server has done enough to be at its speed.
 * @param {Runner} runner
 * @param {Workload} workload
 * @param {number} windowMs
 */
async function warmUp(runner, workload, windowMs) {
  let operations = 0;
  for (let windows = 0; windows < WARM_WINDOWS && (windows < 2 || operations < WARM_OPERATIONS); windows++) {
    operations += (await run(runner, workload, windowMs)).operations;
  }
}

/**
 * @param {Runner} runner
 * @param {Workload} workload
 * @param {number} windowMs
 * @returns {Promise<{ window: Window, operations: number, stolen: boolean }>} of a bulk window the operations are bytes
 */
async function run(runner, workload, windowMs) {
  const bulk = workload.unit === 'MiB';
  const command = commandFor(workload, windowMs);
  const { operations, wallNs, cpuNs, stolenTicks, p50us, p99us } = await runner.load.ask(command, ANSWER_MS);
  const units = bulk ? operations / 2 ** 20 : operations;
  return {
    window: { rate: units / (wallNs / 1e9), cpuUs: cpuNs / 1e3 / units, p50us, p99us },
    operations,
    stolen: stolenTicks > 0,
  };
}

/** @param {Workload} workload @param {number} windowMs */
function commandFor({ kind, unit, connections, request, response, bytes }, windowMs) {
  if (kind === 'udp-echo') return `udp-echo ${windowMs} ${connections} ${request}`;
  if (kind === 'udp-source') return `udp-source ${bytes} ${request}`;
  if (unit === 'handshake') return `handshakes ${windowMs}`;
  if (unit === 'MiB') return `${kind === 'sink' ? 'sink' : 'source'} ${bytes}`;
  return `exchange ${windowMs} ${request} ${response}`;
}

/**
 * @param {Runner} runner
 * @param {readonly Runner[]} all
 * @returns {Row}
 */
function row({ contestant, windows }, all) {
  const { name, family, variant, engine, nodeMajor, reference } = contestant;
  const series = (/** @type {keyof Window} */ key, of = windows) => Array.from(of, (window) => window?.[key]);
  const present = (/** @type {keyof Window} */ key) => summarise(series(key).filter((value) => value !== undefined));
  const versus = (/** @type {keyof Window} */ key, /** @type {(other: Contestant) => boolean} */ which) => {
    const other = all.find((runner) => which(runner.contestant));
    return other === undefined ? null : ratio(series(key), series(key, other.windows));
  };
  return {
    ...{ name, family, variant, engine, nodeMajor },
    ...{ rate: present('rate'), cpuUs: present('cpuUs'), p50us: present('p50us'), p99us: present('p99us') },
    cpuVersusC: versus('cpuUs', (other) => other.variant === 'c'),
    cpuVersusNode: versus('cpuUs', (other) => other.name === reference),
    rateVersusNode: versus('rate', (other) => other.name === reference),
    rateVersusTrio: versus('rate', (other) => other.variant === 'trio'),
  };
}

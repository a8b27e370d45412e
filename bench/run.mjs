// `npm run bench`: bowline side by side with its named peers, in one run, on this machine.
//
// Claims about speed are worth what their comparison is worth: same machine, same minute, same bytes, the rival written the
// way its users write it. So every server runs here, interleaved (harness/measure.mjs), against one load generator
// (c/load.c), and the run judges itself against the targets (harness/targets.mjs). Linux only: it reads /proc and pins with
// taskset. A whole run writes bench/RESULTS.md; --quick and --only print, because part of a run must not replace a whole one.
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { contestants } from './harness/contestants.mjs';
import { killAll } from './harness/line-process.mjs';
import { inspect } from './harness/machine.mjs';
import { measure } from './harness/measure.mjs';
import { measureMemory } from './harness/memory.mjs';
import { report, resultSection, targetSection } from './harness/report.mjs';
import { judge } from './harness/targets.mjs';
import { workloads } from './harness/workloads.mjs';

const usage = `usage: npm run bench -- [options]
  --quick         a rough answer in under two minutes (default: 15 at most)
  --only NAME     one workload; repeatable
  --rounds N      rounds per workload (default 11, idle 3; quick 3, idle 1)
  --json FILE     also write everything as JSON
  --list          name the workloads and the contestants, and stop
`;

process.on('exit', killAll);
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
  process.on(signal, () => process.exit(130));

process.exitCode = await main();

async function main() {
  const options = readOptions();
  if (options === null) return 2;
  if (process.platform !== 'linux') {
    process.stderr.write('the bench needs Linux: it reads CPU time from /proc\n');
    return 2;
  }
  const all = workloads(options);
  const unknown = options.only.find((name) => !all.some((workload) => workload.name === name));
  if (unknown !== undefined) {
    process.stderr.write(`no such workload: ${unknown} (one of ${all.map(({ name }) => name).join(', ')})\n`);
    return 2;
  }
  const chosen = all.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
  const machine = inspect();
  if (options.list) {
    for (const workload of chosen) {
      process.stdout.write(`${workload.name.padEnd(14)}${workload.title}\n`);
      for (const { name, engine } of contestants(machine, workload))
        process.stdout.write(`${''.padEnd(16)}${name}, ${engine}\n`);
    }
    for (const what of machine.missing) process.stdout.write(`not here: ${what}\n`);
    return 0;
  }

  const started = performance.now();
  const budgetMs = options.quick ? 110_000 : 14 * 60_000;
  const results = [];
  for (const [index, workload] of chosen.entries()) {
    const progress = (/** @type {string} */ text) => note(`${workload.name}: ${text}`);
    // Each workload may use its share of what is left, so that a slow one cannot starve the last.
    const until = performance.now() + (started + budgetMs - performance.now()) / (chosen.length - index);
    const entrants = contestants(machine, workload);
    const result =
      workload.unit === 'connection'
        ? await measureMemory(machine, workload, entrants, { rounds: options.idleRounds, until }, progress)
        : await measure(machine, workload, entrants, { ...options, until }, progress);
    note('');
    results.push(result);
    process.stdout.write(`${resultSection(result)}\n`);
  }

  const run = {
    date: new Date().toISOString().slice(0, 10),
    bowline: JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version,
    seconds: (performance.now() - started) / 1000,
    options,
    machine,
    results,
    verdicts: judge(results),
  };
  process.stdout.write(`${targetSection(run)}\n`);
  if (!options.quick && options.only.length === 0) {
    const file = new URL('./RESULTS.md', import.meta.url);
    writeFileSync(file, report(run));
    process.stdout.write('written: bench/RESULTS.md\n');
  }
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(run, null, 2)}\n`);
  return results.some((result) => result.failed.length > 0) ? 1 : 0;
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        rounds: { type: 'string' },
        json: { type: 'string' },
        list: { type: 'boolean', default: false },
      },
    });
    const rounds = Number(values.rounds ?? (values.quick ? 3 : 11));
    if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000)
      throw new Error('--rounds takes a whole number from 1 to 1000');
    const idleRounds = values.rounds !== undefined ? rounds : values.quick ? 1 : 3;
    const pace = values.quick ? { windowMs: 200, warmUpMs: 250 } : { windowMs: 300, warmUpMs: 500 };
    return {
      ...values,
      only: values.only ?? [],
      quick: values.quick ?? false,
      list: values.list ?? false,
      rounds,
      idleRounds,
      ...pace,
    };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return null;
  }
}

/** One line that is overwritten, on a terminal only. @param {string} text */
function note(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/**
 * A command line, run: understand it, do it, say how it ended. Returns the exit status and never throws.
 *
 * What a command does not need is not loaded: a start costs about 0.7 ms for each module, and `bowline connect` is often
 * started for one short connection.
 *
 * With --workers the primary process does nothing but watch its workers (workers.ts), each of which runs this same
 * function and reports to it instead of printing.
 */
import { readFileSync } from 'node:fs';
import process from 'node:process';

import { AddressError } from '../core/errors.ts';
import { describeReport, setReporter } from '../observe/index.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import { parseArguments } from './arguments.ts';
import type { Command } from './arguments.ts';
import { exitStatus, statusOfSignal } from './exit-status.ts';
import { causesOf, describeFailure, EndpointFailure } from './failure.ts';
import { followSignals, Interruption } from './interruption.ts';
import { Messages } from './messages.ts';
import type { Plan } from './plan.ts';
import { Run } from './run.ts';
import { costOfThisProcess } from './statistics.ts';
import type { RunResult, Totals } from './statistics.ts';
import { UsageError } from './usage-error.ts';
import { followPrimary, isWorker, tellPrimary, workerNumber } from './worker-messages.ts';

/** After the second signal: how long the ends of things are waited for. */
const CUT_GRACE_MS = 1000;
const TELL_TOTALS_MS = 500;

/** @param words the arguments, without `node` and the script */
export async function runCommand(words: readonly string[], script: string): Promise<number> {
  const messages = new Messages(process.stderr);
  let plan: Plan | string;
  try {
    plan = await planOf(parseArguments(words), messages);
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof AddressError || error instanceof EndpointFailure))
      throw error;
    messages.say(describeFailure(error));
    return error instanceof EndpointFailure ? exitStatus.failure : exitStatus.usage;
  }
  if (typeof plan === 'string') {
    process.stdout.write(plan);
    return exitStatus.ok;
  }
  setReporter((event) => {
    // What a handler throws is told with its connection.
    if (event.kind !== 'handler-error') messages.say(describeReport(event).text);
  });
  const interruption = new Interruption();
  const print = plan.outputIsData
    ? messages.raw.bind(messages)
    : (line: string) => void process.stdout.write(`${line}\n`);
  const { command, settings, isSingle } = plan;
  const run = new Run({
    command,
    settings,
    isSingle,
    messages,
    interruption,
    printJson: print,
    worker: workerNumber(),
  });
  interruption.cut.addEventListener('abort', () => {
    setTimeout(() => process.exit(statusOfSignal(interruption.signal ?? 'SIGTERM')), CUT_GRACE_MS).unref();
  });
  if (isWorker()) return await runAsWorker(plan, run);
  const unfollow = followSignals(process, (signal) => {
    if (!interruption.stop.aborted && !isSingle) messages.say('stopping: a second signal cuts what is still open');
    interruption.request(signal);
  });
  try {
    return await (settings.workers > 1 ? runWithWorkers(run, words, script) : runAlone(plan, run));
  } finally {
    unfollow();
  }
}

/** What to do, or the text to print. */
async function planOf(command: Command, messages: Messages): Promise<Plan | string> {
  switch (command.name) {
    case 'help': {
      const { helpOf, overview } = await import('./help.ts');
      return command.topic === undefined ? overview() : helpOf(command.topic);
    }
    case 'version':
      return `bowline ${version()}\n`;
    case 'relay': {
      const { planRelay } = await import('./relay.ts');
      return checked(planRelay(command));
    }
    case 'connect': {
      if (command.info) {
        const { planInfo } = await import('./tls-info.ts');
        return checked(planInfo(command.address, command.settings));
      }
      const { planConnect } = await import('./connect.ts');
      return checked(planConnect(command.address, command.settings));
    }
    case 'serve': {
      const { planServe } = await import('./serve.ts');
      return checked(planServe(command.address, command.service, command.settings));
    }
    case 'cert': {
      const { makeCertificate } = await import('./cert.ts');
      return makeCertificate(command.wishes, (warning) => messages.say(warning));
    }
  }
}

function checked(plan: Plan): Plan {
  const { settings, noWorkersBecause } = plan;
  if (settings.workers > 1 && noWorkersBecause !== undefined)
    throw new UsageError(`no --workers here: ${noWorkersBecause}`);
  return plan;
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

async function runAlone(plan: Plan, run: Run): Promise<number> {
  const { messages, statistics } = run;
  const hide = await showProgress(run, () => statistics.totals());
  try {
    const result = await carryOut(plan, run, (addresses) => {
      for (const address of addresses) messages.say(`listening on ${address}`);
    });
    const status = run.status();
    run.printReport(status, result, statistics.totals(), costOfThisProcess());
    return status;
  } catch (error) {
    run.fail(describeFailure(error), error);
    run.printReport(exitStatus.failure, {}, statistics.totals(), costOfThisProcess());
    return exitStatus.failure;
  } finally {
    hide();
  }
}

/** Draws the live line, if asked for; returns what takes it away. */
async function showProgress({ settings, messages }: Run, totals: () => Totals): Promise<() => void> {
  if (!settings.progress) return () => undefined;
  const { showThroughput } = await import('./throughput-line.ts');
  return showThroughput(messages, totals, () => performance.now());
}

/** Runs the plan until it has ended or is cut. */
async function carryOut(plan: Plan, run: Run, onListening: (addresses: readonly string[]) => void): Promise<RunResult> {
  const scope = new CancelScope({ signal: run.interruption.cut });
  return (await scope.run(() => plan.run(run, onListening))) ?? {};
}

async function runWithWorkers(run: Run, words: readonly string[], script: string): Promise<number> {
  const { messages, interruption, settings } = run;
  const { workers: count, verbosity } = settings;
  const { WorkerPool } = await import('./workers.ts');
  const pool = new WorkerPool({ count, script, words, messages, interruption, verbosity });
  const hide = await showProgress(run, () => pool.totals());
  try {
    const status = await pool.run();
    run.printReport(status, {}, pool.totals(), pool.cost());
    return status;
  } finally {
    hide();
  }
}

async function runAsWorker(plan: Plan, run: Run): Promise<number> {
  const { interruption, statistics } = run;
  // A terminal's Ctrl-C comes here as well as to the primary: only the primary makes two of them more than one.
  followSignals(process, (signal) => interruption.take('stop', signal));
  followPrimary((step, signal) => interruption.take(step, signal));
  const tellTotals = (): Promise<void> =>
    tellPrimary({ kind: 'totals', totals: statistics.totals(), cost: costOfThisProcess() });
  const timer = setInterval(() => void tellTotals(), TELL_TOTALS_MS);
  try {
    await carryOut(plan, run, (addresses) => void tellPrimary({ kind: 'listening', addresses }));
    await tellTotals();
    return run.status();
  } catch (error) {
    await tellPrimary({ kind: 'refused', reason: describeFailure(error), causes: causesOf(error) });
    return exitStatus.failure;
  } finally {
    clearInterval(timer);
  }
}

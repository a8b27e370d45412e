/**
 * `--workers N`: the same command in N processes that share one listening socket (node:cluster).
 *
 * The primary owns the listening socket and hands out connections in turn; each worker runs the whole command as if it
 * were alone. The first worker is started by itself: if the address cannot be bound, that is told once and nothing else is
 * started. Signals come to the primary, which passes them on; a worker that gets one directly (a terminal signals the
 * whole group) stops politely, and only the primary can make it more than that.
 *
 * A worker that dies without having been told to is replaced, a bounded number of times a minute; its last counts are kept.
 */
import cluster from 'node:cluster';
import type { Worker } from 'node:cluster';

import { Event } from '../tasks/event.ts';
import { exitStatus, statusOfSignal } from './exit-status.ts';
import type { Interruption, InterruptionStep } from './interruption.ts';
import type { Messages } from './messages.ts';
import { RestartBudget } from './restart-budget.ts';
import { addCosts, addTotals, costOfThisProcess } from './statistics.ts';
import type { ProcessCost, Totals } from './statistics.ts';
import type { FromWorker, ToWorker } from './worker-messages.ts';

export interface WorkerOptions {
  readonly count: number;
  /** The script to run, with the arguments of this process. */
  readonly script: string;
  readonly words: readonly string[];
  readonly messages: Messages;
  readonly interruption: Interruption;
  readonly verbosity: number;
}

interface Report {
  readonly totals: Totals;
  readonly cost: ProcessCost;
}

/** Cut connections after the second signal, for as long as a worker may take to do so by itself. */
const CUT_GRACE_MS = 2000;

export class WorkerPool {
  readonly #options: WorkerOptions;
  readonly #budget = new RestartBudget();
  readonly #alive = new Set<Worker>();
  readonly #reports = new Map<number, Report>();
  #status: number = exitStatus.ok;
  #isStopping = false;
  /** The first worker has told that it serves, or is gone. */
  readonly #firstTold = new Event();
  #isListening = false;
  readonly #allGone = new Event();

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  /** The counts of all workers, those that are gone included. */
  totals(): Totals {
    return addTotals([...this.#reports.values()].map(({ totals }) => totals));
  }

  /** Of all workers, and of this process, which hands out the connections. */
  cost(): ProcessCost {
    return addCosts([costOfThisProcess(), ...[...this.#reports.values()].map(({ cost }) => cost)]);
  }

  /** Runs the workers until all have ended; resolves with the status of the command. */
  async run(): Promise<number> {
    const { count, script, words, interruption } = this.#options;
    cluster.setupPrimary({ exec: script, args: [...words] });
    cluster.on('exit', this.#onExit);
    const onStop = (): void => this.#interrupt('stop');
    const onCut = (): void => this.#cut();
    interruption.stop.addEventListener('abort', onStop, { once: true });
    interruption.cut.addEventListener('abort', onCut, { once: true });
    try {
      this.#start();
      await this.#firstTold.wait();
      if (this.#isListening) for (let i = 1; i < count && !this.#isStopping; i++) this.#start();
      await this.#allGone.wait();
    } finally {
      cluster.off('exit', this.#onExit);
    }
    return this.#status;
  }

  #start(): void {
    const worker = cluster.fork();
    this.#alive.add(worker);
    worker.on('message', (message: FromWorker) => this.#onMessage(worker, message));
    worker.on('error', () => {
      // The channel broke: the exit follows, and counts.
    });
  }

  #onMessage(worker: Worker, message: FromWorker): void {
    const { messages, verbosity } = this.#options;
    switch (message.kind) {
      case 'listening':
        // What it was told before it listened to us is lost.
        if (this.#isStopping) this.#tell(worker, 'stop');
        if (verbosity > 0) messages.say(`worker ${worker.id} is up`);
        if (this.#isListening) return;
        this.#isListening = true;
        for (const address of message.addresses) messages.say(`listening on ${address}`);
        this.#firstTold.set();
        return;
      case 'refused':
        // Only the first worker can say anything new.
        this.#isStopping = true;
        this.#status = exitStatus.failure;
        messages.say(message.reason);
        if (verbosity >= 2) for (const cause of message.causes) messages.raw(`  ${cause}`);
        return;
      case 'totals':
        this.#reports.set(worker.id, message);
    }
  }

  readonly #onExit = (worker: Worker, code: number | null, signal: string | null): void => {
    this.#alive.delete(worker);
    this.#forgetOpen(worker.id);
    const { messages } = this.#options;
    const isFirst = !this.#isListening;
    if (this.#isStopping) {
      if (code !== 0) this.#worsen(code ?? exitStatus.failure);
    } else {
      const how = signal === null || signal === '' ? `status ${code}` : signal;
      if (!isFirst && this.#budget.take(performance.now())) {
        messages.say(`worker ${worker.id} ended with ${how}: starting another`);
        this.#start();
      } else {
        const { maxRestarts, windowMs } = this.#budget;
        const history = isFirst ? '' : ` (after ${maxRestarts} restarts within ${windowMs / 1000} s)`;
        messages.say(`worker ${worker.id} ended with ${how}${history}: giving up`);
        this.#worsen(exitStatus.failure);
        this.#interrupt('stop');
      }
    }
    this.#firstTold.set();
    if (this.#alive.size === 0) this.#allGone.set();
  };

  /** What a worker that is gone had open was cut. */
  #forgetOpen(id: number): void {
    const report = this.#reports.get(id);
    if (report === undefined) return;
    const { open, cut } = report.totals;
    this.#reports.set(id, { ...report, totals: { ...report.totals, open: 0, cut: cut + open } });
  }

  #worsen(status: number): void {
    if (this.#status === exitStatus.ok) this.#status = status;
  }

  #interrupt(step: InterruptionStep): void {
    this.#isStopping = true;
    for (const worker of this.#alive) this.#tell(worker, step);
  }

  #tell(worker: Worker, step: InterruptionStep): void {
    const message: ToWorker = { step, signal: this.#options.interruption.signal ?? 'SIGTERM' };
    if (worker.isConnected()) worker.send(message);
  }

  #cut(): void {
    this.#interrupt('cut');
    this.#status = statusOfSignal(this.#options.interruption.signal ?? 'SIGTERM');
    setTimeout(() => {
      for (const worker of this.#alive) worker.process.kill('SIGKILL');
    }, CUT_GRACE_MS).unref();
  }
}

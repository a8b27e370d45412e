/** One run of a command: what it was told, what it has counted, and how it speaks. */
import type { Settings } from './arguments.ts';
import type { CommandName } from './command-table.ts';
import { exitStatus, statusOfSignal } from './exit-status.ts';
import { causesOf, describeFailure } from './failure.ts';
import type { Interruption } from './interruption.ts';
import type { Messages } from './messages.ts';
import { formatBytes, formatDuration } from './quantities.ts';
import { Statistics, toSeconds } from './statistics.ts';
import type { ConnectionRecord, FinalReport, Outcome, ProcessCost, RunResult, Totals } from './statistics.ts';

export interface RunOptions {
  readonly command: CommandName;
  readonly settings: Settings;
  readonly messages: Messages;
  readonly interruption: Interruption;
  /** Takes the lines of --json, without their ends. */
  readonly printJson: (line: string) => void;
  /** 0, or which of the workers this is. */
  readonly worker: number;
  /** There is one connection: messages need not say which. */
  readonly isSingle: boolean;
}

export class Run {
  readonly settings: Settings;
  readonly messages: Messages;
  readonly interruption: Interruption;
  readonly statistics = new Statistics(() => performance.now());
  readonly #options: RunOptions;
  readonly #startedAtMs = performance.now();

  constructor(options: RunOptions) {
    this.#options = options;
    this.settings = options.settings;
    this.messages = options.messages;
    this.interruption = options.interruption;
  }

  /** What a limit of the whole command means for this process. */
  shareOf<T extends number | undefined>(limit: T): T {
    const { worker } = this.#options;
    return (worker === 0 || limit === undefined ? limit : Math.floor(limit / this.settings.workers)) as T;
  }

  begin(from: string, to: string): ConnectionRecord {
    const record = this.statistics.begin(from, to);
    if (this.settings.verbosity > 0) this.messages.say(`${this.#nameOf(record)} to ${to}`);
    return record;
  }

  end(record: ConnectionRecord, outcome: Outcome, error?: unknown): void {
    const { verbosity, json } = this.settings;
    const { isSingle, worker } = this.#options;
    const complaint = error === undefined ? undefined : describeFailure(error);
    const report = this.statistics.end(record, outcome, complaint);
    const { seconds, forwardBytes, backwardBytes } = report;
    const ending = { ok: 'ended', failed: 'failed', idle: 'was idle for too long', cut: 'was cut' }[outcome];
    if (complaint !== undefined) {
      // The name of the connection says already where it is from.
      const what = complaint.startsWith(`${record.from}: `) ? complaint.slice(record.from.length + 2) : complaint;
      this.fail(isSingle ? complaint : `${this.#nameOf(record)}: ${what}`, error);
    } else if (isSingle && outcome === 'idle') {
      this.messages.say(
        `${record.to}: no byte in either direction for ${formatDuration(this.settings.idleTimeoutMs ?? 0)}`,
      );
    } else if (verbosity > 0) {
      this.messages.say(
        `${this.#nameOf(record)} ${ending} after ${formatDuration(seconds * 1000)}, ` +
          `→ ${formatBytes(forwardBytes)}, ← ${formatBytes(backwardBytes)}`,
      );
    }
    if (json && verbosity > 0) this.#options.printJson(JSON.stringify(worker === 0 ? report : { ...report, worker }));
  }

  /** Says what went wrong, in one line; with -vv also why, one line each. */
  fail(line: string, error: unknown): void {
    this.messages.say(line);
    if (this.settings.verbosity < 2) return;
    for (const cause of causesOf(error)) this.messages.raw(`  ${cause}`);
  }

  /** The status of a run that has got to its end. */
  status(): number {
    const { cut, signal } = this.interruption;
    const totals = this.statistics.totals();
    if (signal !== undefined && (cut.aborted || totals.cut > 0)) return statusOfSignal(signal);
    // What happens to one of many connections does not make the server fail.
    return this.#options.isSingle && totals.failed + totals.idle > 0 ? exitStatus.failure : exitStatus.ok;
  }

  /** Prints the last line of --json, if asked for. */
  printReport(status: number, extra: RunResult, totals: Totals, cost: ProcessCost): void {
    if (!this.settings.json) return;
    const report: FinalReport = {
      event: 'end',
      command: this.#options.command,
      status,
      ...totals,
      ...extra,
      workers: this.settings.workers,
      seconds: toSeconds(performance.now() - this.#startedAtMs),
      ...cost,
    };
    this.#options.printJson(JSON.stringify(report));
  }

  #nameOf({ id, from }: ConnectionRecord): string {
    const { worker } = this.#options;
    return `connection ${worker === 0 ? '' : `${worker}.`}${id} from ${from}`;
  }
}

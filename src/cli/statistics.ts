/**
 * Counts of connections and bytes, and what they cost, for the last line, the live line and the tables of scripts.
 *
 * `forward` is the direction from the side that was accepted (or standard input) to the side that was connected (or the
 * built-in service), `backward` the other. CPU time and memory are those of this process and, with --workers, of all
 * workers together; the commands of exec: are not in it.
 */
import type { CommandName } from './command-table.ts';

export type Outcome =
  /** Both directions ended as they should. */
  | 'ok'
  /** One side could not be reached or broke. */
  | 'failed'
  /** --idle-timeout ended it. */
  | 'idle'
  /** A signal ended it. */
  | 'cut';

export interface Totals {
  /** Connections that began. */
  readonly connections: number;
  readonly open: number;
  /** Most connections open at once. */
  readonly peakOpen: number;
  readonly failed: number;
  readonly idle: number;
  readonly cut: number;
  readonly forwardBytes: number;
  readonly backwardBytes: number;
}

/** A connection while it is open. Its byte counts may be added to by whoever moves the bytes. */
export interface ConnectionRecord {
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly startedAtMs: number;
  forwardBytes: number;
  backwardBytes: number;
}

/** A connection that has ended, as printed with `--json -v`. */
export interface ConnectionReport {
  readonly event: 'connection';
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly outcome: Outcome;
  readonly seconds: number;
  readonly forwardBytes: number;
  readonly backwardBytes: number;
  readonly error?: string;
}

/** What a command has to tell besides its counts; part of the last line of `--json`. */
export interface RunResult {
  /** Most commands alive at once; absent where none are run. */
  readonly peakChildren?: number;
}

/** The last line of `--json`. */
export interface FinalReport extends Totals, RunResult {
  readonly event: 'end';
  readonly command: CommandName;
  readonly status: number;
  readonly workers: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Largest resident set; of all workers added up. */
  readonly peakMemoryBytes: number;
}

/** What a process used up. */
export interface ProcessCost {
  readonly cpuSeconds: number;
  readonly peakMemoryBytes: number;
}

export const noTotals: Totals = Object.freeze({
  connections: 0,
  open: 0,
  peakOpen: 0,
  failed: 0,
  idle: 0,
  cut: 0,
  forwardBytes: 0,
  backwardBytes: 0,
});

export class Statistics {
  readonly #now: () => number;
  readonly #open = new Set<ConnectionRecord>();
  #ended: Totals = noTotals;
  #peakOpen = 0;

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number) {
    this.#now = now;
  }

  begin(from: string, to: string): ConnectionRecord {
    const { connections } = this.#ended;
    const id = connections + 1;
    this.#ended = { ...this.#ended, connections: id };
    const record: ConnectionRecord = { id, from, to, startedAtMs: this.#now(), forwardBytes: 0, backwardBytes: 0 };
    this.#open.add(record);
    this.#peakOpen = Math.max(this.#peakOpen, this.#open.size);
    return record;
  }

  end(record: ConnectionRecord, outcome: Outcome, error?: string): ConnectionReport {
    const { id, from, to, forwardBytes, backwardBytes } = record;
    if (this.#open.delete(record)) {
      const ended = this.#ended;
      this.#ended = {
        ...ended,
        failed: ended.failed + Number(outcome === 'failed'),
        idle: ended.idle + Number(outcome === 'idle'),
        cut: ended.cut + Number(outcome === 'cut'),
        forwardBytes: ended.forwardBytes + forwardBytes,
        backwardBytes: ended.backwardBytes + backwardBytes,
      };
    }
    const seconds = toSeconds(this.#now() - record.startedAtMs);
    const report = { event: 'connection', id, from, to, outcome, seconds, forwardBytes, backwardBytes } as const;
    return error === undefined ? report : { ...report, error };
  }

  totals(): Totals {
    let { forwardBytes, backwardBytes } = this.#ended;
    for (const record of this.#open) {
      forwardBytes += record.forwardBytes;
      backwardBytes += record.backwardBytes;
    }
    return { ...this.#ended, open: this.#open.size, peakOpen: this.#peakOpen, forwardBytes, backwardBytes };
  }
}

/** The totals of several processes; their peaks may have been at different times, so their sum is an upper bound. */
export function addTotals(parts: readonly Totals[]): Totals {
  const sum = { ...noTotals } as Record<keyof Totals, number>;
  for (const part of parts) for (const key of Object.keys(sum) as (keyof Totals)[]) sum[key] += part[key];
  return sum;
}

export function addCosts(parts: readonly ProcessCost[]): ProcessCost {
  let cpuSeconds = 0;
  let peakMemoryBytes = 0;
  for (const part of parts) {
    cpuSeconds += part.cpuSeconds;
    peakMemoryBytes += part.peakMemoryBytes;
  }
  return { cpuSeconds: Math.round(cpuSeconds * 1000) / 1000, peakMemoryBytes };
}

/** What this process has used up since it started. */
export function costOfThisProcess(): ProcessCost {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  return { cpuSeconds: toSeconds((userCPUTime + systemCPUTime) / 1000), peakMemoryBytes: maxRSS * 1024 };
}

export function toSeconds(ms: number): number {
  return Math.round(ms) / 1000;
}

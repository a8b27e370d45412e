/** The live line of `--progress`: how long, how much, how fast, how many. Drawn over itself a few times per second. */
import type { Messages } from './messages.ts';
import { formatBytes, formatDuration } from './quantities.ts';
import type { Totals } from './statistics.ts';

const INTERVAL_MS = 250;
/** The rate is the average of this long, so that it can be read. */
const RATE_WINDOW_MS = 2000;

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

/**
 * Starts to draw the line; does nothing without a terminal.
 *
 * @returns ends it and takes the line away
 */
export function showThroughput(messages: Messages, totals: () => Totals, now: () => number): () => void {
  if (!messages.isTerminal) return () => undefined;
  const startedAtMs = now();
  const samples: Sample[] = [{ atMs: startedAtMs, bytes: 0 }];
  const draw = (): void => {
    const current = totals();
    samples.push({ atMs: now(), bytes: current.forwardBytes + current.backwardBytes });
    while (samples.length > 2 && now() - (samples[1] as Sample).atMs >= RATE_WINDOW_MS) samples.shift();
    messages.live(throughputLine(current, now() - startedAtMs, rateOf(samples), messages.columns));
  };
  const timer = setInterval(draw, INTERVAL_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    messages.live('');
  };
}

/** Bytes per second between the first and the last sample. */
export function rateOf(samples: readonly Sample[]): number {
  const first = samples[0];
  const last = samples[samples.length - 1];
  if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
  return ((last.bytes - first.bytes) * 1000) / (last.atMs - first.atMs);
}

/** The text of the line, cut to the width of the terminal. */
export function throughputLine(totals: Totals, elapsedMs: number, bytesPerSecond: number, columns: number): string {
  const text = [
    formatDuration(elapsedMs).padStart(7),
    `→ ${formatBytes(totals.forwardBytes)}`.padEnd(10),
    `← ${formatBytes(totals.backwardBytes)}`.padEnd(10),
    `${formatBytes(bytesPerSecond)}/s`.padStart(10),
    `${totals.open} open of ${totals.connections}`,
  ].join('  ');
  // The last column stays free: a terminal that wraps there would leave the line behind.
  return text.slice(0, Math.max(0, columns - 1));
}

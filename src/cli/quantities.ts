/**
 * Durations and sizes, as they are written on the command line and shown on the terminal.
 *
 * A duration needs its unit (`30s`, `500ms`): half of the tools of this trade take seconds (nc, socat), the other half
 * milliseconds (Node), and a plain `30` that is understood the wrong way is a bug that nobody sees. Sizes are bytes
 * unless a unit says otherwise, with both families of units: `64MiB` is 2^26, `64MB` is 64 million.
 */

import { UsageError } from './usage-error.ts';

const durationUnits: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['min', 60_000],
  ['h', 3_600_000],
]);

const sizeUnits: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ['kb', 1e3],
  ['mb', 1e6],
  ['gb', 1e9],
  ['kib', 2 ** 10],
  ['mib', 2 ** 20],
  ['gib', 2 ** 30],
]);

/** Longest duration that is taken: about 24 days, what Node's timers can hold. */
const MAX_DURATION_MS = 2_147_483_647;

/**
 * Milliseconds of `30s`, `1.5m`, `500ms`, `2h` or `0`.
 *
 * @param what the option, for the message
 * @throws UsageError it is none of these
 */
export function parseDuration(text: string, what: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|min|h)?$/.exec(text);
  const unit = match?.[2];
  const amount = Number(match?.[1] ?? NaN);
  if (match === null) throw new UsageError(`${what} takes a duration such as 30s, 500ms or 5m, not '${text}'`);
  if (unit === undefined && amount !== 0) {
    throw new UsageError(`${what} ${text}: say the unit, ${text}s or ${text}ms`);
  }
  const ms = Math.round(amount * (durationUnits.get(unit ?? 'ms') as number));
  if (ms > MAX_DURATION_MS) throw new UsageError(`${what} ${text}: more than 24 days`);
  return ms;
}

/**
 * Bytes of `1024`, `64KiB`, `1.5MB`.
 *
 * @throws UsageError it is not a size, or not a whole number of bytes
 */
export function parseSize(text: string, what: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text);
  const factor = sizeUnits.get(match?.[2]?.toLowerCase() ?? '');
  const bytes = Number(match?.[1] ?? NaN) * (factor ?? NaN);
  if (!Number.isSafeInteger(bytes)) {
    throw new UsageError(`${what} takes a number of bytes such as 4096, 64KiB or 10MB, not '${text}'`);
  }
  return bytes;
}

/**
 * A count from `min` to `max`.
 *
 * @throws UsageError it is not a whole number in that range
 */
export function parseCount(text: string, what: string, { min, max }: { min: number; max: number }): number {
  const count = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(count >= min && count <= max)) {
    throw new UsageError(`${what} takes a whole number from ${min} to ${max}, not '${text}'`);
  }
  return count;
}

/** `0 B`, `980 B`, `12.3 MB`: powers of 1000, at most 8 characters. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let amount = bytes;
  let unit = 0;
  // 999.95 and more would be shown with four digits.
  while (amount >= (unit === 0 ? 1000 : 999.95) && unit < units.length - 1) {
    amount /= 1000;
    unit++;
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${units[unit] ?? ''}`;
}

/** `350 ms`, `12.3 s`, `2m05s`, `3h07m`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, '0')}s`;
  const minutes = Math.round(ms / 60_000);
  return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, '0')}m`;
}
